"""Pools and non-masquerade CIDRs, through a migration and back."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any

import pytest

from cilium_lab.config.load import parse
from components.cilium import ipam

OLD, NEW, OTHER = IPv4Network("192.168.0.0/16"), IPv4Network("172.20.0.0/16"), IPv4Network("172.21.0.0/16")


@pytest.mark.parametrize(
    ("raw", "in_use", "pools"),
    [
        ({}, (), ()),
        ({"ipamMode": "cluster-pool"}, (), (NEW, OLD)),
        # what live nodes have is neither lost nor listed twice
        ({"ipamMode": "cluster-pool"}, (OLD, NEW), (NEW, OLD)),
        ({"ipamMode": "cluster-pool", "clusterPool": {"cidrs": [str(OTHER)]}}, (NEW,), (OTHER, NEW, OLD)),
        ({"ipamMode": "cluster-pool", "clusterPool": {"cidrs": [str(NEW), str(OTHER)]}}, (), (NEW, OTHER, OLD)),
        ({"ipamMode": "multi-pool"}, (), (NEW,)),
    ],
)
def test_pools_in_the_order_of_use(
    raw: dict[str, Any], in_use: tuple[IPv4Network, ...], pools: tuple[IPv4Network, ...]
) -> None:
    assert ipam.pools(parse(raw), in_use) == pools


def test_the_list_is_the_same_in_every_mode() -> None:
    lists = {
        ipam.non_masquerade_cidrs(parse({"ipamMode": mode})) for mode in ("kubernetes", "cluster-pool", "multi-pool")
    }
    assert lists == {(NEW, OLD)}


def test_the_list_keeps_what_nodes_still_use() -> None:
    lab = parse({"ipamMode": "cluster-pool", "clusterPool": {"cidrs": [str(OTHER)]}})
    assert ipam.non_masquerade_cidrs(lab, [NEW]) == (NEW, OTHER, OLD)


def test_the_list_has_the_second_pool() -> None:
    lab = parse({"ipamMode": "multi-pool", "samplePool": str(OTHER)})
    assert ipam.non_masquerade_cidrs(lab) == (NEW, OTHER, OLD)


def test_native_range_is_the_same_in_every_mode() -> None:
    modes = ("kubernetes", "cluster-pool", "multi-pool")
    assert {ipam.native_cidr(parse({"ipamMode": mode})) for mode in modes} == {OLD}


def test_router_and_nodes_are_not_on_the_list() -> None:
    lab = parse({})
    outside = (lab.topology.network.cidr, lab.topology.router_network.cidr, lab.service_cidr)
    assert not any(a.overlaps(b) for a in ipam.non_masquerade_cidrs(lab) for b in outside)


def test_config_map_of_the_agent() -> None:
    data = ipam.masquerade_config([NEW, OLD])
    assert list(data) == ["config"]
    assert json.loads(data["config"]) == {
        "nonMasqueradeCIDRs": ["172.20.0.0/16", "192.168.0.0/16"],
        # false would add 169.254.0.0/16 and fe80::/10 to the agents' maps
        "masqLinkLocal": True,
        "masqLinkLocalIPv6": True,
    }
