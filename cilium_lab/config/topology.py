"""Hosts and networks: their options, what follows from them, and the arithmetic of ranges. Frozen, without Pulumi.

The default shape is the study's: one control plane, workers and a router on the node network (172.31.0.0/20,
interface ens160), and the router alone on a second network (10.10.0.0/16, interface ens192) behind which it
answers on two more addresses. What a host runs is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import islice
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticKnownError

from cilium_lab.config.formats import Address, Cidr, Interface, Link, Name, Uri
from cilium_lab.config.options import Options, derived

Role = Literal["worker", "control-plane", "router"]
MachineKind = Literal["vm", "container"]
DomainType = Literal["kvm", "nested", "qemu"]

NODE_INTERFACE = "ens160"
"""The interface of every host on the node network (the study's name, VMware's first slot)."""
ROUTER_INTERFACE = "ens192"
"""The router's second interface."""
API_SERVER_PORT = 6443


def node_capacity(pools: Iterable[IPv4Network], mask_size: int) -> int:
    """How many nodes can have a pod CIDR of /mask_size each; a pool smaller than one counts nothing."""
    return sum(2 ** (mask_size - p.prefixlen) for p in pools if p.prefixlen <= mask_size)


def usable(network: IPv4Network, address: IPv4Address) -> bool:
    """Whether a host may carry the address: inside the network and neither its first nor its last."""
    return address in network and address not in (network.network_address, network.broadcast_address)


def host_addresses(network: IPv4Network, used: Iterable[IPv4Address], count: int) -> list[IPv4Address]:
    """The lowest `count` addresses that a host could have and that are not in use (fewer when the network is full)."""
    others = set(used)
    return list(islice((a for a in network.hosts() if a not in others), count))


def mac_address(address: IPv4Address) -> str:
    """The fixed hardware address of the interface that has this address.

    52:54:00 is QEMU's prefix; the rest is the last three octets, so that one network of /8 or longer never
    has two of the same: 172.31.1.10 gives 52:54:00:1f:01:0a.
    """
    return "52:54:00:" + ":".join(f"{octet:02x}" for octet in address.packed[1:])


class Network(Options):
    """The node network: a bridge with the gateway's address on it."""

    cidr: Cidr = Field(default=IPv4Network("172.31.0.0/20"), description="Its range.")
    gateway: Address = Field(default=IPv4Address("172.31.0.2"), description="Its default gateway, on the bridge.")
    bridge: Link = Field(default="lab-nodes", description="Name of the bridge on the hypervisor.")


class DummyLink(Options):
    """A link without a wire on the router; its address stands for a network behind the router."""

    name: Link = Field(description="Name of the link.", examples=["loop1"])
    interface: Interface = Field(
        alias="address",
        description="Its address with prefix length, inside routerNetwork.cidr.",
        examples=["10.10.1.200/24"],
    )


class RouterNetwork(Options):
    """The network behind the router. Nodes reach all of `cidr` through the router's address on the node network."""

    cidr: Cidr = Field(default=IPv4Network("10.10.0.0/16"), description="Its range, and the nodes' static route.")
    address: Address = Field(default=IPv4Address("10.10.10.10"), description="The router's address on it.")
    bridge: Link = Field(default="lab-outer", description="Name of the bridge on the hypervisor.")
    links: tuple[DummyLink, ...] = Field(
        default=(
            DummyLink(name="loop1", address=IPv4Interface("10.10.1.200/24")),
            DummyLink(name="loop2", address=IPv4Interface("10.10.2.200/24")),
        ),
        strict=False,
        description="Dummy links of the router that stand for networks behind it.",
    )

    @property
    def interface(self) -> IPv4Interface:
        """The router's own address with the network's prefix length, for example 10.10.10.10/16."""
        return IPv4Interface(f"{self.address}/{self.cidr.prefixlen}")

    @property
    def mac(self) -> str:
        return mac_address(self.address)


def _refuse_null(value: object) -> object:
    if value is None:
        raise PydanticKnownError("string_type")
    return value


def is_local(uri: str) -> bool:
    """Whether a libvirt is this machine's, by whatever socket: its URI names no host."""
    return uri.partition("://")[2].startswith("/")


class Hypervisor(Options):
    """A libvirt that hosts run on; its URI's scheme tells which kind of machine it makes."""

    name: Name = Field(description="Name by which hosts refer to it.", examples=["local-vm"])
    uri: Uri = Field(description="libvirt URI.", examples=["qemu:///system"])
    domain_type: Annotated[DomainType | None, BeforeValidator(_refuse_null)] = derived(
        "qemu:// only: kvm (default), nested (the hypervisor is a virtual machine itself) or qemu (emulated)."
    )
    """What its virtual machines run on; None where it makes none."""

    @property
    def kind(self) -> MachineKind | None:
        """qemu[+transport]:// makes virtual machines, lxc[+transport]:// containers; None for anything else."""
        scheme = self.uri.partition("://")[0].partition("+")[0]
        kinds: dict[str, MachineKind] = {"qemu": "vm", "lxc": "container"}
        return kinds.get(scheme)

    @property
    def remote(self) -> bool:
        """Whether the libvirt is another machine's."""
        return not is_local(self.uri)


class Host(Options):
    """One machine of the lab."""

    name: Name = Field(description="Host name (RFC 1123 label).", examples=["k8s-w3"])
    role: Role = Field(description="What the host is for.")
    address: Address = Field(description="Address on nodeNetwork.", examples=["172.31.1.13"])
    machine: MachineKind = derived("Kind of machine; by default `machines`.")
    cpus: int = Field(default=2, ge=1, le=256, description="Virtual processors.")
    memory_mib: int = Field(default=3072, ge=512, le=1048576, description="Memory in MiB.")
    disk_gib: int = Field(default=20, ge=10, le=16384, description="Disk in GiB (virtual machines only).")
    hypervisor: Name = derived("By default the first that fits its kind.", "local-vm")

    @property
    def mac(self) -> str:
        """The hardware address of the interface on the node network."""
        return mac_address(self.address)

    @property
    def is_node(self) -> bool:
        """Whether the host is a node of the cluster."""
        return self.role != "router"


HYPERVISORS = (
    Hypervisor(name="local-vm", uri="qemu:///system"),
    Hypervisor(name="local-container", uri="lxc:///system"),
)
HOSTS = (
    Host(name="k8s-cp", role="control-plane", address=IPv4Address("172.31.1.10"), cpus=2, memory_mib=4096),
    Host(name="k8s-w1", role="worker", address=IPv4Address("172.31.1.11")),
    Host(name="k8s-w2", role="worker", address=IPv4Address("172.31.1.12")),
    Host(name="router", role="router", address=IPv4Address("172.31.1.20"), cpus=1, memory_mib=1024, disk_gib=10),
)
"""The study's machines: the defaults, from which `cilium_lab.config.schema.complete` makes whole ones."""


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
