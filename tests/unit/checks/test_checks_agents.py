"""The checks of the Cilium agents and of pod addresses: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import agents, cluster
from cilium_lab.kube.ssh import HostError
from tests.helpers.fake_lab import (
    AGENT_PODS,
    ALL_PODS,
    CILIUM_NODES,
    CP,
    NODES,
    W1,
    WANT,
    agent_pods,
    assert_fails,
    cilium_node,
    items,
    look,
    newest_template,
    pod,
)
from tests.helpers.simulated_api import MARK

STATUS: dict[str, Any] = {
    "cilium": {"state": "Ok", "msg": f"{WANT.cilium_version} (v{WANT.cilium_version}-0123abcd)"},
    "kube-proxy-replacement": {"mode": "True"},
    "routing": {"inter-host-routing-mode": "Native", "intra-host-routing-mode": "BPF"},
    "masquerading": {"enabled": True, "mode": "BPF", "ip-masq-agent": True},
}


def agent_says(ipam: str = "kubernetes", /, **changed: Any) -> str:
    """What the script of cilium_lab.kube.agent prints, queried for the status."""
    status = json.dumps({**STATUS, **changed}, indent=2)
    return f"\n{MARK}\n".join([status, ipam, "[]", "null", "null"])


def allocates(pod_cidr: str) -> dict[str, str]:
    return {"status": f"IPv4: 5/254 allocated from {pod_cidr}, "}


POD_CIDRS = {name: f"192.168.{number}.0/24" for number, name in enumerate(WANT.nodes)}
HEALTHY: dict[str, Any] = {
    **newest_template("new"),
    AGENT_PODS: agent_pods(*WANT.nodes),
    CILIUM_NODES: items(*(cilium_node(name, cidr) for name, cidr in POD_CIDRS.items())),
}


def agent_answers(last: str, **changed: Any) -> dict[str, Any]:
    """The last node's agent says that, the others are healthy."""
    others = {
        f"EXEC kube-system/cilium-{name}": agent_says(ipam=allocates(cidr), **changed)
        for name, cidr in POD_CIDRS.items()
    }
    return {**HEALTHY, "EXEC kube-system/cilium-k8s-w2": last, **dict(list(others.items())[:2])}


LAST = allocates(POD_CIDRS["k8s-w2"])


def test_agent_modes() -> None:
    assert look(agents.agent_modes, agent_answers(agent_says(ipam=LAST))).ok
    tunnel = {"inter-host-routing-mode": "Tunnel", "tunnel-protocol": "vxlan"}
    said = agent_answers(agent_says(ipam=LAST, routing=tunnel), routing=tunnel)
    assert look(agents.agent_modes, said, replace(WANT, routing="vxlan")).ok


@pytest.mark.parametrize(
    "said",
    [
        agent_says("cluster-pool", ipam=LAST),
        agent_says("kubernetes", ipam=LAST, **{"kube-proxy-replacement": {"mode": "False"}}),
        agent_says(ipam=LAST, routing={"inter-host-routing-mode": "Tunnel", "tunnel-protocol": "vxlan"}),
        agent_says(ipam=LAST, masquerading={"enabled": True, "mode": "iptables"}),
        agent_says(ipam=LAST, masquerading={"mode": "BPF"}),
        agent_says(ipam=LAST, cilium={"state": "Ok", "msg": "1.16.0 (v1.16.0-0123abcd)"}),
        f"\n{MARK}\n".join(["{}", "", "[]", "null", "null"]),
    ],
)
def test_an_agent_in_another_mode_is_told(said: str) -> None:
    assert_fails(look(agents.agent_modes, agent_answers(said)), "k8s-w2")


def test_an_agent_of_an_earlier_template_is_told() -> None:
    answers = {**agent_answers(agent_says(ipam=LAST)), **newest_template("newer")}
    assert_fails(look(agents.agent_modes, answers), "k8s-cp's agent started with an earlier")


def test_an_agent_that_allocates_of_another_pod_cidr_than_its_node_has_fails() -> None:
    """Invariant I5 of a migration."""
    said = agent_says(ipam=allocates("172.20.1.0/24"))
    assert_fails(look(agents.agent_modes, agent_answers(said)), "I5 k8s-w2", "192.168.2.0/24", "172.20.1.0/24")


