"""The checks of routes, masquerading and host routing: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import cluster, datapath, traffic
from tests.helpers.fake_lab import (
    AGENT_PODS,
    ALL_PODS,
    CILIUM_NODES,
    CP,
    NODES,
    W1,
    W2,
    WANT,
    agent_pods,
    assert_fails,
    cilium_node,
    items,
    look,
    node,
    pod,
)
from tests.helpers.simulated_api import MARK

STATUS: dict[str, Any] = {
    "kube-proxy-replacement": {"mode": "True", "deviceList": [{"name": "ens160", "ip": ["172.31.1.10"]}]},
    "routing": {"inter-host-routing-mode": "Native", "intra-host-routing-mode": "BPF"},
    "masquerading": {
        "enabled": True,
        "enabledProtocols": {"ipv4": True},
        "mode": "BPF",
        "ip-masq-agent": True,
        "snat-exclusion-cidr-v4": "192.168.0.0/16",
    },
}
POD_CIDRS = {name: f"192.168.{number}.0/24" for number, name in enumerate(WANT.nodes)}
CLUSTER: dict[str, Any] = {
    AGENT_PODS: agent_pods(*WANT.nodes),
    CILIUM_NODES: items(*(cilium_node(name, cidr) for name, cidr in POD_CIDRS.items())),
    NODES: items(CP, W1, W2),
}


def says(kept: list[str] | None = None, /, **changed: Any) -> str:
    """What an agent's script prints; `kept` are the entries of its ip-masq-agent's map."""
    listed = ["192.168.0.0/16"] if kept is None else kept
    return f"\n{MARK}\n".join([json.dumps({**STATUS, **changed}), "kubernetes", "[]", json.dumps(listed), "null"])


def last_says(text: str) -> dict[str, Any]:
    return {**CLUSTER, "EXEC kube-system/cilium-k8s-w2": text, "EXEC kube-system/cilium-": says()}


def test_host_routing() -> None:
    assert look(datapath.host_routing, last_says(says())).ok
    legacy = says(routing={"intra-host-routing-mode": "Legacy"})
    assert_fails(look(datapath.host_routing, last_says(legacy)), "k8s-w2 Legacy")
    assert_fails(look(datapath.host_routing, last_says(says(routing={}))), "k8s-w2 unknown")
    assert_fails(look(datapath.host_routing, last_says(says()), replace(WANT, host_routing="Legacy")), "k8s-w2 BPF")


def test_a_node_without_agent_is_told() -> None:
    answers = {**last_says(says()), AGENT_PODS: agent_pods("k8s-cp", "k8s-w1")}
    with pytest.raises(ValueError, match="no ready agent on k8s-w2"):
        look(datapath.host_routing, answers)


def masquerading(**changed: Any) -> str:
    return says(masquerading={**STATUS["masquerading"], **changed})


def test_masquerading() -> None:
    result = look(datapath.masquerading, last_says(says()))
    assert result.ok
    assert "bpf [ens160] 192.168.0.0/16 on 3 nodes" in result.seen


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (masquerading(enabledProtocols={"ipv4": False}), "k8s-w2: none"),
        (masquerading(mode="IPTables"), "k8s-w2: iptables"),
        (masquerading(**{"snat-exclusion-cidr-v4": "10.244.0.0/16"}), "10.244.0.0/16"),
        (masquerading(**{"snat-exclusion-cidr-v4": ""}), "without a native range"),
        (says(**{"kube-proxy-replacement": {"deviceList": [{"name": "eth7"}]}}), "[eth7]"),
        (says(**{"kube-proxy-replacement": {"deviceList": None}}), "[]"),
        (says(["10.0.0.0/8"]), "I4 k8s-w2"),
    ],
)
def test_an_agent_that_masquerades_otherwise_is_told(said: str, word: str) -> None:
    assert_fails(look(datapath.masquerading, last_says(said)), word)


def test_masquerading_in_other_modes() -> None:
    by_iptables = says(masquerading={"enabledProtocols": {"ipv4": True}, "mode": "IPTables"})
    answers = {**CLUSTER, "EXEC kube-system/cilium-": by_iptables}
    assert look(datapath.masquerading, answers, replace(WANT, masquerade="iptables")).ok
    assert_fails(look(datapath.masquerading, last_says(says()), replace(WANT, masquerade="iptables")), "bpf [ens160]")
    tunnel = {**CLUSTER, "EXEC kube-system/cilium-": masquerading(**{"snat-exclusion-cidr-v4": ""})}
    assert look(datapath.masquerading, tunnel, replace(WANT, native_range="", routing="vxlan")).ok


WHERE = {"k8s-cp": "192.168.0.5", "k8s-w1": "192.168.1.7", "k8s-w2": "192.168.2.7"}


def table(name: str, *, direct: bool = True) -> list[dict[str, Any]]:
    """The routes of a healthy node with one pod."""
    peers = [
        {"dst": cidr, "gateway": WANT.nodes[peer], "dev": "ens160"} if direct else {"dst": cidr, "dev": "cilium_host"}
        for peer, cidr in POD_CIDRS.items()
        if peer != name
    ]
    own = {"dst": WHERE[name], "dev": "lxc12345", "scope": "link"}
    return [{"dst": "default", "gateway": "172.31.0.2", "dev": "ens160"}, *peers, own]


def routed(last: list[dict[str, Any]], *, direct: bool = True) -> dict[str, Any]:
    pods = [pod(f"p-{name}", address, name) for name, address in WHERE.items()]
    tables = {f"SSH {name} ": json.dumps(table(name, direct=direct)) for name in ("k8s-cp", "k8s-w1")}
    host = pod("agent", "172.31.1.12", "k8s-w2", hostNetwork=True)
    return {**CLUSTER, ALL_PODS: items(*pods, host), **tables, "SSH k8s-w2 ": json.dumps(last)}


def test_routes_of_pods() -> None:
    assert look(datapath.routes_of_pods, routed(table("k8s-w2"))).ok
    tunnel = routed(table("k8s-w2", direct=False), direct=False)
    assert look(datapath.routes_of_pods, tunnel, replace(WANT, routing="vxlan")).ok
    assert_fails(look(datapath.routes_of_pods, tunnel), "I3 k8s-cp")


def test_a_pod_without_a_route_of_its_own_fails() -> None:
    healthy = table("k8s-w2")
    assert_fails(look(datapath.routes_of_pods, routed(healthy[:-1])), "no route for default/p-k8s-w2 (192.168.2.7)")
    elsewhere = [*healthy[:-1], {**healthy[-1], "dev": "cilium_host"}]
    assert_fails(look(datapath.routes_of_pods, routed(elsewhere)), "k8s-w2 has cilium_host for default/p-k8s-w2")
    assert_fails(look(datapath.routes_of_pods, {**routed(healthy), ALL_PODS: items()}), "no running pod")


def test_a_lost_or_wrong_route_to_another_node_fails() -> None:
    healthy = table("k8s-w2")
    lost = [route for route in healthy if route["dst"] != "192.168.1.0/24"]
    assert_fails(look(datapath.routes_of_pods, routed(lost)), "I3 k8s-w2", "192.168.1.0/24")
    wrong = [{**route, "gateway": "172.31.1.10"} if route["dst"] == "192.168.1.0/24" else route for route in healthy]
    assert_fails(look(datapath.routes_of_pods, routed(wrong)), "via 172.31.1.10")


POOLED = replace(WANT, ipam_mode="cluster-pool")


def test_kubernetes_pod_cidrs_stay_when_pods_have_others() -> None:
    assert look(cluster.kubernetes_pod_cidrs_stay, CLUSTER, POOLED).ok


@pytest.mark.parametrize(
    ("last", "word"),
    [
        (node("k8s-w2", "172.31.1.12", "172.20.2.0/24"), "k8s-w2 172.20.2.0/24"),
        (node("k8s-w2", "172.31.1.12", "192.168.1.0/24"), "k8s-w2 192.168.1.0/24"),
        (node("k8s-w2", "172.31.1.12", ""), "k8s-w2 none"),
    ],
)
def test_a_node_that_lost_the_pod_cidr_of_kubernetes_fails(last: dict[str, Any], word: str) -> None:
    assert_fails(look(cluster.kubernetes_pod_cidrs_stay, {NODES: items(CP, W1, last)}, POOLED), word)


def test_the_router_answers_at_every_address() -> None:
    pages = dict.fromkeys(WANT.router_addresses, WANT.router_page)

    def answers(found: dict[str, str]) -> dict[str, Any]:
        return {"EXEC default/curl-pod": "".join(f"{address} {page}\n" for address, page in found.items())}

    assert look(traffic.router_pages, answers(pages)).ok
    assert_fails(look(traffic.router_pages, answers({**pages, "10.10.2.200": ""})), "10.10.2.200: no answer")
    other = {**pages, "10.10.2.200": "<h1>Another</h1>"}
    assert_fails(look(traffic.router_pages, answers(other)), "10.10.2.200: <h1>Another</h1>")
    assert_fails(look(traffic.router_pages, answers({})), "172.31.1.20", "10.10.10.10", "10.10.1.200", "10.10.2.200")
