"""What an agent reports about itself: the script that queries it, and the parser of its output."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from enum import Flag, auto
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cilium_lab.kube.objects import AgentView, Route

_MARK = "=====cilium-lab====="
_FORWARDED = (
    "Success",
    "Interface",
    "Interface Decrypted",
    "Interface Decrypting",
    "Interface Encrypting",
    "LB: sock cgroup: Reverse entry delete succeeded",  # since 1.19
)
"""Codes below DropMin of pkg/monitor/api/drop.go that count no packet that was lost."""


class Query(Flag):
    """What an agent is queried for. Each but the first starts a program in its container."""

    ROUTES = 0
    STATUS = auto()
    """Its IPAM mode and the pod CIDR that it allocates addresses of."""
    NON_MASQUERADE = auto()
    DROPS = auto()


STATUS = Query.STATUS


def script(query: Query) -> str:
    """Shell for the agent's container."""
    commands = [
        "cilium-dbg status -o json" if Query.STATUS in query else "echo null",
        "cilium-dbg config get IPAM" if Query.STATUS in query else "echo",
        "ip -4 -json route show",
        "{ cilium-dbg bpf ipmasq list -o json || echo []; }" if Query.NON_MASQUERADE in query else "echo null",
        "cilium-dbg bpf metrics list -o json" if Query.DROPS in query else "echo null",
    ]
    return f" && echo {_MARK} && ".join(commands)


def parse(node: str, output: str, ranges: Iterable[IPv4Network]) -> AgentView:
    """The agent's view; of its routes those that lie inside `ranges`. Raises ValueError for another output."""
    sections = [section.strip() for section in output.split(_MARK)]
    if len(sections) != 5:
        raise ValueError(f"the agent of {node} answered {len(sections)} of 5 queries")
    status, mode, routes, non_masquerade, drops = sections
    return AgentView(
        node=node,
        mode=mode or None,
        pod_cidr=_pod_cidr(json.loads(status)),
        routes=pod_cidr_routes(json.loads(routes), tuple(ranges)),
        non_masquerade_cidrs=_non_masquerade_cidrs(json.loads(non_masquerade or "null")),
        drops=_drops(json.loads(drops or "null")),
    )


def _pod_cidr(status: dict[str, dict[str, str]] | None) -> IPv4Network | None:
    """From `IPv4: 5/254 allocated from 192.168.1.0/24, `, the text of the agent's allocator."""
    found = re.search(r"allocated from (\d+\.\d+\.\d+\.\d+/\d+)", (status or {}).get("ipam", {}).get("status", ""))
    return IPv4Network(found[1]) if found else None


def pod_cidr_routes(listed: list[dict[str, Any]], ranges: tuple[IPv4Network, ...]) -> tuple[Route, ...]:
    """Routes to pod CIDRs in the list of `ip -4 -json route show`; those to single pods of the node are left out."""
    found: list[Route] = []
    for entry in listed:
        if entry["dst"] == "default" or "/" not in entry["dst"]:
            continue
        destination = IPv4Network(entry["dst"], strict=False)
        if any(destination.subnet_of(wide) for wide in ranges):
            gateway = entry.get("gateway")
            found.append(Route(destination, IPv4Address(gateway) if gateway else None, str(entry.get("dev", ""))))
    return tuple(found)


def _non_masquerade_cidrs(listed: list[str] | None) -> tuple[IPv4Network, ...] | None:
    """The map's IPv4 entries; none where the agent has no such map."""
    return None if listed is None else tuple(IPv4Network(cidr) for cidr in listed if ":" not in cidr)


def _drops(listed: list[dict[str, Any]] | None) -> dict[str, int] | None:
    """Packets by reason, without the codes of forwarded packets."""
    if listed is None:
        return None
    found: dict[str, int] = {}
    for entry in listed:
        reason = str(entry["reason"])
        if reason not in _FORWARDED:
            found[reason] = found.get(reason, 0) + int(entry["packets"])
    return found
