"""Removes what an interrupted run created but could not note in the stack's state.

Pulumi is about to create something, so it knows of none; if libvirt has one of that name, it can only be the rest of
a run that was killed between the creation and the note. Without this the next run would be refused for ever.
"""

from __future__ import annotations

import subprocess

import pulumi


def without_leftover_network(uri: str, network: str) -> pulumi.ResourceHookBinding:
    """Hooks for a libvirt network: before it is created, one of the same name is removed."""

    def remove(_args: pulumi.ResourceHookArgs) -> None:
        known = _virsh(uri, "net-list", "--all", "--name")
        if network in known.stdout.split():
            pulumi.log.warn(f"network {network} is left from an interrupted run and is made anew")
            _virsh(uri, "net-destroy", network)  # fails where it is not active, which is as good
            _virsh(uri, "net-undefine", network).check_returncode()

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"without-leftover-{uri}-{network}", remove)])


def _virsh(uri: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["virsh", "-q", "-c", uri, *words], capture_output=True, text=True, check=False)
