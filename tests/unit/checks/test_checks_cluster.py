"""The checks of machines and of Kubernetes: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import cluster, hosts
from cilium_lab.checks.expectation import Expectation
from cilium_lab.kube.ssh import HostError
from tests.helpers.fake_lab import (
    CILIUM_NODES,
    CP,
    NODES,
    W1,
    W2,
    WANT,
    Answer,
    assert_fails,
    cilium_node,
    items,
    look,
    node,
)

NAMES = {f"SSH {host} hostname": f"{host}\n" for host in WANT.hosts}


def test_hosts_answer() -> None:
    assert look(hosts.hosts_answer, NAMES).ok


@pytest.mark.parametrize("broken", [HostError("k8s-w2: Connection refused"), "localhost\n", ""])
def test_a_silent_or_misnamed_host_is_told(broken: Answer) -> None:
    assert_fails(look(hosts.hosts_answer, {**NAMES, "SSH k8s-w2 hostname": broken}), "k8s-w2")


def addresses(*found: str, forward: str = "1", interface: str = "ens160") -> dict[str, str]:
    lines = [f"{n + 2}: {interface if n == 0 else 'eth'}    inet {a}/16 scope global x" for n, a in enumerate(found)]
    return {"SSH router .*ip_forward": "\n".join([forward, *lines]) + "\n"}


def test_router_forwards() -> None:
    assert look(hosts.router_forwards, addresses(*WANT.router_addresses)).ok


def test_a_router_without_forwarding_address_or_interface_fails() -> None:
    assert_fails(look(hosts.router_forwards, addresses(*WANT.router_addresses, forward="0")), "ip_forward 0")
    assert_fails(look(hosts.router_forwards, addresses(*WANT.router_addresses[:3])), "10.10.2.200")
    assert_fails(look(hosts.router_forwards, addresses(*WANT.router_addresses, interface="eth7")), "on eth7")


def test_nodes_route_to_router() -> None:
    good = {"SSH .*route get": "10.10.1.200 via 172.31.1.20 dev ens160 src 172.31.1.11 uid 0\n"}
    assert look(hosts.nodes_route_to_router, good).ok
    wrong = "10.10.1.200 via 172.31.0.2 dev ens160\n"
    assert_fails(look(hosts.nodes_route_to_router, {"SSH k8s-w1 .*route": wrong, **good}), "k8s-w1: 172.31.0.2")
    none = "10.10.1.200 dev ens160 src 172.31.1.12\n"
    assert_fails(look(hosts.nodes_route_to_router, {"SSH k8s-w2 .*route": none, **good}), "k8s-w2: no gateway")


def test_nodes_ready() -> None:
    assert look(cluster.nodes_ready, {NODES: items(CP, W1, W2)}).ok


@pytest.mark.parametrize(
    ("last", "word"),
    [
        (node("k8s-w2", "172.31.1.12", "", ready="False"), "k8s-w2 NotReady"),
        (node("k8s-w2", "172.31.1.12", "", version="v1.32.0"), "v1.32.0"),
        (node("k8s-w2", "172.31.1.99", ""), "172.31.1.99"),
        (node("k8s-w3", "172.31.1.12", ""), "k8s-w3"),
    ],
)
def test_a_node_that_is_not_as_wanted_is_told(last: dict[str, Any], word: str) -> None:
    assert_fails(look(cluster.nodes_ready, {NODES: items(CP, W1, last)}), word)


def test_a_missing_node_fails() -> None:
    assert_fails(look(cluster.nodes_ready, {NODES: items(CP, W1)}))


def test_nodes_schedulable() -> None:
    assert look(cluster.nodes_schedulable, {NODES: items(CP, W1, W2)}).ok
    taint = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
    tainted = node("k8s-cp", "172.31.1.10", "", taints=taint)
    assert_fails(look(cluster.nodes_schedulable, {NODES: items(tainted, W1, W2)}), "control-plane:NoSchedule")
    cordoned = node("k8s-w1", "172.31.1.11", "", unschedulable=True)
    assert_fails(look(cluster.nodes_schedulable, {NODES: items(CP, cordoned, W2)}), "k8s-w1: cordoned")
    assert_fails(look(cluster.nodes_schedulable, {NODES: items()}), "0 nodes")


def test_no_kube_proxy() -> None:
    pods, daemons = "kube-system/pods$", "kube-system/daemonsets$"
    agents = {pods: items({"metadata": {"name": "cilium-x2x"}}), daemons: items({"metadata": {"name": "cilium"}})}
    assert look(cluster.no_kube_proxy, agents).ok
    proxy = items({"metadata": {"name": "kube-proxy"}})
    assert_fails(look(cluster.no_kube_proxy, {**agents, daemons: proxy}), "DaemonSet kube-proxy")
    assert_fails(look(cluster.no_kube_proxy, {**agents, pods: proxy}), "Pod kube-proxy")


def test_each_node_has_its_own_pod_cidr() -> None:
    assert look(cluster.own_pod_cidrs, {NODES: items(CP, W1, W2)}).ok


@pytest.mark.parametrize(
    ("pod_cidr", "words"),
    [
        ("", ("I1 k8s-w2", "seen none")),
        ("192.168.1.0/24", ("I1 k8s-w1", "k8s-w2 has 192.168.1.0/24")),
        ("10.244.2.0/24", ("I1 k8s-w2", "10.244.2.0/24")),
        ("192.168.2.0/25", ("I1 k8s-w2", "192.168.2.0/25")),
    ],
)
def test_a_pod_cidr_that_is_missing_shared_foreign_or_of_another_size_fails(
    pod_cidr: str, words: tuple[str, ...]
) -> None:
    last = node("k8s-w2", "172.31.1.12", pod_cidr)
    assert_fails(look(cluster.own_pod_cidrs, {NODES: items(CP, W1, last)}), *words)


def test_a_node_that_is_missing_has_no_pod_cidr() -> None:
    assert_fails(look(cluster.own_pod_cidrs, {NODES: items(CP, W1)}), "k8s-w2 has none")


def test_in_pool_mode_the_pod_cidr_is_the_ciliumnodes() -> None:
    want = replace(WANT, ipam_mode="cluster-pool", pod_ranges=("172.20.0.0/16", "192.168.0.0/16"))
    nodes = {NODES: items(CP, W1, W2)}
    good = items(*(cilium_node(name, f"172.20.{n}.0/24") for n, name in enumerate(WANT.nodes)))
    assert look(cluster.own_pod_cidrs, {**nodes, CILIUM_NODES: good}, want).ok
    assert_fails(look(cluster.own_pod_cidrs, {**nodes, CILIUM_NODES: items()}, want), "I1 k8s-cp", "seen none")


def workload(kind: str, spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    """The answers to a lab whose only workload that is. Kind is Deployment, DaemonSet or StatefulSet."""
    meta = {"name": "thing", "namespace": "default", "generation": 2}
    made = {"metadata": meta, "spec": spec, "status": {"observedGeneration": 2, **status}}
    return {**NO_WORKLOADS, f"/apis/apps/v1/{kind.lower()}s$": items(made)}


def own(answers: dict[str, Any]) -> Expectation:
    """A lab that has brought the only workload of the answers."""
    (kind,) = (
        kind
        for kind in ("Deployment", "DaemonSet", "StatefulSet")
        if answers[f"/apis/apps/v1/{kind.lower()}s$"]["items"]
    )
    return replace(WANT, workloads=(f"{kind} default/thing",))


NO_WORKLOADS = {f"/apis/apps/v1/{plural}$": items() for plural in ("deployments", "daemonsets", "statefulsets")}
TWO = {"replicas": 2, "availableReplicas": 2, "updatedReplicas": 2}
AGENTS = {"desiredNumberScheduled": 3, "numberAvailable": 3}


@pytest.mark.parametrize(
    "whole",
    [
        workload("Deployment", {"replicas": 2}, **TWO),
        workload("StatefulSet", {"replicas": 2}, **TWO),
        workload("Deployment", {"replicas": 0}),
        workload("DaemonSet", {}, **AGENTS, updatedNumberScheduled=3),
        workload("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, **AGENTS, updatedNumberScheduled=1),
    ],
)
def test_rollouts_complete(whole: dict[str, Any]) -> None:
    assert look(cluster.rollouts_complete, whole, own(whole)).ok


@pytest.mark.parametrize(
    "short",
    [
        workload("Deployment", {"replicas": 2}, **{**TWO, "availableReplicas": 1}),
        workload("Deployment", {"replicas": 2}, **{**TWO, "updatedReplicas": 1}),
        workload("Deployment", {"replicas": 2}, **{**TWO, "replicas": 3}),
        workload("Deployment", {"replicas": 2}, **TWO, observedGeneration=1),
        workload("StatefulSet", {"replicas": 2}, **{**TWO, "availableReplicas": 1}),
        workload("DaemonSet", {}, desiredNumberScheduled=3, numberAvailable=2, updatedNumberScheduled=3),
        workload("DaemonSet", {}, **AGENTS, updatedNumberScheduled=2),
        workload("DaemonSet", {}, **AGENTS, updatedNumberScheduled=3, observedGeneration=1),
    ],
)
def test_an_incomplete_rollout_fails(short: dict[str, Any]) -> None:
    assert_fails(look(cluster.rollouts_complete, short, own(short)), "default/thing")


SHORT = workload("Deployment", {"replicas": 2}, **{**TWO, "availableReplicas": 1})


def test_what_the_stack_did_not_bring_is_told_and_makes_nothing_red() -> None:
    mine = workload("StatefulSet", {"replicas": 2}, **TWO)
    stateful = "/apis/apps/v1/statefulsets$"
    seen = look(cluster.rollouts_complete, {**SHORT, stateful: mine[stateful]}, own(mine))
    assert seen.ok
    text = "Deployment default/thing: 0 of 2 ready, or not all of the newest revision"
    assert seen.seen == f"1 workloads complete; not of the stack: {text}"


def test_a_workload_of_the_stack_that_is_gone_fails() -> None:
    assert_fails(
        look(cluster.rollouts_complete, SHORT, own(workload("StatefulSet", {}))),
        "StatefulSet default/thing: does not exist",
    )


@pytest.mark.parametrize(
    ("namespace", "release", "ok"),
    [("kube-system", "cilium", False), ("kube-system", "mine", True), ("mine", "cilium", True)],
)
def test_an_incomplete_workload_of_cilium_s_chart_fails(namespace: str, release: str, ok: bool) -> None:
    relay = {
        "metadata": {"name": "relay", "namespace": namespace, "annotations": {"meta.helm.sh/release-name": release}},
        "spec": {"replicas": 1},
    }
    mine = workload("StatefulSet", {"replicas": 2}, **TWO)
    answers = {**mine, "/apis/apps/v1/deployments$": items(relay)}
    assert look(cluster.rollouts_complete, answers, own(mine)).ok is ok


def test_a_cluster_without_workloads_is_not_complete() -> None:
    assert_fails(look(cluster.rollouts_complete, NO_WORKLOADS))
