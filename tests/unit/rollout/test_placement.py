"""Whether a pod may run on a node: each filter of the scheduler, allowed and not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.kube.objects import Claim, Node, Pod, Taint
from cilium_lab.rollout.placement import Board, feasible, objections, victims
from tests.helpers.migration_world import node, pod

NODES = (
    node("k8s-cp", taints=(Taint("role", "cp", "NoSchedule"),)),
    node("k8s-w1", labels={"kubernetes.io/hostname": "k8s-w1", "zone": "a"}),
    node("k8s-w2", labels={"kubernetes.io/hostname": "k8s-w2", "zone": "b"}),
)
HOSTNAME = "kubernetes.io/hostname"


def board(*pods: Pod, nodes: tuple[Node, ...] = NODES, **more: Any) -> Board:
    return Board(nodes, pods, **more)


def one(name: str, where: str, **spec: Any) -> Pod:
    labels = spec.pop("labels", {"app": "web"})
    return pod(name, where, None, labels=labels, spec=spec)


def names(found: tuple[Node, ...]) -> list[str]:
    return sorted(node.name for node in found)


def container(**more: Any) -> dict[str, Any]:
    return {"containers": [more]}


def test_cordons_and_taints() -> None:
    plain = one("a", "k8s-w1")
    assert names(feasible(plain, board())) == ["k8s-w1", "k8s-w2"]
    assert names(feasible(plain, board().cordoned("k8s-w1", on=True))) == ["k8s-w2"]
    everywhere = one("a", "k8s-w1", tolerations=[{"operator": "Exists"}])
    assert names(feasible(everywhere, board().cordoned("k8s-w1", on=True))) == ["k8s-cp", "k8s-w1", "k8s-w2"]
    preferred = replace(NODES[1], taints=(Taint("x", "", "PreferNoSchedule"),))
    assert objections(plain, preferred, board(nodes=(preferred,))) == ()


def test_node_selectors_and_affinity() -> None:
    assert names(feasible(one("a", "k8s-w1", nodeSelector={"zone": "b"}), board())) == ["k8s-w2"]
    terms = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}
    rule = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert names(feasible(one("a", "k8s-w2", affinity=rule), board())) == ["k8s-w1"]


def test_a_local_volume_binds_to_its_node_and_one_for_a_single_pod_to_that_pod() -> None:
    terms = ({"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": ["k8s-w1"]}]},)
    user = one("a", "k8s-w1", volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])
    local = {"default/data": Claim("default/data", terms)}
    assert names(feasible(user, board(claims=local))) == ["k8s-w1"]
    assert names(feasible(user, board(claims={"default/data": Claim("default/data")}))) == ["k8s-w1", "k8s-w2"]
    alone = {"default/data": Claim("default/data", None, one_pod=True)}
    assert names(feasible(user, board(user, claims=alone))) == []
    assert names(feasible(user, board(claims=alone))) == ["k8s-w1", "k8s-w2"]


def test_requests_against_single_nodes_not_against_their_sum() -> None:
    small = tuple(replace(n, allocatable={"cpu": 500, "memory": 1 << 30, "pods": 3}) for n in NODES)
    big = one("a", "k8s-w1", **container(resources={"requests": {"cpu": "600m"}}))
    assert feasible(big, board(nodes=small)) == ()
    (found,) = objections(big, small[1], board(nodes=small))
    assert (found.why, found.by_preemption) == ("cpu 600m of 500m free", True)
    crowd = tuple(one(f"p{n}", "k8s-w1", labels={}) for n in range(3))
    assert names(feasible(one("a", "k8s-w2"), board(*crowd, nodes=small))) == ["k8s-w2"]
    unknown = one("a", "k8s-w1", **container(resources={"limits": {"gpu.example.com/x": "1"}}))
    assert feasible(unknown, board()) == ()


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"hostPort": 81}, False),
        ({"hostPort": 53, "protocol": "UDP"}, {"hostPort": 53}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, True),
    ],
)
def test_host_ports(first: dict[str, Any], second: dict[str, Any], apart: bool) -> None:
    there = one("a", "k8s-w2", **container(ports=[first]))
    found = objections(one("b", "k8s-w1", **container(ports=[second])), NODES[2], board(there))
    assert bool(found) is apart


def rule(kind: str, topology: str = HOSTNAME, **more: Any) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": topology, **more}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_affinity_wants_a_pod_there_unless_it_is_the_first_of_its_group() -> None:
    near = one("a", "k8s-w1", affinity=rule("podAffinity", "zone"))
    assert names(feasible(near, board(one("b", "k8s-w2")))) == ["k8s-w2"]
    assert names(feasible(near, board())) == ["k8s-w1", "k8s-w2"]
    stranger = one("a", "k8s-w1", affinity=rule("podAffinity", "zone"), labels={"app": "db"})
    assert names(feasible(stranger, board())) == []


def test_anti_affinity_holds_in_both_directions_and_by_namespace() -> None:
    apart = one("a", "k8s-w1", affinity=rule("podAntiAffinity"))
    assert names(feasible(apart, board(one("b", "k8s-w2")))) == ["k8s-w1"]
    assert names(feasible(one("b", "k8s-w1"), board(replace(apart, node="k8s-w2")))) == ["k8s-w1"]
    elsewhere = replace(one("b", "k8s-w2"), namespace="other")
    assert names(feasible(apart, board(elsewhere))) == ["k8s-w1", "k8s-w2"]
    wider: tuple[dict[str, Any], ...] = (
        {"namespaces": ["other"]},
        {"namespaceSelector": {}},
        {"namespaceSelector": {"matchLabels": {"t": "1"}}},
    )
    for more in wider:
        wide = one("a", "k8s-w1", affinity=rule("podAntiAffinity", **more))
        known = board(elsewhere, namespaces={"other": {"t": "1"}, "default": {}})
        assert names(feasible(wide, known)) == ["k8s-w1"], more


def spread(**more: Any) -> dict[str, Any]:
    base = {"maxSkew": 1, "topologyKey": HOSTNAME, "whenUnsatisfiable": "DoNotSchedule"}
    return {"topologySpreadConstraints": [{**base, "labelSelector": {"matchLabels": {"app": "web"}}, **more}]}


def test_topology_spread_counts_a_cordoned_node_unless_it_honors_taints() -> None:
    nodes = NODES[1:]
    there = one("b", "k8s-w2")
    cordoned = board(there, nodes=nodes).cordoned("k8s-w1", on=True)
    assert feasible(one("a", "k8s-w1", **spread()), cordoned) == ()
    assert names(feasible(one("a", "k8s-w1", **spread(nodeTaintsPolicy="Honor")), cordoned)) == ["k8s-w2"]
    assert names(feasible(one("a", "k8s-w1", **spread(maxSkew=2)), cordoned)) == ["k8s-w2"]
    # with fewer domains than wanted the least counts as 0
    many = one("a", "k8s-w1", **spread(nodeTaintsPolicy="Honor", minDomains=2))
    assert feasible(many, cordoned) == ()
    assert feasible(one("a", "k8s-w1", **spread(topologyKey="rack")), board(nodes=nodes)) == ()
    # pods of another version do not count
    other = replace(there, labels={"app": "web", "v": "1"})
    new = one("a", "k8s-w1", labels={"app": "web", "v": "2"}, **spread(matchLabelKeys=["v"]))
    assert names(feasible(new, board(other, nodes=nodes).cordoned("k8s-w1", on=True))) == ["k8s-w2"]


def test_spread_over_nodes_that_the_pod_may_not_use_does_not_count_them() -> None:
    only_b = one("a", "k8s-w2", nodeSelector={"zone": "b"}, **spread())
    assert names(feasible(only_b, board(one("b", "k8s-w2")))) == ["k8s-w2"]
    ignoring = one("a", "k8s-w2", nodeSelector={"zone": "b"}, **spread(nodeAffinityPolicy="Ignore"))
    assert feasible(ignoring, board(one("b", "k8s-w2"))) == ()


def test_only_pods_of_a_lower_priority_are_victims_and_only_where_that_helps() -> None:
    full = tuple(replace(n, allocatable={"cpu": 500, "pods": 9}) for n in NODES)
    needs = container(resources={"requests": {"cpu": "400m"}})
    low, high = one("low", "k8s-w2", **needs), one("a", "k8s-w1", priority=10, **needs)
    crowded = board(low, nodes=full)
    assert victims(high, full[2], crowded) == (low,)
    assert victims(high, full[1], crowded) == ()  # it fits there
    assert victims(one("a", "k8s-w1", priority=10, preemptionPolicy="Never", **needs), full[2], crowded) == ()
    assert victims(one("a", "k8s-w1", **needs), full[2], crowded) == ()
    assert victims(one("a", "k8s-w1", priority=10, nodeSelector={"zone": "a"}, **needs), full[2], crowded) == ()
