"""The policy pack: pulumi preview --policy-pack policies."""

import sys
from pathlib import Path

from pulumi_policy import PolicyPack

# The engine runs this folder, not the project that it is part of.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policies.pack import policies

PolicyPack("cilium-lab", policies())
