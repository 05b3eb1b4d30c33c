"""What holds for every configuration, right or wrong."""

from __future__ import annotations

import copy
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cilium_lab.config.load import parse
from cilium_lab.config.schema import OPTIONS
from cilium_lab.config.validate_networks import free_range, ranges
from components.cilium import ipam
from components.cilium.values import values
from components.kubernetes.documents import init_documents, join_documents, to_yaml
from components.machines.cloud_init import network_config, user_data
from tests.helpers.corrections import correct_all, errors_of
from tests.helpers.lab_strategies import junk, labs

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TOP = [option.path for option in OPTIONS if not option.parent]


@quick
@given(labs())
def test_a_right_configuration_gives_everything(raw: dict[str, Any]) -> None:
    lab = parse(raw)
    assert values(lab)
    assert to_yaml(*init_documents(lab))
    for host in lab.topology.hosts:
        assert host.name in user_data(host, "ssh-ed25519 A", "private", "public")
        assert host.mac in network_config(host, lab.topology)
    for worker in lab.topology.workers:
        assert join_documents(lab, worker)


@quick
@given(labs())
def test_no_two_hosts_share_anything(raw: dict[str, Any]) -> None:
    topology = parse(raw).topology
    macs = [host.mac for host in topology.hosts] + [topology.router_network.mac]
    addresses = [host.address for host in topology.hosts] + [topology.network.gateway, topology.router_network.address]
    names = [host.name for host in topology.hosts]
    for unique in (macs, addresses, names):
        assert len(unique) == len(set(unique))
    assert all(host.address in topology.network.cidr for host in topology.hosts)


@quick
@given(labs())
def test_ranges_stand_alone(raw: dict[str, Any]) -> None:
    lab = parse(raw)
    assert not any(a.overlaps(b) for (_, a), (_, b) in combinations(ranges(lab), 2))


@quick
@given(labs())
def test_pod_traffic_keeps_its_source(raw: dict[str, Any]) -> None:
    """Native range and non-masquerade CIDRs hold every range that a pod may have an address of, and nothing else."""
    lab = parse(raw)
    native = ipam.native_cidr(lab)
    if native is None:
        return
    listed = ipam.non_masquerade_cidrs(lab) if ipam.masquerade_agent(lab) else ()
    used = [lab.pod_cidr] if lab.ipam_mode == "kubernetes" else list(lab.cluster_pool.cidrs)
    assert all(any(u.subnet_of(kept) for kept in (native, *listed)) for u in used)
    outside = [lab.topology.network.cidr, lab.topology.router_network.cidr, lab.service_cidr]
    assert not any(kept.overlaps(o) for kept in (native, *listed) for o in outside)


@quick
@given(st.dictionaries(st.sampled_from(TOP) | st.text(max_size=8), junk, max_size=6))
def test_junk_gives_errors_and_nothing_else(raw: dict[str, Any]) -> None:
    for error in errors_of(raw):
        assert error.key.startswith((*raw, *TOP))
        assert f"cilium-lab:{error.key}: " in str(error)
        assert "right: cilium-lab:" in str(error)


@quick
@given(labs(), st.data())
def test_one_broken_value_is_found_and_can_be_corrected(raw: dict[str, Any], data: st.DataObject) -> None:
    broken = copy.deepcopy(raw)
    spots = list(_spots(broken))
    holder, step = data.draw(st.sampled_from(spots))
    holder[step] = data.draw(junk)
    for error in errors_of(broken):
        assert error.problem
    assert errors_of(correct_all(broken)) == ()


@quick
@given(st.lists(st.integers(8, 30), max_size=6), st.integers(8, 30))
def test_a_free_range_is_free(lengths: list[int], wanted: int) -> None:
    used: list[IPv4Network] = []
    for length in lengths:
        found = free_range(length, used)
        if found:
            assert not any(found.overlaps(other) for other in used)
            used.append(found)
    found = free_range(wanted, used)
    assert found is None or not any(found.overlaps(other) for other in used)


def _spots(node: Any) -> list[tuple[Any, Any]]:
    """Every place in a tree at which a value stands."""
    steps = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
    return [(node, step) for step in steps] + [spot for step in steps for spot in _spots(node[step])]
