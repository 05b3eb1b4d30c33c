"""The configuration of the test program's lab: all hosts emulated, of which it makes the control plane alone."""

from __future__ import annotations

from cilium_lab.config.load import parse
from cilium_lab.config.schema import LabConfig


def lab_config(memory_mib: int) -> LabConfig:
    """`memory_mib` is the control plane's."""
    control_plane = {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10", "memoryMiB": memory_mib}
    return parse(
        {
            "machines": "vm",
            "artifacts": "bundle",
            "hypervisors": [{"name": "local-vm", "uri": "qemu:///system", "domainType": "qemu"}],
            "hosts": [
                control_plane,
                {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11"},
                {"name": "router", "role": "router", "address": "172.31.1.20"},
            ],
        }
    )
