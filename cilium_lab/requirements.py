"""What the machine that runs the program must have for a configuration: one look, then a pure judgement of all of it.

Two answers: what is missing (nothing may be made then), and notes about what may get in the way and cannot be seen
without more rights. Each line names the command that mends it on Debian, Ubuntu and Fedora.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import Hypervisor
from cilium_lab.kvm import Kvm, try_kvm

SOCKET = "/var/run/libvirt/libvirt-sock"
"""The libvirt provider dials this one alone for a local URI (digitalocean/go-libvirt, socket/dialers/local.go)."""
_MORE_PATH = ("/usr/sbin", "/sbin")
"""Debian has them on root's PATH alone, and libvirt starts what is there."""
_OWN_MIB = 1024
"""For the machine itself, besides its virtual machines."""
_BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@dataclass(frozen=True)
class Tool:
    """A command, what needs it, and the packages that have it."""

    command: str
    purpose: str
    debian: str
    """On Ubuntu as well."""
    fedora: str
    """On Rocky as well."""

    def __str__(self) -> str:
        return f"{self.command} is not installed: {self.purpose}. {_install(self.debian, self.fedora)}"


_ALWAYS = (
    Tool("virsh", "this program looks at libvirt's objects with it", "libvirt-clients", "libvirt-client"),
    Tool("xsltproc", "the libvirt provider completes the XML of networks and machines with it", "xsltproc", "libxslt"),
    Tool("ssh", "hosts get their keys over it", "openssh-client", "openssh-clients"),
    Tool("ssh-keygen", "it makes the hosts' keys", "openssh-client", "openssh"),
)
_PULUMI = "pulumi"
"""It runs this program, but may have been named by its path."""
_KUBECTL = "kubectl"
"""Distributions carry one that is years older than the cluster."""
_FOR_VIRTUAL_MACHINES = (
    Tool("mkisofs", "the libvirt provider makes cloud-init disks with it", "genisoimage", "xorriso"),
    Tool("curl", "the cloud image is downloaded with it", "curl", "curl"),
    Tool("dnsmasq", "libvirt answers DNS on the lab's network with it", "dnsmasq-base", "dnsmasq"),
)
_DAEMONS: Mapping[str, tuple[str, str]] = {
    "vm": ("libvirt-daemon-system qemu-system-x86", "libvirt-daemon-kvm libvirt-daemon-proxy"),
    "container": ("libvirt-daemon-system libvirt-daemon-driver-lxc", "libvirt-daemon-lxc libvirt-daemon-proxy"),
}
_START = (
    "Debian, Ubuntu: sudo systemctl enable --now libvirtd. "
    "Fedora: sudo systemctl enable --now virtproxyd.socket virtqemud.socket virtnetworkd.socket virtstoraged.socket"
)


@dataclass(frozen=True)
class Machine:
    """What one look saw."""

    commands: frozenset[str]
    """Those of the tools above that are there."""
    socket: str
    """Of libvirt: `open`, `closed` (this user may not connect) or `none`."""
    kvm: Kvm
    """Not tried for a lab that does without."""
    memory_mib: int
    """All of it, not only what is free: on a lab that runs, its machines have their share."""
    addresses: Mapping[str, tuple[IPv4Interface, ...]]
    """IPv4 by interface."""
    dead_agent: str
    """The socket that SSH_AUTH_SOCK names, if no agent answers there; empty otherwise."""
    docker: bool
    bridge_filter: bool
    """Packets between two machines on one bridge pass iptables (net.bridge.bridge-nf-call-iptables)."""
    no_tunnel: str = ""
    """The kernel's words where it makes no link of the tunnel's kind; empty where it does, or nothing wants one."""


