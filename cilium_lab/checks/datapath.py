"""Checks of how pods' packets are routed and masqueraded: the agents' own words, and the routes on every node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.kube import agent as agent_view
from cilium_lab.kube import decode
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.deadline import concurrently
from cilium_lab.kube.objects import AgentView, Pod, Snapshot
from cilium_lab.kube.ssh import on_all
from cilium_lab.rollout.invariants import non_masquerade_complete, routes_complete

_STATUS = agent_view.Query.STATUS | agent_view.Query.NON_MASQUERADE


def _statuses(want: Expectation, lab: Lab) -> dict[str, tuple[dict[str, Any], AgentView]]:
    """Node -> what its agent says: `cilium-dbg status -o json`, and the view of the same output."""

    def read(agent: Pod) -> tuple[dict[str, Any], AgentView]:
        output = lab.in_agent(agent, agent_view.script(_STATUS))
        status, _ = json.JSONDecoder().raw_decode(output)
        return status, agent_view.parse(agent.node, output, map(IPv4Network, want.pod_ranges))

    agents = lab.agents()
    missing = [node for node in want.nodes if node not in agents]
    if missing:
        raise ValueError(f"no ready agent on {', '.join(missing)}")
    return dict(zip(agents, concurrently(read, agents.values()), strict=True))


def host_routing(want: Expectation, lab: Lab) -> Result:
    """Packets between host and pods go by eBPF, past the host's own stack, unless that is configured."""
    seen = {
        node: str(status.get("routing", {}).get("intra-host-routing-mode", "unknown"))
        for node, (status, _) in _statuses(want, lab).items()
    }
    if set(seen.values()) != {want.host_routing}:
        return unmet(
            expected=f"host routing {want.host_routing} on every node",
            seen=", ".join(f"{node} {mode}" for node, mode in sorted(seen.items())),
            next="the agent's log names what it lacks: `kubectl -n kube-system logs ds/cilium | grep 'host routing'`",
        )
    return met(f"host routing {want.host_routing} on {len(seen)} nodes")


def masquerading(want: Expectation, lab: Lab) -> Result:
    """The line `Masquerading:` of every agent: how, on which interface, and which ranges keep their source.

    These are the native range and the entries of the ip-masq-agent's map, which hold every pod range and pod CIDR.
    """
    by_bpf = want.masquerade == "bpf"
    expected = _masquerading(want.masquerade, want.router_interface, want.native_range) if by_bpf else want.masquerade
    statuses = _statuses(want, lab)
    seen = {node: describe_masquerading(status, want.router_interface) for node, (status, _) in statuses.items()}
    wrong = [f"{node}: {words}" for node, words in sorted(seen.items()) if words != expected]
    if by_bpf:
        snapshot = Snapshot((), lab.cilium_nodes(), views={node: view for node, (_, view) in statuses.items()})
        wrong += map(str, non_masquerade_complete(snapshot, map(IPv4Network, want.pod_ranges)))
    if wrong:
        return unmet(
            expected=expected,
            seen="; ".join(wrong),
            next="`cilium-dbg status | grep Masquerading` and `cilium-dbg bpf ipmasq list` in that agent",
        )
    kept = f", {', '.join(want.pod_ranges)} keep their source" if by_bpf else ""
    return met(f"{expected} on {len(seen)} nodes{kept}")


def describe_masquerading(status: Mapping[str, Any], interface: str) -> str:
    """How an agent masquerades IPv4: `iptables`, or `bpf [ens160] 192.168.0.0/16` with all interfaces if it is none."""
    said = status.get("masquerading", {})
    if not said.get("enabledProtocols", {}).get("ipv4"):
        return "none"
    mode = str(said.get("mode", "unknown")).lower()
    if mode != "bpf":
        return mode
    listed: list[dict[str, Any]] = status.get("kube-proxy-replacement", {}).get("deviceList") or []
    names = [str(one.get("name")) for one in listed]
    shown = interface if interface in names else ", ".join(names)
    return _masquerading(mode, shown, str(said.get("snat-exclusion-cidr-v4", "")))


def _masquerading(mode: str, interfaces: str, native_range: str) -> str:
    return f"{mode} [{interfaces}] {native_range or 'without a native range'}"


def routes_of_pods(want: Expectation, lab: Lab) -> Result:
    """Every node has a route of its own to each of its pods, and, as I3 of a migration says, to the others' pod CIDRs.

    The first are what endpointRoutes makes, the second what autoDirectNodeRoutes or the tunnel makes.
    """
    tables = {
        node: json.loads(text)
        for node, text in on_all(dict.fromkeys(want.nodes, "ip -4 -json route show"), lab.shell).items()
    }
    pods = [
        pod
        for pod in decode.pods(lab.running_pods())
        if pod.on_pod_network and pod.ready and not pod.terminating and pod.address is not None
    ]
    wrong: list[str] = []
    for pod in pods:
        devices = [route.get("dev", "none") for route in tables.get(pod.node, []) if route["dst"] == str(pod.address)]
        if len(devices) != 1 or not devices[0].startswith("lxc"):
            wrong.append(f"{pod.node} has {', '.join(devices) or 'no route'} for {pod.key} ({pod.address})")
    ranges = tuple(map(IPv4Network, want.pod_ranges))
    views = {
        node: AgentView(node, None, None, agent_view.pod_cidr_routes(table, ranges)) for node, table in tables.items()
    }
    snapshot = Snapshot(tuple(map(decode.node, lab.nodes())), lab.cilium_nodes(), views=views)
    wrong += map(str, routes_complete(snapshot, direct=want.routing == "native"))
    if wrong or not pods:
        return unmet(
            expected="a route to each pod by an interface of its own on its node, and to each other node's pod CIDRs",
            seen="; ".join(wrong) or "no running pod outside the host network",
            next="`ip route` on that node, and its agent's log",
        )
    return met(f"{len(pods)} pods by routes of their own, {len(views)} nodes know each other's pod CIDRs")
