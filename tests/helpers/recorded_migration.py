"""A migration's folder, written as a run writes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cilium_lab.disruption import record
from cilium_lab.disruption.record import DONE
from cilium_lab.disruption.stages import PENDING, Name, Stage

START = 1767261600
"""Unix time: 2026-01-01 10:00:00 UTC."""
LATENCY = [1.0] * 98 + [40.0, 90.0]


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(at: float, stage: str, node: str, what: str, seconds: float = 0.0, detail: str = "") -> dict[str, Any]:
    words = {"stage": stage, "node": node, "what": what}
    return {"time": iso(START + at), **words, "seconds": seconds, "detail": detail}


EVENTS = [
    event(2, Stage.PREFLIGHT, "", Name.JOURNAL_BEGINS, 2.0, "with probes"),
    event(3, Stage.OPERATOR, "", Name.OPERATOR_CONFIGURED, 1.0),
    event(3, Stage.OPERATOR, "", Name.BEGINS),
    event(5, Stage.OPERATOR, "", Name.DONE, 2.0),
    event(6, Stage.MOVE_NODE, "k8s-w1", Name.BEGINS, 0.0, "old -> new"),
    event(9, Stage.MOVE_NODE, "k8s-w1", f"{PENDING}{Name.DRAINED}", 3.0),
    event(10, Stage.MOVE_NODE, "k8s-w1", Name.DONE, 4.0),
    event(11, Stage.MOVE_NODE, "k8s-w2", Name.BEGINS),
    event(16, Stage.MOVE_NODE, "k8s-w2", Name.DONE, 5.0),
    event(17, Stage.FINISH, "", Name.AS_DESIRED),
]
ADDRESSES = {
    "before": {"k8s-w1": {"podCIDRs": ["192.168.1.0/24"], "pods": {"default/curl-pod": "192.168.1.9"}}},
    "after": {"k8s-w1": {"podCIDRs": ["172.20.1.0/24"], "pods": {"default/curl-pod": "172.20.1.4"}}},
}
RUN = {"kind": "staged", "from": "kubernetes", "to": "cluster-pool", "begun": iso(START), "ended": iso(START + 18)}


def begins(probe: str, target: str, at: float = 0.0) -> dict[str, Any]:
    return {"probe": probe, "at": START + at, "event": "begins", "why": target}


def happened(probe: str, at: float, what: str, why: str = "") -> dict[str, Any]:
    return {"probe": probe, "at": START + at, "event": what, "why": why}


def second(
    probe: str, at: int, latency: list[float], *, failed: int = 0, outage: float = 20.0, waited: float = 0.0
) -> dict[str, Any]:
    counts = {"sent": len(latency) + failed, "failed": failed}
    silence = {"outage_ms": outage, "net_ms": max(0.0, outage - waited), "waited_ms": waited}
    return {"probe": probe, "second": START + at, **counts, "latency_ms": latency, **silence}


def probe(name: str, target: str, *extra: dict[str, Any], seconds: int = 18) -> list[dict[str, Any]]:
    """A hundred answers a second, and what is given besides."""
    lines = [begins(name, target), *(second(name, at, LATENCY) for at in range(seconds)), *extra]
    return [*lines, happened(name, seconds, "ends")]


def text(lines: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def write(folder: Path, probes: dict[str, list[dict[str, Any]]], **changed: Any) -> Path:
    """`changed` stands in run.json; `events` and `addresses` instead of those above, None leaves the file out."""
    folder.mkdir(parents=True, exist_ok=True)
    events, addresses = changed.pop("events", EVENTS), changed.pop("addresses", ADDRESSES)
    (folder / record.RUN).write_text(json.dumps({**RUN, "outcome": DONE, **changed}))
    if events is not None:
        (folder / record.EVENTS).write_text(text(events))
    if addresses is not None:
        (folder / record.ADDRESSES).write_text(json.dumps(addresses))
    for source, lines in probes.items():
        (folder / record.PROBES.replace("*", source)).write_text(text(lines))
    return folder
