"""How people get in: an ssh_config with pinned host keys, as text for a file of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from cilium_lab.config.topology import Topology

FOLDER = "~/.ssh/cilium-lab"
"""Where the ssh_config expects the key and the list of host keys."""


def ssh_config(topology: Topology) -> str:
    """ssh_config(5) for every host by its name."""
    blocks = [
        f"Host {host.name}\n  HostName {host.address}\n  User root\n  IdentityFile {FOLDER}/key\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {FOLDER}/known_hosts\n  StrictHostKeyChecking yes\n"
        for host in topology.hosts
    ]
    return "\n".join(blocks)


def known_hosts(topology: Topology, public_keys: Mapping[str, str]) -> str:
    """known_hosts(5): every host's address with its pinned key; `public_keys` is keyed by host name."""
    lines = (f"{host.address} {public_keys[host.name].strip()}\n" for host in topology.hosts)
    return "".join(lines)
