"""The checks of the Cilium agents: a healthy answer, and answers that must make each one fail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import agents
from tests.helpers.fake_lab import (
    CP,
    W1,
    WANT,
    agent_pods,
    assert_fails,
    cilium_node,
    items,
    look,
    pod,
)

STATUS: dict[str, Any] = {
    "kube-proxy-replacement": {"mode": "True"},
    "routing": {"inter-host-routing-mode": "Native", "intra-host-routing-mode": "BPF"},
    "masquerading": {"enabled": True, "mode": "BPF", "ip-masq-agent": True},
}


def agent_says(ipam: str = "kubernetes", /, **changed: Any) -> str:
    return json.dumps({**STATUS, **changed}, indent=2) + f"\n{ipam}\n"


def agent_answers(last: str) -> dict[str, Any]:
    return {
        "get pods.*k8s-app=cilium": agent_pods(*WANT.nodes),
        "exec.*cilium-k8s-w2": last,
        "exec.*cilium-": agent_says(),
    }


def test_agent_modes() -> None:
    assert look(agents.agent_modes, agent_answers(agent_says())).ok
    tunnel = {"inter-host-routing-mode": "Tunnel", "tunnel-protocol": "vxlan"}
    said = {"get pods.*k8s-app=cilium": agent_pods(*WANT.nodes), "exec.*cilium-": agent_says(routing=tunnel)}
    assert look(agents.agent_modes, said, replace(WANT, routing="vxlan")).ok


@pytest.mark.parametrize(
    "said",
    [
        agent_says("cluster-pool"),
        agent_says("kubernetes", **{"kube-proxy-replacement": {"mode": "False"}}),
        agent_says(routing={"inter-host-routing-mode": "Tunnel", "tunnel-protocol": "vxlan"}),
        agent_says(masquerading={"enabled": True, "mode": "iptables"}),
        agent_says(masquerading={"mode": "BPF"}),
        "{}\n\n",
    ],
)
def test_an_agent_in_another_mode_is_told(said: str) -> None:
    assert_fails(look(agents.agent_modes, agent_answers(said)), "k8s-w2")


def test_a_node_without_agent_fails() -> None:
    pods = agent_pods("k8s-cp", "k8s-w1")
    said = {"get pods.*k8s-app=cilium": pods, "exec.*cilium-": agent_says()}
    assert_fails(look(agents.agent_modes, said), "k8s-w2 has no ready agent")


def test_blocks_agree() -> None:
    nodes = {"get nodes": items(CP, W1)}
    same = items(cilium_node("k8s-cp", "192.168.0.0/24"), cilium_node("k8s-w1", "192.168.1.0/24"))
    assert look(agents.blocks_agree, {**nodes, "get ciliumnodes": same}).ok
    other = items(cilium_node("k8s-cp", "192.168.0.0/24"), cilium_node("k8s-w1", "172.20.1.0/24"))
    assert_fails(look(agents.blocks_agree, {**nodes, "get ciliumnodes": other}), "k8s-w1", "172.20.1.0/24")
    fewer = items(cilium_node("k8s-cp", "192.168.0.0/24"))
    assert_fails(look(agents.blocks_agree, {**nodes, "get ciliumnodes": fewer}), "CiliumNode none")
    assert_fails(look(agents.blocks_agree, {"get nodes": items(), "get ciliumnodes": items()}))


def test_addresses_inside() -> None:
    blocks = {"get ciliumnodes": items(cilium_node("k8s-w1", "192.168.1.0/24"), cilium_node("k8s-w2", "172.20.0.0/24"))}
    agent = pod("cilium-x", "172.31.1.11", "k8s-w1", hostNetwork=True)
    good = items(pod("a", "192.168.1.9", "k8s-w1"), pod("b", "172.20.0.9", "k8s-w2"), agent)
    assert look(agents.addresses_inside, {**blocks, "get pods": good}).seen == "2 pod addresses"
    dead = items(pod("a", "192.168.1.9", "k8s-w2"))
    assert_fails(look(agents.addresses_inside, {**blocks, "get pods": dead}), "default/a on k8s-w2", "192.168.1.9")
    assert_fails(look(agents.addresses_inside, {**blocks, "get pods": items(agent)}))
