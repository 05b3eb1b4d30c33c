"""Hosts, networks and CIDR arithmetic of the lab: pure, frozen, without Pulumi.

The shape is the study's: one control plane, workers and a router on the node network (172.31.0.0/20,
interface ens160), and the router alone on a second network (10.10.0.0/16, interface ens192) behind which it
answers on two more addresses. What a host runs is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import islice
from typing import Literal

Role = Literal["control-plane", "worker", "router"]
MachineKind = Literal["vm", "container"]
DomainType = Literal["kvm", "nested", "qemu"]

NODE_INTERFACE = "ens160"
"""The interface of every host on the node network (the study's name, VMware's first slot)."""
ROUTER_INTERFACE = "ens192"
"""The router's second interface."""
API_SERVER_PORT = 6443


def node_capacity(pools: Iterable[IPv4Network], mask_size: int) -> int:
    """How many nodes can have a block of /mask_size each; a pool smaller than one block counts nothing."""
    return sum(2 ** (mask_size - p.prefixlen) for p in pools if p.prefixlen <= mask_size)


def usable(network: IPv4Network, address: IPv4Address) -> bool:
    """Whether a host may carry the address: inside the network and neither its first nor its last."""
    return address in network and address not in (network.network_address, network.broadcast_address)


def host_addresses(network: IPv4Network, taken: Iterable[IPv4Address], count: int) -> list[IPv4Address]:
    """The lowest `count` addresses that a host could have and nobody has (fewer when the network is full)."""
    used = set(taken)
    return list(islice((a for a in network.hosts() if a not in used), count))


def mac_address(address: IPv4Address) -> str:
    """The fixed hardware address of the interface that has this address.

    52:54:00 is QEMU's prefix; the rest is the last three octets, so that one network of /8 or longer never
    has two of the same: 172.31.1.10 gives 52:54:00:1f:01:0a.
    """
    return "52:54:00:" + ":".join(f"{octet:02x}" for octet in address.packed[1:])


@dataclass(frozen=True)
class Network:
    """The node network: a bridge with the gateway's address on it."""

    cidr: IPv4Network
    gateway: IPv4Address
    bridge: str


@dataclass(frozen=True)
class DummyLink:
    """A link without a wire on the router; its address stands for a network behind the router."""

    name: str
    interface: IPv4Interface


@dataclass(frozen=True)
class RouterNetwork:
    """The network behind the router. Nodes reach all of `cidr` through the router's address on the node network."""

    cidr: IPv4Network
    address: IPv4Address
    bridge: str
    links: tuple[DummyLink, ...]

    @property
    def interface(self) -> IPv4Interface:
        """The router's own address with the network's prefix length, for example 10.10.10.10/16."""
        return IPv4Interface(f"{self.address}/{self.cidr.prefixlen}")

    @property
    def mac(self) -> str:
        return mac_address(self.address)


@dataclass(frozen=True)
class Hypervisor:
    """A libvirt that hosts run on; its URI's scheme tells which kind of machine it makes."""

    name: str
    uri: str
    domain_type: DomainType | None = None
    """What its virtual machines run on; None where it makes none."""

    @property
    def kind(self) -> MachineKind | None:
        """qemu[+transport]:// makes virtual machines, lxc[+transport]:// containers; None for anything else."""
        scheme = self.uri.partition("://")[0].partition("+")[0]
        kinds: dict[str, MachineKind] = {"qemu": "vm", "lxc": "container"}
        return kinds.get(scheme)


@dataclass(frozen=True)
class Host:
    """One machine of the lab. `memory_mib` in MiB, `disk_gib` in GiB (a container has no disk of its own)."""

    name: str
    role: Role
    address: IPv4Address
    machine: MachineKind
    cpus: int
    memory_mib: int
    disk_gib: int
    hypervisor: str

    @property
    def mac(self) -> str:
        """The hardware address of the interface on the node network."""
        return mac_address(self.address)

    @property
    def is_node(self) -> bool:
        """Whether the host is a node of the cluster."""
        return self.role != "router"


@dataclass(frozen=True)
class Topology:
    """All hosts and networks. A validated one has exactly one control plane, one router and at least one worker."""

    network: Network
    router_network: RouterNetwork
    hypervisors: tuple[Hypervisor, ...]
    hosts: tuple[Host, ...]

    @property
    def control_plane(self) -> Host:
        return self._one("control-plane")

    @property
    def router(self) -> Host:
        return self._one("router")

    @property
    def workers(self) -> tuple[Host, ...]:
        return tuple(h for h in self.hosts if h.role == "worker")

    @property
    def nodes(self) -> tuple[Host, ...]:
        """The cluster's nodes, the control plane first."""
        return (self.control_plane, *self.workers)

    @property
    def node_prefix_length(self) -> int:
        """The prefix length of every host's address on the node network, for example 20."""
        return self.network.cidr.prefixlen

    def hypervisor_of(self, host: Host) -> Hypervisor:
        """The hypervisor that the host runs on; KeyError when it is not defined."""
        return {h.name: h for h in self.hypervisors}[host.hypervisor]

    def node_interface(self, host: Host) -> IPv4Interface:
        """A host's address with the node network's prefix length, for example 172.31.1.10/20."""
        return IPv4Interface(f"{host.address}/{self.node_prefix_length}")

    def _one(self, role: Role) -> Host:
        return next(h for h in self.hosts if h.role == role)
