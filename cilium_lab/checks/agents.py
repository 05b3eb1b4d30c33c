"""Checks of the Cilium agents: how each one really runs, and whether addresses agree with blocks."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import Any

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import (
    agents,
    cilium_blocks,
    get_items,
    in_agent,
    name_of,
    node_blocks,
)
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation


def agent_modes(want: Expectation, context: Context) -> Result:
    """`cilium-dbg status` and the running configuration of every agent, not what a ConfigMap asks for."""
    expected = _modes("True", want.routing, want.masquerade, want.ipam_mode)
    running = agents(context)
    wrong = [f"{node} has no ready agent" for node in want.nodes if node not in running]
    for node, pod in sorted(running.items()):
        answer = in_agent(context, pod, "cilium-dbg status -o json && cilium-dbg config get IPAM")
        status, end = json.JSONDecoder().raw_decode(answer)
        seen = describe_agent(status, answer[end:].strip())
        if seen != expected:
            wrong.append(f"{node}: {seen}")
    if wrong:
        return failed(
            expected=expected,
            seen="; ".join(wrong),
            hint="`cilium-dbg status --verbose` in that agent; a changed configuration needs its restart",
        )
    return passed(f"{expected} on {len(running)} nodes")


def describe_agent(status: dict[str, Any], ipam_mode: str) -> str:
    """An agent's modes in the words of an Expectation. `status` is `cilium-dbg status -o json`."""
    replacement = status.get("kube-proxy-replacement", {}).get("mode", "unknown")
    routing = status.get("routing", {})
    mode = str(routing.get("inter-host-routing-mode", "unknown")).lower()
    if mode == "tunnel":
        mode = str(routing.get("tunnel-protocol", mode)).lower()
    masquerading = status.get("masquerading", {})
    masquerade = str(masquerading.get("mode", "unknown")).lower() if masquerading.get("enabled") else "no"
    return _modes(replacement, mode, masquerade, ipam_mode)


def _modes(replacement: str, routing: str, masquerade: str, ipam: str) -> str:
    return f"kube-proxy replacement {replacement}, routing {routing}, masquerading {masquerade}, IPAM {ipam}"


def blocks_agree(_want: Expectation, context: Context) -> Result:
    """In kubernetes mode every CiliumNode carries its Node's blocks."""
    nodes, cilium = node_blocks(context), cilium_blocks(context)
    wrong = [
        f"{node}: Node {_join(nodes.get(node, []))}, CiliumNode {_join(cilium.get(node, []))}"
        for node in sorted(nodes.keys() | cilium.keys())
        if nodes.get(node) != cilium.get(node)
    ]
    if wrong or not nodes:
        return failed(
            expected="the same blocks in Node.spec.podCIDRs and CiliumNode.spec.ipam.podCIDRs",
            seen="; ".join(wrong) or "no nodes",
            hint="the agent of that node copies them when it starts: its log",
        )
    return passed(f"{len(nodes)} nodes agree")


def addresses_inside(_want: Expectation, context: Context) -> Result:
    """Every pod's address lies in a block of its node: outside it no peer has a route to it."""
    blocks = cilium_blocks(context)
    wrong: list[str] = []
    counted = 0
    for pod in get_items(context, "pods", "-A", "--field-selector", "status.phase=Running"):
        if pod["spec"].get("hostNetwork") or "podIP" not in pod["status"]:
            continue
        counted += 1
        node, address = pod["spec"]["nodeName"], IPv4Address(pod["status"]["podIP"])
        if not any(address in block for block in blocks.get(node, [])):
            where = f"{pod['metadata']['namespace']}/{name_of(pod)} on {node}"
            wrong.append(f"{where} has {address}, its node has {_join(blocks.get(node, []))}")
    if wrong or counted == 0:
        return failed(
            expected="every pod address inside a block of its node",
            seen="; ".join(wrong) or "no running pod outside the host network",
            hint="such a pod is cut off until it is re-created",
        )
    return passed(f"{counted} pod addresses")


def _join(blocks: list[Any]) -> str:
    return ",".join(str(block) for block in blocks) or "none"
