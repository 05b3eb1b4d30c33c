"""The plan, the choice of pod CIDRs, and how a node's pods leave: pure functions of one snapshot."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from cilium_lab.disruption.stages import Stage
from cilium_lab.kube.objects import CiliumNode, Configured, State
from cilium_lab.rollout.plan import Step, lowest_free, plan, pod_cidr_goal, rollout_order
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import (
    BACK,
    FORWARD,
    NAMES,
    NEW,
    OLD,
    POD_CIDR,
    POOL,
    WEB,
    pod,
    view,
    with_pod_cidrs,
    with_revisions,
    world,
)  # fmt: skip


def stages(steps: tuple[Step, ...]) -> list[tuple[str, str]]:
    return [(step.stage, step.node) for step in steps]


def test_forward_adds_cidrs_for_all_and_then_moves_node_by_node_the_control_plane_last() -> None:
    steps = plan(FORWARD, world())
    assert stages(steps) == [
        (Stage.ADD_CIDR, ""),
        *((Stage.MOVE_NODE, name) for name in ("k8s-w1", "k8s-w2", "k8s-cp")),
    ]
    assert dict(steps[0].pod_cidrs) == {name: (OLD[name], NEW[name]) for name in NAMES}
    assert steps[1].pod_cidrs == (("k8s-w1", (NEW["k8s-w1"],)),)


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan(BACK, world()) == ()
    views = {name: replace(one, mode="multi-pool", pod_cidr=None) for name, one in world().views.items()}
    assert plan(replace(FORWARD, mode="multi-pool"), world(views=views)) == ()


def test_a_node_that_keeps_its_pod_cidr_is_rolled_out_where_its_agent_is_in_another_mode_or_behind() -> None:
    same = replace(FORWARD, pools=(POD_CIDR,))
    assert stages(plan(same, world())) == [(Stage.MOVE_NODE, name) for name in ("k8s-w1", "k8s-w2", "k8s-cp")]
    larger = replace(FORWARD, pools=(POD_CIDR, POOL))
    running = {name: view(name, mode="cluster-pool") for name in NAMES}
    assert plan(larger, world(views=running)) == ()
    behind = with_revisions(world(), k8s_w2="old")
    assert [(step.node, step.reason) for step in plan(BACK, behind)] == [
        ("k8s-w2", f"its agent is behind, {OLD['k8s-w2']} stays")
    ]


def test_an_added_pod_cidr_is_kept_and_not_added_again() -> None:
    chosen = IPv4Network("172.20.77.0/24")
    snapshot = world(cilium_nodes=with_pod_cidrs(k8s_w1=(OLD["k8s-w1"], chosen)))
    assert pod_cidr_goal(FORWARD, snapshot)["k8s-w1"] == chosen
    assert "k8s-w1" not in dict(plan(FORWARD, snapshot)[0].pod_cidrs)


def test_in_reverse_added_pod_cidrs_are_dropped_without_any_restart() -> None:
    snapshot = world(cilium_nodes={name: CiliumNode(name, (OLD[name], NEW[name])) for name in NAMES})
    steps = plan(BACK, snapshot)
    assert {step.stage for step in steps} == {Stage.DROP_CIDR}
    assert dict(step.pod_cidrs[0] for step in steps) == {name: (OLD[name],) for name in NAMES}


def test_a_node_rollout_that_an_earlier_run_began_comes_first_and_is_done_again() -> None:
    begun = world(state=State(nodes=("k8s-cp",)))
    assert stages(plan(FORWARD, begun))[:2] == [(Stage.ADD_CIDR, ""), (Stage.MOVE_NODE, "k8s-cp")]
    assert stages(plan(BACK, begun)) == [(Stage.MOVE_NODE, "k8s-cp")]
    saved = world(state=State(pods=({"metadata": {"name": "curl"}, "spec": {"nodeName": "k8s-w1"}},)))
    assert stages(plan(BACK, saved)) == [(Stage.MOVE_NODE, "k8s-w1")]


def test_a_pod_left_outside_the_pod_cidr_moves_its_node_again() -> None:
    stray = pod("stray", "k8s-w1", "172.20.1.5", owner=WEB)
    assert stages(plan(BACK, world(pods=(*world().pods, stray)))) == [(Stage.MOVE_NODE, "k8s-w1")]


def test_an_error_of_the_operator_is_dealt_with_first() -> None:
    broken = {**world().cilium_nodes, "k8s-w1": CiliumNode("k8s-w1", (OLD["k8s-w1"],), "conflict")}
    for desired in (FORWARD, BACK):
        first = plan(desired, world(cilium_nodes=broken))[0]
        assert (first.stage, "conflict" in first.reason) == (Stage.OPERATOR, True)


def test_the_lowest_free_pod_cidr_over_several_pools() -> None:
    small = Desired("cluster-pool", (IPv4Network("172.20.0.0/23"), IPv4Network("172.30.0.0/16")), POD_CIDR, 24)
    used = [IPv4Network("172.20.0.0/24"), IPv4Network("172.20.1.0/25")]
    assert lowest_free(small, used) == IPv4Network("172.30.0.0/24")
    assert lowest_free(replace(small, pools=small.pools[:1]), used) is None
    assert lowest_free(replace(small, pools=(IPv4Network("172.20.0.0/25"),)), []) is None


def test_kubernetes_wants_the_controller_managers_pod_cidr() -> None:
    moved = world(cilium_nodes={name: CiliumNode(name, (NEW[name],)) for name in NAMES})
    assert pod_cidr_goal(BACK, moved) == OLD


def test_workers_are_rolled_out_first() -> None:
    assert [node.name for node in rollout_order(world().nodes)] == ["k8s-w1", "k8s-w2", "k8s-cp"]


def test_an_operator_from_before_the_change_restarts_first_in_either_mode() -> None:
    for desired in (FORWARD, BACK):
        late = Configured(desired.mode, (POOL, POD_CIDR), 24, changed="2026-01-01T00:00:09Z")
        first = plan(desired, world(configured=late))[0]
        assert (first.stage, "before cilium-config was changed" in first.reason) == (Stage.OPERATOR, True)
        new = tuple(replace(p, created="2026-01-01T00:00:09Z") for p in world().pods)
        assert Stage.OPERATOR not in {step.stage for step in plan(desired, world(configured=late, pods=new))}