def test_an_operator_that_reports_an_error_fails() -> None:
    node = cilium_node("k8s-w1", POD_CIDRS["k8s-w1"])
    node["status"] = {"ipam": {"operator-status": {"error": "no free range"}}}
    rest = (cilium_node(name, POD_CIDRS[name]) for name in ("k8s-cp", "k8s-w2"))
    answers = {**agent_answers(agent_says(ipam=LAST)), CILIUM_NODES: items(node, *rest)}
    assert_fails(look(agents.agent_modes, answers), "I5 k8s-w1", "no free range")


def test_in_multi_pool_pod_cidrs_of_several_pools_are_no_fault() -> None:
    said = {AGENT_PODS: agent_pods(*WANT.nodes), "EXEC kube-system/cilium-": agent_says("multi-pool")}
    assert look(agents.agent_modes, said, replace(WANT, ipam_mode="multi-pool")).ok


def test_a_node_without_agent_fails() -> None:
    pods = agent_pods("k8s-cp", "k8s-w1")
    said = {**agent_answers(""), AGENT_PODS: pods}
    assert_fails(look(agents.agent_modes, said), "k8s-w2 has no ready agent")


def test_pod_cidrs_agree() -> None:
    nodes = {NODES: items(CP, W1)}
    same = items(cilium_node("k8s-cp", "192.168.0.0/24"), cilium_node("k8s-w1", "192.168.1.0/24"))
    assert look(cluster.pod_cidrs_agree, {**nodes, CILIUM_NODES: same}).ok
    other = items(cilium_node("k8s-cp", "192.168.0.0/24"), cilium_node("k8s-w1", "172.20.1.0/24"))
    assert_fails(look(cluster.pod_cidrs_agree, {**nodes, CILIUM_NODES: other}), "k8s-w1", "172.20.1.0/24")
    fewer = items(cilium_node("k8s-cp", "192.168.0.0/24"))
    assert_fails(look(cluster.pod_cidrs_agree, {**nodes, CILIUM_NODES: fewer}), "CiliumNode none")
    assert_fails(look(cluster.pod_cidrs_agree, {NODES: items(), CILIUM_NODES: items()}))


def test_addresses_inside() -> None:
    cidrs = {CILIUM_NODES: items(cilium_node("k8s-w1", "192.168.1.0/24"), cilium_node("k8s-w2", "172.20.0.0/24"))}
    agent = pod("cilium-x", "172.31.1.11", "k8s-w1", hostNetwork=True)
    good = items(pod("a", "192.168.1.9", "k8s-w1"), pod("b", "172.20.0.9", "k8s-w2"), agent)
    assert look(cluster.addresses_inside, {**cidrs, ALL_PODS: good}).seen == "2 pod addresses"
    dead = items(pod("a", "192.168.1.9", "k8s-w2"))
    assert_fails(look(cluster.addresses_inside, {**cidrs, ALL_PODS: dead}), "I2 default/a", "k8s-w2", "192.168.1.9")
    assert_fails(look(cluster.addresses_inside, {**cidrs, ALL_PODS: items(agent)}))


STATUS_LINES = """\
Healthcheck (via 10.96.7.7:80): Ok
Current/Max Flows: 11,141/12,285 (90.69%)
Flows/s: 15.75
Connected Nodes: 3/3
"""


def test_relay_reaches_all() -> None:
    assert look(agents.relay_reaches_all, {"SSH k8s-cp .*hubble status": STATUS_LINES}).ok


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (STATUS_LINES.replace("3/3", "2/3"), "Connected Nodes: 2/3"),
        (STATUS_LINES.replace("3/3", "2/2"), "Connected Nodes: 2/2"),
        (STATUS_LINES.replace("Ok", "Unavailable"), "Unavailable"),
        (STATUS_LINES.replace("Connected", "Other"), "Other Nodes"),
        (HostError("k8s-cp: exit status 1: failed getting status: connection refused"), "connection refused"),
        ("", "nothing"),
    ],
)
def test_a_relay_that_misses_a_node_fails(said: str | HostError, word: str) -> None:
    assert_fails(look(agents.relay_reaches_all, {"SSH k8s-cp": said}), word)
