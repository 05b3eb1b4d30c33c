"""What the machine that runs the program must have, looked for before anything is made: pure but for the two looks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cilium_lab.config.model import LabConfig
from cilium_lab.config.topology import Hypervisor

_SOCKETS = {
    "vm": ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"),
    "container": ("/run/libvirt/libvirt-sock", "/run/libvirt/virtlxcd-sock"),
}
_DRIVERS = {
    "vm": "libvirt-daemon-system and qemu-system-x86 (Debian), libvirt-daemon-kvm (Fedora, Rocky)",
    "container": "libvirt-daemon-driver-lxc (Debian), libvirt-daemon-lxc (Fedora, Rocky)",
}


@dataclass(frozen=True)
class Tool:
    """A command, what it is needed for, and the packages that have it."""

    command: str
    purpose: str
    packages: str


_ALWAYS = (
    Tool("virsh", "to look after libvirt's networks", "libvirt-clients (Debian), libvirt-client (Fedora, Rocky)"),
    Tool(
        "xsltproc", "by the libvirt provider, to put the gateway on the bridge", "xsltproc (Debian), libxslt (Fedora)"
    ),
    Tool("kubectl", "to look after interrupted runs of Helm", "kubectl from Kubernetes' own package repositories"),
    Tool("ssh", "to give hosts their keys", "openssh-client (Debian), openssh-clients (Fedora, Rocky)"),
    Tool("ssh-keygen", "to make the hosts' keys", "openssh-client (Debian), openssh (Fedora, Rocky)"),
)
_FOR_VIRTUAL_MACHINES = (
    Tool(
        "mkisofs", "by the libvirt provider, to make cloud-init disks", "genisoimage (Debian), xorriso (Fedora, Rocky)"
    ),
    Tool("curl", "to fetch the cloud image", "curl"),
)


def missing(
    config: LabConfig,
    *,
    has_command: Callable[[str], bool] = lambda command: shutil.which(command) is not None,
    exists: Callable[[str], bool] = lambda path: Path(path).exists(),
) -> list[str]:
    """One sentence for each thing that is not there, with the package to install; empty when all is there."""
    used = [h for h in config.topology.hypervisors if any(host.hypervisor == h.name for host in config.topology.hosts)]
    tools = [*_ALWAYS, *(_FOR_VIRTUAL_MACHINES if any(h.kind == "vm" for h in used) else ())]
    lines = [
        f"{tool.command} is not on the PATH; it is needed {tool.purpose}. Install {tool.packages}"
        for tool in tools
        if not has_command(tool.command)
    ]
    return lines + list(_without_daemon(used, exists))


def _without_daemon(hypervisors: Iterable[Hypervisor], exists: Callable[[str], bool]) -> Iterable[str]:
    for hypervisor in hypervisors:
        if hypervisor.kind is None or not hypervisor.uri.endswith(":///system"):
            continue  # another machine's daemon, or a socket of its own: connecting will tell
        if not any(exists(path) for path in _SOCKETS[hypervisor.kind]):
            yield (
                f"no libvirt answers for {hypervisor.uri} (hypervisor {hypervisor.name}). "
                f"Install {_DRIVERS[hypervisor.kind]} and start libvirtd"
            )
