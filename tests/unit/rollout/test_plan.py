"""The plan, the choice of blocks, and how a node's pods go: pure functions of one look."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from cilium_lab.kube.objects import CiliumNode, Configured, Record, Snapshot, Workload
from cilium_lab.rollout.drain_plan import moves, next_evictions, unsettled
from cilium_lab.rollout.plan import Step, plan, turns
from cilium_lab.rollout.pod_cidrs import lowest_free, targets
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
    WEB,
    pod,
    view,
    with_blocks,
    world,
)  # fmt: skip


def kinds(steps: tuple[Step, ...]) -> list[tuple[str, str]]:
    return [(step.kind, step.node) for step in steps]


def test_forward_reserves_for_all_and_then_moves_node_by_node_the_control_plane_last() -> None:
    steps = plan(FORWARD, world())
    assert kinds(steps) == [("reserve", ""), *(("renumber", name) for name in ("k8s-w1", "k8s-w2", "k8s-cp"))]
    assert dict(steps[0].blocks) == {name: (OLD[name], NEW[name]) for name in NAMES}
    assert steps[1].blocks == (("k8s-w1", (NEW["k8s-w1"],)),)


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan(BACK, world()) == ()
    assert plan(replace(FORWARD, mode="multi-pool"), world()) == ()


def test_a_node_that_keeps_its_block_only_adopts_the_mode() -> None:
    same = replace(FORWARD, pools=(POD_CIDR,))
    assert kinds(plan(same, world())) == [("adopt", name) for name in ("k8s-w1", "k8s-w2", "k8s-cp")]
    larger = replace(FORWARD, pools=(POD_CIDR, POOL))
    running = {name: view(name, mode="cluster-pool") for name in NAMES}
    assert plan(larger, world(views=running)) == ()


def test_a_reserved_block_is_kept_and_not_reserved_again() -> None:
    chosen = IPv4Network("172.20.77.0/24")
    snapshot = world(cilium_nodes=with_blocks(k8s_w1=(OLD["k8s-w1"], chosen)))
    assert targets(FORWARD, snapshot)["k8s-w1"] == chosen
    assert "k8s-w1" not in dict(plan(FORWARD, snapshot)[0].blocks)


def test_turned_round_what_was_reserved_is_dropped_without_any_restart() -> None:
    snapshot = world(cilium_nodes={name: CiliumNode(name, (OLD[name], NEW[name])) for name in NAMES})
    steps = plan(BACK, snapshot)
    assert {step.kind for step in steps} == {"retire"}
    assert dict(step.blocks[0] for step in steps) == {name: (OLD[name],) for name in NAMES}


def test_a_turn_that_an_earlier_run_began_comes_first_and_is_done_again() -> None:
    begun = world(record=Record(turns=("k8s-cp",)))
    assert kinds(plan(FORWARD, begun))[:2] == [("reserve", ""), ("renumber", "k8s-cp")]
    assert kinds(plan(BACK, begun)) == [("renumber", "k8s-cp")]
    noted = world(record=Record(pods=({"metadata": {"name": "curl"}, "spec": {"nodeName": "k8s-w1"}},)))
    assert kinds(plan(BACK, noted)) == [("renumber", "k8s-w1")]


def test_a_pod_left_outside_the_block_brings_its_node_a_turn() -> None:
    stray = pod("stray", "k8s-w1", "172.20.1.5", owner=WEB)
    assert kinds(plan(BACK, world(pods=(*world().pods, stray)))) == [("renumber", "k8s-w1")]


def test_an_error_of_the_operator_is_dealt_with_first() -> None:
    broken = {**world().cilium_nodes, "k8s-w1": CiliumNode("k8s-w1", (OLD["k8s-w1"],), "conflict")}
    for desired in (FORWARD, BACK):
        first = plan(desired, world(cilium_nodes=broken))[0]
        assert (first.kind, "conflict" in first.reason) == ("operator", True)


def test_the_lowest_free_block_over_several_pools() -> None:
    small = Desired("cluster-pool", (IPv4Network("172.20.0.0/23"), IPv4Network("172.30.0.0/16")), POD_CIDR, 24)
    taken = [IPv4Network("172.20.0.0/24"), IPv4Network("172.20.1.0/25")]
    assert lowest_free(small, taken) == IPv4Network("172.30.0.0/24")
    assert lowest_free(replace(small, pools=small.pools[:1]), taken) is None
    assert lowest_free(replace(small, pools=(IPv4Network("172.20.0.0/25"),)), []) is None


def test_kubernetes_wants_the_controller_managers_block() -> None:
    moved = world(cilium_nodes={name: CiliumNode(name, (NEW[name],)) for name in NAMES})
    assert targets(BACK, moved) == OLD


def test_turns_go_to_workers_first() -> None:
    assert [node.name for node in turns(world().nodes)] == ["k8s-w1", "k8s-w2", "k8s-cp"]


def on_w1(*pods: object, **changed: object) -> Snapshot:
    return world(pods=tuple(pods), **changed)


def test_how_each_kind_of_pod_leaves() -> None:
    relay = Workload("Deployment", "default", "relay", 1, 1, True, surges=True)
    stiff = Workload("Deployment", "default", "stiff", 1, 1, True, surges=False)
    snapshot = on_w1(
        ONE,
        pod("dns", "k8s-w1", "192.168.1.9", owner=("Deployment", "dns"), labels={"k8s-app": "kube-dns"}),
        pod("relay-1", "k8s-w1", "192.168.1.2", owner=("Deployment", "relay")),
        pod("stiff-1", "k8s-w1", "192.168.1.3", owner=("Deployment", "stiff")),
        pod("log", "k8s-w1", "192.168.1.4", owner=("DaemonSet", "log")),
        pod("bare", "k8s-w1", "192.168.1.5"),
        pod("going", "k8s-w1", "192.168.1.6", owner=WEB, terminating=True),
        pod("host", "k8s-w1", "172.31.1.11", host_network=True),
        pod("new", "k8s-w1", "172.20.1.5", owner=WEB),
        TWO,
        workloads=(*world().workloads, relay, stiff),
    )
    leave = moves(snapshot, "k8s-w1", NEW["k8s-w1"])
    assert [w.name for w in leave.restart] == ["relay"]
    assert [p.name for p in leave.evict] == ["dns", "stiff-1", "web-1"]
    assert [p.name for p in leave.daemons] == ["log"]
    assert [p.name for p in leave.bare] == ["bare"]
    assert [p.name for p in leave.leaving] == ["going"]
    assert not leave.away


def test_one_pod_of_a_workload_at_a_time_and_only_while_it_is_complete() -> None:
    third = pod("web-3", "k8s-w1", "192.168.1.8", owner=WEB)
    assert [p.name for p in next_evictions(world(), (ONE, third))] == ["web-1"]
    short = world(workloads=(replace(world().workloads[0], ready=1),))
    assert next_evictions(short, (ONE, third)) == ()
    # A pod that serves nobody may go in any case, or a broken workload would hold its node for ever.
    assert [p.name for p in next_evictions(short, (replace(ONE, ready=False),))] == ["web-1"]
    assert [w.name for w in unsettled(short, frozenset({"Deployment default/web"}))] == ["web"]


def test_an_operator_from_before_the_change_restarts_first_in_either_mode() -> None:
    for desired in (FORWARD, BACK):
        late = Configured(desired.mode, (POOL, POD_CIDR), 24, changed="2026-01-01T00:00:09Z")
        first = plan(desired, world(configured=late))[0]
        assert (first.kind, "before cilium-config was changed" in first.reason) == ("operator", True)
        new = tuple(replace(p, created="2026-01-01T00:00:09Z") for p in world().pods)
        assert "operator" not in {step.kind for step in plan(desired, world(configured=late, pods=new))}
