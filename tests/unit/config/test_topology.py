"""The study's topology, and the arithmetic of ranges."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from cilium_lab.config.load import parse
from cilium_lab.config.topology import Hypervisor, host_addresses, mac_address, node_capacity, usable


def test_the_studys_hosts() -> None:
    topology = parse({}).topology
    assert [(h.name, h.role, str(topology.node_interface(h)), h.mac) for h in topology.hosts] == [
        ("k8s-cp", "control-plane", "172.31.1.10/20", "52:54:00:1f:01:0a"),
        ("k8s-w1", "worker", "172.31.1.11/20", "52:54:00:1f:01:0b"),
        ("k8s-w2", "worker", "172.31.1.12/20", "52:54:00:1f:01:0c"),
        ("router", "router", "172.31.1.20/20", "52:54:00:1f:01:14"),
    ]
    assert str(topology.network.gateway) == "172.31.0.2"
    assert [h.name for h in topology.nodes] == ["k8s-cp", "k8s-w1", "k8s-w2"]
    assert topology.control_plane.name == "k8s-cp"
    assert topology.router.name == "router"
    assert not topology.router.is_node


def test_the_studys_router_network() -> None:
    outer = parse({}).topology.router_network
    assert str(outer.cidr) == "10.10.0.0/16"
    assert str(outer.interface) == "10.10.10.10/16"
    assert [(link.name, str(link.interface)) for link in outer.links] == [
        ("loop1", "10.10.1.200/24"),
        ("loop2", "10.10.2.200/24"),
    ]


def test_hosts_find_their_hypervisor() -> None:
    mixed = [
        {"name": "cp", "role": "control-plane", "address": "172.31.1.10"},
        {"name": "w", "role": "worker", "address": "172.31.1.11"},
        {"name": "router", "role": "router", "address": "172.31.1.20", "machine": "vm"},
    ]
    topology = parse({"machines": "container", "hosts": mixed}).topology
    assert [topology.hypervisor_of(h).uri for h in topology.hosts] == ["lxc:///system"] * 2 + ["qemu:///system"]


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("qemu:///system", "vm"),
        ("qemu+ssh://root@host/system", "vm"),
        ("lxc:///system", "container"),
        ("lxc+unix:///system?socket=/run/libvirt-sock", "container"),
        ("test:///default", None),
        ("qemux:///system", None),
    ],
)
def test_kind_of_a_hypervisor(uri: str, kind: str | None) -> None:
    assert Hypervisor(name="h", uri=uri).kind == kind


def test_capacity_counts_whole_pod_cidrs() -> None:
    pools = [IPv4Network("172.20.0.0/16"), IPv4Network("10.0.0.0/23"), IPv4Network("10.1.0.0/25")]
    assert node_capacity(pools, 24) == 256 + 2 + 0


def test_addresses_that_a_host_may_have() -> None:
    network = IPv4Network("10.0.0.0/29")
    assert not usable(network, IPv4Address("10.0.0.0"))
    assert not usable(network, IPv4Address("10.0.0.7"))
    assert not usable(network, IPv4Address("10.0.0.8"))
    assert usable(network, IPv4Address("10.0.0.1"))
    used = [IPv4Address("10.0.0.1"), IPv4Address("10.0.0.3")]
    assert [str(a) for a in host_addresses(network, used, 9)] == ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"]


def test_hardware_addresses_are_qemus_and_unicast() -> None:
    mac = mac_address(IPv4Address("10.255.0.1"))
    assert mac == "52:54:00:ff:00:01"
    assert int(mac[:2], 16) & 1 == 0
