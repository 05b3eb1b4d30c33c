"""Builds the Cilium study lab: reads the stack's configuration, makes the lab, exports how to reach it."""

import pulumi

from cilium_lab.config.load import load
from components.lab import Lab

lab = Lab("lab", load())
for name, value in lab.outputs.items():
    pulumi.export(name, value)
