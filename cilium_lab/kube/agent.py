"""What an agent says about itself: the script that asks, and the reading of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from enum import Flag, auto
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cilium_lab.kube.objects import AgentView, Route

_MARK = "=====cilium-lab====="
_PASSED = ("Success", "Interface", "Interface Decrypted", "Interface Decrypting", "Interface Encrypting")
"""Codes below DropMin of pkg/monitor/api/drop.go that say where a packet went."""


class Ask(Flag):
    """What an agent is asked. Each question but the first starts a program in its container."""

    ROUTES = 0
    STATUS = auto()
    """Its mode and the block that it gives addresses of."""
    MASQUERADE = auto()
    DROPS = auto()


STATUS = Ask.STATUS


def script(ask: Ask) -> str:
    """Shell for the agent's container."""
    parts = [
        "cilium-dbg status -o json" if Ask.STATUS in ask else "echo null",
        "cilium-dbg config get IPAM" if Ask.STATUS in ask else "echo",
        "ip -4 -json route show",
        "cilium-dbg bpf ipmasq list -o json" if Ask.MASQUERADE in ask else "echo null",
        "cilium-dbg bpf metrics list -o json" if Ask.DROPS in ask else "echo null",
    ]
    return f" && echo {_MARK} && ".join(parts)


def parse(node: str, answer: str, ranges: Iterable[IPv4Network]) -> AgentView:
    """The agent's view; of its routes those that lie inside `ranges`. Raises ValueError for another answer."""
    parts = [part.strip() for part in answer.split(_MARK)]
    if len(parts) != 5:
        raise ValueError(f"the agent of {node} answered {len(parts)} of 5 questions")
    status, mode, routes, masquerade, drops = parts
    return AgentView(
        node=node,
        mode=mode or None,
        block=_block(json.loads(status)),
        routes=_routes(json.loads(routes), tuple(ranges)),
        masquerade=_masquerade(json.loads(masquerade or "null")),
        drops=_drops(json.loads(drops or "null")),
    )


def _block(status: dict[str, dict[str, str]] | None) -> IPv4Network | None:
    """From `IPv4: 5/254 allocated from 192.168.1.0/24, `: the allocator's own words."""
    found = re.search(r"allocated from (\d+\.\d+\.\d+\.\d+/\d+)", (status or {}).get("ipam", {}).get("status", ""))
    return IPv4Network(found[1]) if found else None


def _routes(listed: list[dict[str, Any]], ranges: tuple[IPv4Network, ...]) -> tuple[Route, ...]:
    """Routes to blocks; those to single pods of the node itself are left out."""
    found: list[Route] = []
    for entry in listed:
        if entry["dst"] == "default" or "/" not in entry["dst"]:
            continue
        destination = IPv4Network(entry["dst"], strict=False)
        if any(destination.subnet_of(wide) for wide in ranges):
            gateway = entry.get("gateway")
            found.append(Route(destination, IPv4Address(gateway) if gateway else None, str(entry.get("dev", ""))))
    return tuple(found)


def _masquerade(listed: list[str] | None) -> tuple[IPv4Network, ...] | None:
    """The map's IPv4 entries."""
    return None if listed is None else tuple(IPv4Network(cidr) for cidr in listed if ":" not in cidr)


def _drops(listed: list[dict[str, Any]] | None) -> dict[str, int] | None:
    """Packets by reason, without the codes that count what was let through."""
    if listed is None:
        return None
    found: dict[str, int] = {}
    for entry in listed:
        reason = str(entry["reason"])
        if reason not in _PASSED:
            found[reason] = found.get(reason, 0) + int(entry["packets"])
    return found
