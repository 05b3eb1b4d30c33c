"""The files that make a generic root file system a particular host."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cilium_lab.config.topology import Host, Network
from components.machines.files import File


def hosts_file(hosts: Sequence[Host]) -> str:
    """/etc/hosts with the names of these hosts (hosts(5))."""
    return "127.0.0.1 localhost\n" + "".join(f"{host.address} {host.name}\n" for host in hosts)


def identity_files(host: Host, network: Network, hosts: Sequence[Host]) -> dict[str, File]:
    """Name, machine id and the names of the other hosts, by path below the root."""
    return {
        "etc/hostname": File(f"{host.name}\n", 0o644),
        "etc/machine-id": File(f"{_machine_id(host)}\n", 0o444),
        "etc/hosts": File(hosts_file(hosts), 0o644),
        # nothing answers there in a sealed lab: names from outside fail at once instead of timing out
        "etc/resolv.conf": File(f"nameserver {network.gateway}\n", 0o644),
    }


def key_files(authorized_key: str, host_key: str, host_public_key: str) -> dict[str, File]:
    """The pinned host key and the accepted user key: those of the first boot, which may change later."""
    return {
        "etc/ssh/ssh_host_ed25519_key": File(host_key.strip() + "\n"),
        "etc/ssh/ssh_host_ed25519_key.pub": File(host_public_key.strip() + "\n", 0o644),
        "root/.ssh/authorized_keys": File(authorized_key.strip() + "\n"),
    }


def _machine_id(host: Host) -> str:
    """32 hexadecimal digits, the same whenever the host is re-created (machine-id(5))."""
    return hashlib.sha256(f"cilium-lab {host.name} {host.address}".encode()).hexdigest()[:32]