def look(config: LabConfig) -> Machine:
    """Look at this machine, whether KVM boots a kernel too if the lab needs that; nothing is changed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_MORE_PATH])
    commands = (_PULUMI, _KUBECTL, *(tool.command for tool in (*_ALWAYS, *_FOR_VIRTUAL_MACHINES)))
    return Machine(
        commands=frozenset(command for command in commands if shutil.which(command, path=path)),
        socket=_access(Path(SOCKET)),
        kvm=try_kvm() if _needs_kvm(config) else Kvm("not tried", "the lab does without it"),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        addresses=_addresses(),
        dead_agent=_dead_agent(os.environ.get("SSH_AUTH_SOCK", "")),
        docker=Path("/var/run/docker.sock").exists(),
        bridge_filter=_BRIDGE_FILTER.exists() and _BRIDGE_FILTER.read_text().strip() == "1",
        no_tunnel=_no_tunnel(config.tunnel_protocol) if _shares_kernel(config) and os.geteuid() == 0 else "",
    )


def missing(config: LabConfig, machine: Machine) -> list[str]:
    """One sentence for each thing that is not there or in the way; empty when the lab can be made here."""
    used = _hypervisors(config)
    virtual = any(hypervisor.kind == "vm" for hypervisor in used)
    tools = [*_ALWAYS, *(_FOR_VIRTUAL_MACHINES if virtual else ())]
    lines = [str(tool) for tool in tools if tool.command not in machine.commands]
    if _PULUMI not in machine.commands:
        lines.append(
            "pulumi is not on the PATH: this program reads the stack's state with it. Add its folder: "
            'export PATH="$PATH:$HOME/.pulumi/bin"'
        )
    if _KUBECTL not in machine.commands:
        version = config.versions.kubernetes
        lines.append(
            f"kubectl is not installed: this program reads the cluster through it. Install {version} or its like from "
            "Kubernetes' own packages: https://kubernetes.io/docs/tasks/tools"
        )
    if machine.dead_agent and config.artifacts == "online":  # the project's own build of the provider goes on
        lines.append(
            f"SSH_AUTH_SOCK names {machine.dead_agent}, where no agent answers: the official command provider "
            "fails at that. "
            "unset SSH_AUTH_SOCK"
        )
    local = [hypervisor for hypervisor in used if hypervisor.kind and not hypervisor.remote]
    lines += _without_daemon(local, machine)
    if _needs_kvm(config):
        lines += _without_kvm(machine)
    if any(hypervisor.kind == "vm" for hypervisor in local):
        lines += _without_memory(config, local, machine)
    if machine.no_tunnel:
        other = "vxlan" if config.tunnel_protocol == "geneve" else "geneve"
        lines.append(
            f"this machine's kernel, which containers share, makes no {config.tunnel_protocol} link: "
            f"{machine.no_tunnel}. sudo modprobe {config.tunnel_protocol}; where there is no such module: pulumi "
            f"config set tunnelProtocol {other}, or routingMode native"
        )
    if local:
        lines += _overlaps(config, machine)
    return lines


def notes(config: LabConfig, machine: Machine) -> list[str]:
    """What may get in the way of a lab on this machine, and what to do if it does."""
    if config.artifacts != "online" or all(hypervisor.remote for hypervisor in _hypervisors(config)):
        return []
    lines: list[str] = []
    if _needs_kvm(config) and machine.kvm.state == "not tried":
        lines.append(f"{machine.kvm}. To know before the lab is made: {machine.kvm.remedy}")
    bridge = config.topology.network.bridge
    if machine.docker:
        lines.append(
            "Docker runs here and sets the policy of iptables' FORWARD chain to DROP, so machines may not reach the "
            f"internet. If they do not: sudo iptables -I DOCKER-USER -i {bridge} -j ACCEPT; "
            f"sudo iptables -I DOCKER-USER -o {bridge} -j ACCEPT"
        )
    if machine.bridge_filter:
        lines.append(
            "net.bridge.bridge-nf-call-iptables is 1, so iptables may rewrite traffic between machines. "
            "sudo sysctl net.bridge.bridge-nf-call-iptables=0"
        )
    return lines


def _hypervisors(config: LabConfig) -> list[Hypervisor]:
    """Those that a host runs on."""
    hosts = config.topology.hosts
    return [h for h in config.topology.hypervisors if any(host.hypervisor == h.name for host in hosts)]


def _without_daemon(local: list[Hypervisor], machine: Machine) -> Iterator[str]:
    for hypervisor in local:
        if not hypervisor.uri.endswith(":///system"):
            continue  # connecting tells about a socket that is named, or a user's own daemon
        who = f"libvirt does not answer for {hypervisor.uri} (hypervisor {hypervisor.name})"
        if machine.socket == "none":
            assert hypervisor.kind is not None  # a local one has a kind
            yield f"{who}: there is no {SOCKET}. {_install(*_DAEMONS[hypervisor.kind])}. Then {_START}"
        elif machine.socket == "closed":
            yield f"{who}: this user may not open {SOCKET}. sudo usermod -aG libvirt $USER, then log in again"


def _needs_kvm(config: LabConfig) -> bool:
    """Whether a virtual machine of this machine's own libvirt has KVM run it."""
    local = (h for h in _hypervisors(config) if h.kind == "vm" and not h.remote)
    return any(hypervisor.domain_type in ("kvm", "nested") for hypervisor in local)


