"""Checks of the Cilium agents: how each one really runs, and whether Hubble sees what the pods do."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network
from typing import Any

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.checks.traffic import CURL_POD, curl_pod
from cilium_lab.kube import agent as agent_view
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.deadline import concurrently
from cilium_lab.kube.objects import REVISION_LABEL, AgentView, Pod, Snapshot
from cilium_lab.kube.ssh import HostError
from cilium_lab.rollout.invariants import agents_as_expected

_LAST = 200
# Hubble's own socket: it shows the flows of this node without the relay.
_SOCKET = "unix:///var/run/cilium/hubble.sock"
# The function `hubble` of a login on the control plane finds the relay (components/scripts/host/study-shell.sh).
_HUBBLE_STATUS = "timeout 10 bash -lc 'hubble status' 2>&1 < /dev/null"


def agent_modes(want: Expectation, lab: Lab) -> Result:
    """`cilium-dbg status` and the running configuration of every agent, not what a ConfigMap says.

    Outside of multi-pool, where nodes have pod CIDRs of several pools and are not rolled out, each agent is of the
    newest template of its DaemonSet, and invariant I5 of a migration holds: it runs on its CiliumNode's first pod CIDR,
    and the operator reports no error.
    """
    expected = _modes(want.cilium_version, "True", want.routing, want.masquerade, want.ipam_mode)
    running = lab.agents()
    wrong = [f"{node} has no ready agent" for node in want.nodes if node not in running]
    views: dict[str, AgentView] = {}

    def status_of(agent: Pod) -> str:
        return lab.in_agent(agent, agent_view.script(agent_view.STATUS))

    nodes = sorted(running)
    for node, output in zip(nodes, concurrently(status_of, (running[node] for node in nodes)), strict=True):
        status, _ = json.JSONDecoder().raw_decode(output)
        views[node] = agent_view.parse(node, output, map(IPv4Network, want.pod_ranges))
        seen = describe_agent(status, views[node].mode or "unknown")
        if seen != expected:
            wrong.append(f"{node}: {seen}")
    if want.ipam_mode != "multi-pool":
        newest = Cluster(lab.api, ()).revision()
        late = [node for node, agent in sorted(running.items()) if agent.labels.get(REVISION_LABEL) != newest]
        wrong += [f"{node}'s agent started with an earlier configuration or image" for node in late]
        snapshot = Snapshot((), lab.cilium_nodes(), views=views)
        wrong += map(str, agents_as_expected(snapshot, dict.fromkeys(views, want.ipam_mode)))
    if wrong:
        return unmet(
            expected=expected,
            seen="; ".join(wrong),
            next="`cilium-dbg status --verbose` in that agent; `./lab pulumi up` rolls out nodes whose agent is behind",
        )
    return met(f"{expected} on {len(running)} nodes")


def describe_agent(status: dict[str, Any], ipam_mode: str) -> str:
    """An agent's release and modes in the words of an Expectation. `status` is `cilium-dbg status -o json`."""
    version = str(status.get("cilium", {}).get("msg", "")).partition(" ")[0] or "unknown"
    replacement = status.get("kube-proxy-replacement", {}).get("mode", "unknown")
    routing = status.get("routing", {})
    mode = str(routing.get("inter-host-routing-mode", "unknown")).lower()
    if mode == "tunnel":
        mode = str(routing.get("tunnel-protocol", mode)).lower()
    masquerading = status.get("masquerading", {})
    masquerade = str(masquerading.get("mode", "unknown")).lower() if masquerading.get("enabled") else "no"
    return _modes(version, replacement, mode, masquerade, ipam_mode)


def _modes(version: str, replacement: str, routing: str, masquerade: str, ipam: str) -> str:
    modes = f"kube-proxy replacement {replacement}, routing {routing}, masquerading {masquerade}, IPAM {ipam}"
    return f"Cilium {version}, {modes}"


def hubble_shows_flows(want: Expectation, lab: Lab) -> Result:
    """curl-pod resolves a name and gets pages of a webpod and of the router; its node's Hubble shows these flows."""
    lab.in_pod(CURL_POD, f"curl -s -m 3 http://webpod/ http://{want.router_address}/ >/dev/null || true")
    agent = lab.agents()[curl_pod(lab).node]
    source = f"--server {_SOCKET} --from-pod default/{CURL_POD}"
    observe = f"hubble observe {source} --verdict FORWARDED --last {_LAST}"
    flows = parse_flows(lab.in_agent(agent, f"{observe} -o json"))
    shown = {
        "DNS": any(port(flow) == 53 for flow in flows),
        "webpod": any(
            port(flow) == 80 and flow.get("destination", {}).get("pod_name", "").startswith("webpod-") for flow in flows
        ),
        "the router": any(
            port(flow) == 80 and flow.get("IP", {}).get("destination") == want.router_address for flow in flows
        ),
    }
    missing = [name for name, there in shown.items() if not there]
    if missing:
        return unmet(
            expected=f"forwarded flows from {CURL_POD} to {', '.join(shown)}",
            seen=f"{len(flows)} flows, none to {' or '.join(missing)}",
            next=f"`{observe}` in the agent {agent.name}",
        )
    return met(f"{len(flows)} flows, among them to {', '.join(shown)}")


def relay_reaches_all(want: Expectation, lab: Lab) -> Result:
    """`hubble status` through the relay, typed on the control plane as the study does: every node is connected."""
    try:
        said = lab.shell(want.control_plane, _HUBBLE_STATUS)
    except HostError as error:
        said = str(error)
    found = re.search(r"^Connected Nodes: (\d+)/(\d+)$", said, re.MULTILINE)
    wanted = (str(len(want.nodes)),) * 2
    if found is None or found.groups() != wanted or not re.search(r"^Healthcheck .*: Ok$", said, re.MULTILINE):
        return unmet(
            expected=f"Healthcheck: Ok, Connected Nodes: {'/'.join(wanted)}",
            seen=" ".join(said.split())[-300:] or "nothing",
            next="`kubectl -n kube-system logs deploy/hubble-relay`: it names the peers that it does not reach",
        )
    return met(f"Healthcheck Ok, {found[0]}")


def parse_flows(text: str) -> list[dict[str, Any]]:
    """The flows in the lines of `hubble observe -o json`; lines about lost events carry none."""
    return [line["flow"] for one in text.splitlines() if one.strip() and "flow" in (line := json.loads(one))]


def port(flow: dict[str, Any]) -> int:
    """The destination port of a TCP or UDP flow, else 0."""
    layers: dict[str, dict[str, int]] = flow.get("l4", {})
    return next((layer.get("destination_port", 0) for layer in layers.values()), 0)
