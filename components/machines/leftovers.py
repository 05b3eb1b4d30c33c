"""Removes what an interrupted run created but could not note in the stack's state.

Pulumi is about to create something, so it knows of none; if libvirt has one of that name, it can only be the rest of
a run that was killed between the creation and the note, or that failed half-way. Without this the next run would be
refused for ever, or, with a volume, would start a host from another one's disk.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pulumi

_UPLOAD_LIMIT = 1200.0
"""Seconds that the upload of a base image may take: two GiB to a hypervisor behind a slow line."""
_PAUSE = 0.5


def without_leftover_network(uri: str, network: str) -> pulumi.ResourceHookBinding:
    """Hooks for a libvirt network: before it is created, one of the same name is removed."""

    def remove() -> None:
        if network in _virsh(uri, "net-list", "--all", "--name").stdout.split():
            _warn("network", network)
            _virsh(uri, "net-destroy", network)  # fails where it is not active, which is as good
            _virsh(uri, "net-undefine", network).check_returncode()

    return _before_create(f"network-{uri}-{network}", remove)


def without_leftover_pool(uri: str, pool: str) -> pulumi.ResourceHookBinding:
    """Hooks for a storage pool. Its volumes stay: each is removed before the one of its name is created."""

    def remove() -> None:
        if pool in _virsh(uri, "pool-list", "--all", "--name").stdout.split():
            _warn("pool", pool)
            _virsh(uri, "pool-destroy", pool)  # as above
            _virsh(uri, "pool-undefine", pool).check_returncode()

    return _before_create(f"pool-{uri}-{pool}", remove)


def without_leftover_volume(uri: str, pool: str, volume: str) -> pulumi.ResourceHookBinding:
    """Hooks for a volume: libvirt's provider would take one of that name for the one that it shall make."""

    def remove() -> None:
        _refresh(uri, pool)
        listed = _virsh(uri, "vol-list", pool).stdout.splitlines()
        if volume in [line.split()[0] for line in listed if line.strip()]:
            _warn("volume", volume)
            _virsh(uri, "vol-delete", "--pool", pool, volume).check_returncode()

    return _before_create(f"volume-{uri}-{pool}-{volume}", remove)


def without_leftover_domain(uri: str, domain: str, then: Callable[[], None]) -> pulumi.ResourceHookBinding:
    """Hooks for a domain; `then` is called when there is no other, before it is created."""

    def remove() -> None:
        if domain in _virsh(uri, "list", "--all", "--name").stdout.split():
            _warn("domain", domain)
            _virsh(uri, "destroy", domain)  # fails where it does not run, which is as good
            _virsh(uri, "undefine", "--nvram", domain).check_returncode()
        then()

    return _before_create(f"domain-{uri}-{domain}", remove)


def _refresh(uri: str, pool: str) -> None:
    """Let libvirt look what lies in the pool; it refuses to while another volume is being uploaded.

    Raises RuntimeError with libvirt's words.
    """
    end = time.monotonic() + _UPLOAD_LIMIT
    while (done := _virsh(uri, "pool-refresh", pool)).returncode:
        if "asynchronous jobs" not in done.stderr or time.monotonic() > end:
            raise RuntimeError(f"{uri}: storage pool {pool} can't be read anew: {done.stderr.strip()}")
        time.sleep(_PAUSE)


def _before_create(name: str, act: Callable[[], None]) -> pulumi.ResourceHookBinding:
    def hook(_args: pulumi.ResourceHookArgs) -> None:
        act()

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"without-leftover-{name}", hook)])


def _warn(what: str, name: str) -> None:
    pulumi.log.warn(f"{what} {name} is left from an interrupted run and is made anew")


def _virsh(uri: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["virsh", "-q", "-c", uri, *words], capture_output=True, text=True, check=False)