def _shares_kernel(config: LabConfig) -> bool:
    """Whether nodes that pass on packets through a tunnel are containers of this machine."""
    local = {h.name for h in _hypervisors(config) if h.kind == "container" and not h.remote}
    return config.routing_mode == "tunnel" and any(host.hypervisor in local for host in config.topology.nodes)


def _no_tunnel(kind: str) -> str:
    """What the kernel says where it makes no link of that kind, tried in a network namespace that goes at once."""
    link = ["ip", "link", "add", "tunnel", "type", kind, "id", "1", "remote", "127.0.0.1"]
    done = subprocess.run(["unshare", "--net", *link], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else " ".join(done.stderr.split()) or f"exit status {done.returncode}"


def _without_kvm(machine: Machine) -> Iterator[str]:
    if machine.kvm.state in ("no device", "boots nothing"):
        yield (
            f"{machine.kvm}. {machine.kvm.remedy}; without KVM: pulumi config set --path "
            "hypervisors[0].domainType qemu, which is many times slower"
        )


def _without_memory(config: LabConfig, local: list[Hypervisor], machine: Machine) -> Iterator[str]:
    names = {hypervisor.name for hypervisor in local if hypervisor.kind == "vm"}
    wanted = sum(host.memory_mib for host in config.topology.hosts if host.hypervisor in names)
    if machine.memory_mib < wanted + _OWN_MIB:
        yield (
            f"{machine.memory_mib} MiB of memory are too little for machines of {wanted} MiB and {_OWN_MIB} MiB "
            "besides. Lower memoryMiB in hosts"
        )


def _overlaps(config: LabConfig, machine: Machine) -> Iterator[str]:
    """Addresses of this machine inside the lab's networks; those of the lab's own bridges are not in the way."""
    own = {config.topology.network.bridge, config.topology.router_network.bridge}
    ranges: dict[str, IPv4Network] = {
        "nodeNetwork.cidr": config.topology.network.cidr,
        "routerNetwork.cidr": config.topology.router_network.cidr,
    }
    for interface, addresses in sorted(machine.addresses.items()):
        for address in addresses if interface not in own else ():
            for key, cidr in ranges.items():
                if address.network.overlaps(cidr):
                    yield (
                        f"{key} {cidr} overlaps {address} of this machine's interface {interface}. "
                        f"Choose another range for {key}"
                    )


def _install(debian: str, fedora: str) -> str:
    return f"Debian, Ubuntu: sudo apt-get install -y {debian}. Fedora: sudo dnf install -y {fedora}"


def _access(path: Path) -> str:
    if not path.exists():
        return "none"
    return "open" if os.access(path, os.R_OK | os.W_OK) else "closed"


def _dead_agent(path: str) -> str:
    """The provider tries the agent first, and takes one that does not answer for an error (remote/connection.go)."""
    if not path:
        return ""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(path)
        except OSError:
            return path
    return ""


def _addresses() -> dict[str, tuple[IPv4Interface, ...]]:
    """Of every interface, by ip(8); none where that is not there."""
    try:
        done = subprocess.run(["ip", "-4", "-json", "address"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {
        entry["ifname"]: tuple(IPv4Interface(f"{a['local']}/{a['prefixlen']}") for a in entry["addr_info"])
        for entry in json.loads(done.stdout)
    }
