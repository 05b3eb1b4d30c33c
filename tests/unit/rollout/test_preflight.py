"""Every reason to refuse a migration, each with the words that tell the user the remedy."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from cilium_lab.kube.objects import Budget, CiliumNode, Configured, Release, Snapshot, State, Workload
from cilium_lab.rollout.preflight import preflight_failures, ranges_in_use
from cilium_lab.rollout.preview import describe
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import (
    BACK,
    FORWARD,
    NAMES,
    NEW,
    OLD,
    ONE,
    POD_CIDR,
    POOL,
    TWO,
    agent,
    node,
    operator,
    pod,
    view,
    with_pod_cidrs,
    world,
)  # fmt: skip


def refused(desired: Desired, snapshot: Snapshot, *words: str) -> None:
    found = preflight_failures(desired, snapshot)
    assert len(found) == 1, found
    for word in words:
        assert word in str(found[0])


def test_the_open_road_is_open() -> None:
    assert preflight_failures(FORWARD, world()) == ()
    assert preflight_failures(BACK, world()) == ()


@pytest.mark.parametrize("mode", ["eni", "azure", "alibabacloud", "crd", "delegated-plugin"])
def test_modes_of_clouds_and_hand_made_objects(mode: str) -> None:
    refused(replace(FORWARD, mode=mode), world(), repr(mode), "the configuration has", "use one of kubernetes")
    running = world(configured=Configured(mode, (), None))
    refused(FORWARD, running, repr(mode), "the cluster runs in")


def pooling(**changed: Any) -> tuple[Desired, Snapshot]:
    """A cluster in cluster-pool, and the wish for multi-pool."""
    nodes = {name: CiliumNode(name, (NEW[name],)) for name in NEW}
    snapshot = world(configured=Configured("cluster-pool", (POOL,), 24), cilium_nodes=nodes)
    release = Release(changed.pop("now", "1.20.0"), {})
    wanted = replace(FORWARD, mode="multi-pool", **{"chart": "1.20.0", "one_way": True, **changed})
    return wanted, replace(snapshot, release=release)


def test_one_way_leads_into_multi_pool_and_none_out_of_it() -> None:
    before = world(configured=Configured("kubernetes", (), None))
    refused(replace(FORWARD, mode="multi-pool"), before, "kubernetes -> multi-pool", "migrate to cluster-pool first")
    pooled = world(configured=Configured("multi-pool", (), None))
    refused(FORWARD, pooled, "multi-pool -> cluster-pool", "nothing leads out of multi-pool", "bring it up")


def test_into_multi_pool_leads_a_release_that_can_with_the_users_word_and_pods_in_the_pool() -> None:
    wanted, snapshot = pooling()
    assert not [one for one in preflight_failures(wanted, snapshot) if "multi-pool" in one.what]
    refused(*pooling(one_way=False), "has no way back", "set migration.oneWay to true")
    refused(*pooling(now="1.19.4"), "needs Cilium 1.20, and the lab has 1.19.4", "by versions.cilium")
    refused(*pooling(chart="1.19.4"), "needs Cilium 1.20, and the lab has 1.19.4")
    elsewhere = (IPv4Network("172.28.0.0/16"),)
    told = describe(wanted, snapshot)[0]
    assert told.startswith(
        "cluster-pool -> multi-pool; 3 nodes are rolled out, one at a time: k8s-w1, k8s-w2, k8s-cp; about"
    )
    outside = "\n".join(map(str, preflight_failures(*pooling(pools=elsewhere))))
    assert f"k8s-w1 has {NEW['k8s-w1']}, which no range of clusterPool.cidrs holds" in outside


def test_a_fresh_cluster_may_have_any_mode_but_its_ranges_are_checked() -> None:
    fresh = world(configured=None, cilium_nodes={}, views={}, pods=())
    for mode in ("kubernetes", "cluster-pool", "multi-pool"):
        assert preflight_failures(replace(FORWARD, mode=mode), fresh) == ()
    refused(replace(FORWARD, mode="multi-pool", pools=(IPv4Network("172.20.0.0/23"),)), fresh, "2 pod CIDRs")


def test_overlapping_pools() -> None:
    refused(replace(FORWARD, pools=(POOL, IPv4Network("172.20.128.0/17"))), world(), "overlap", "disjoint")


def test_a_pool_over_a_range_in_use() -> None:
    refused(
        replace(FORWARD, pools=(IPv4Network("192.168.128.0/17"),)), world(), "192.168.0.0/16", "choose a free range"
    )
    other_networks = {"the node network": IPv4Network("172.20.5.0/24")}
    refused(replace(FORWARD, other_networks=other_networks), world(), "the node network 172.20.5.0/24")


def test_a_pool_too_small_for_the_nodes() -> None:
    refused(replace(FORWARD, pools=(IPv4Network("172.20.0.0/23"),)), world(), "2 pod CIDRs", "3 nodes")


def test_another_mask_on_live_nodes() -> None:
    found = preflight_failures(replace(FORWARD, mask_size=25), world())
    assert {("set it to 24" in str(failure)) for failure in found} == {True}
    assert len(found) == len(NAMES)


def test_a_node_that_is_not_ready_is_waited_for_then_refused() -> None:
    nodes = tuple(node(name, ready=name != "k8s-w2") for name in NAMES)
    refused(FORWARD, world(nodes=nodes), "node k8s-w2 is not ready")
    assert preflight_failures(FORWARD, world(nodes=nodes))[0].transient


def test_an_agent_that_is_not_ready_or_missing() -> None:
    others = (ONE, TWO, operator(), agent("k8s-cp"), agent("k8s-w2"))
    refused(FORWARD, world(pods=(*others, agent("k8s-w1", ready=False))), "agent of k8s-w1 is not ready")
    refused(FORWARD, world(pods=others), "agent of k8s-w1 is missing")


def test_an_operator_that_is_not_ready() -> None:
    pods = tuple(p for p in world().pods if p.name != "cilium-operator-1")
    refused(FORWARD, world(pods=pods), "no Cilium operator is ready")


def test_a_cordoned_node_unless_a_run_before_did_that() -> None:
    nodes = tuple(node(name, cordoned=name == "k8s-w2") for name in NAMES)
    refused(FORWARD, world(nodes=nodes), "k8s-w2 is cordoned", "uncordon")
    assert preflight_failures(FORWARD, world(nodes=nodes, state=State(nodes=("k8s-w2",)))) == ()


def test_an_error_of_the_operator_unless_it_is_an_interrupted_runs() -> None:
    broken = {**world().cilium_nodes, "k8s-w1": CiliumNode("k8s-w1", (OLD["k8s-w1"],), "allocator full")}
    refused(FORWARD, world(cilium_nodes=broken), "allocator full")
    reserved = {**world().cilium_nodes, "k8s-w1": CiliumNode("k8s-w1", (OLD["k8s-w1"], NEW["k8s-w1"]), "conflict")}
    assert preflight_failures(FORWARD, world(cilium_nodes=reserved)) == ()


def test_node_and_cilium_node_disagree() -> None:
    other = IPv4Network("192.168.77.0/24")
    snapshot = world(cilium_nodes=with_pod_cidrs(k8s_w1=(other,)))
    refused(FORWARD, snapshot, "192.168.1.0/24", "192.168.77.0/24", "restart that node's agent")


def test_back_to_kubernetes_without_blocks_of_nodes() -> None:
    nodes = tuple(node(name, pod_cidr=None if name == "k8s-w1" else OLD[name]) for name in NAMES)
    running = {name: view(name, mode="cluster-pool") for name in NAMES}
    refused(BACK, world(nodes=nodes, views=running), "k8s-w1 has no pod CIDR", "--allocate-node-cidrs")


def test_without_the_ip_masq_agent_nodes_cannot_move_but_may_adopt() -> None:
    refused(replace(FORWARD, ip_masq_agent=False), world(), "iptables spares one range", "bpf")
    refused(replace(FORWARD, ip_masq_agent=False, direct_routes=False), world(), "pods of two ranges are untested")
    assert preflight_failures(replace(FORWARD, ip_masq_agent=False, pools=(POD_CIDR,)), world()) == ()


def test_a_bare_pod_that_nobody_brings_back() -> None:
    bare = world(pods=(*world().pods, pod("mine", "k8s-w1", "192.168.1.40")))
    refused(FORWARD, bare, "default/mine on k8s-w1", "migration.recreate")
    assert preflight_failures(replace(FORWARD, recreate=("default/mine",)), bare) == ()


def test_a_budget_that_blocks_for_ever() -> None:
    stiff = Budget("default", "web", 2, 2, {"matchLabels": {"app": "web"}})
    refused(FORWARD, labelled(stiff), "default/web", "2 of 2", "raise the replicas")
    for harmless in (replace(stiff, desired=1), replace(stiff, expected=0, desired=0), replace(stiff, selector=None)):
        assert preflight_failures(FORWARD, labelled(harmless)) == ()


def labelled(budget: Budget, *, replicas: int = 2) -> Snapshot:
    """Web pods that the budget may select, one replica or two of a Deployment that surges."""
    pods = tuple(replace(p, labels={"app": "web"}) for p in (ONE, TWO)[:replicas])
    rest = tuple(p for p in world().pods if p not in (ONE, TWO))
    workloads = (Workload("Deployment", "default", "web", replicas, replicas, True, True),)
    return world(budgets=(budget,), pods=(*pods, *rest), workloads=workloads)


def test_a_budget_of_what_is_not_evicted_blocks_nothing() -> None:
    one = Budget("default", "web", 1, 1, {"matchLabels": {"app": "web"}})
    assert preflight_failures(FORWARD, labelled(one, replicas=1)) == ()
    for other in ({"matchLabels": {"app": "db"}}, {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}):
        assert preflight_failures(FORWARD, labelled(Budget("default", "x", 2, 2, other))) == ()
    assert preflight_failures(FORWARD, labelled(Budget("other", "x", 2, 2, {}))) == ()


@pytest.mark.parametrize(
    "rule",
    [
        {"key": "app", "operator": "In", "values": ["db", "web"]},
        {"key": "app", "operator": "NotIn", "values": ["db"]},
        {"key": "tier", "operator": "NotIn", "values": ["db"]},
        {"key": "app", "operator": "Exists"},
        {"key": "tier", "operator": "DoesNotExist"},
    ],
)
def test_a_budget_that_selects_by_expression(rule: dict[str, object]) -> None:
    refused(FORWARD, labelled(Budget("default", "web", 2, 2, {"matchExpressions": [rule]})), "default/web")
    refused(FORWARD, labelled(Budget("default", "web", 2, 2, {})), "default/web")


def test_ranges_that_must_stay_on_the_lists() -> None:
    other = IPv4Network("172.24.7.0/24")
    assert ranges_in_use(FORWARD, world(cilium_nodes=with_pod_cidrs(k8s_w1=(other,)))) == (other,)
    assert ranges_in_use(FORWARD, world()) == ()


def test_addresses_of_a_second_range_count_as_moving() -> None:
    astray = replace(ONE, address=IPv4Address("172.20.1.9"))
    assert preflight_failures(BACK, world(pods=(astray, *world().pods[1:]))) == ()
