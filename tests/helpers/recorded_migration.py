"""A migration's folder, written as a run writes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = 1767261600
"""Unix time: 2026-01-01 10:00:00 UTC."""
LATENCY = [1.0] * 98 + [40.0, 90.0]


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(at: float, stage: str, node: str, what: str, seconds: float = 0.0, detail: str = "") -> dict[str, Any]:
    words = {"stage": stage, "node": node, "what": what}
    return {"time": iso(START + at), **words, "seconds": seconds, "detail": detail}


EVENTS = [
    event(2, "0 preflight", "", "passed", 2.0, "probes ask"),
    event(3, "2 operator", "", "operator configured", 1.0),
    event(3, "2 operator", "", "begins"),
    event(5, "2 operator", "", "done", 2.0),
    event(6, "4 renumber", "k8s-w1", "begins", 0.0, "old -> new"),
    event(9, "4 renumber", "k8s-w1", "waiting: emptied", 3.0),
    event(10, "4 renumber", "k8s-w1", "done", 4.0),
    event(11, "4 renumber", "k8s-w2", "begins"),
    event(16, "4 renumber", "k8s-w2", "done", 5.0),
    event(17, "5 finish", "", "as desired"),
]
ADDRESSES = {
    "before": {"k8s-w1": {"blocks": ["192.168.1.0/24"], "pods": {"default/curl-pod": "192.168.1.9"}}},
    "after": {"k8s-w1": {"blocks": ["172.20.1.0/24"], "pods": {"default/curl-pod": "172.20.1.4"}}},
}
RUN = {"kind": "staged", "from": "kubernetes", "to": "cluster-pool", "begun": iso(START), "ended": iso(START + 18)}


def begins(probe: str, asked: str, at: float = 0.0) -> dict[str, Any]:
    return {"probe": probe, "at": START + at, "event": "begins", "why": asked}


def happened(probe: str, at: float, what: str, why: str = "") -> dict[str, Any]:
    return {"probe": probe, "at": START + at, "event": what, "why": why}


def second(probe: str, at: int, latency: list[float], *, failed: int = 0, gap: float = 20.0) -> dict[str, Any]:
    counts = {"sent": len(latency) + failed, "failed": failed}
    return {"probe": probe, "second": START + at, **counts, "latency_ms": latency, "gap_ms": gap}


def probe(name: str, asked: str, *extra: dict[str, Any], seconds: int = 18) -> list[dict[str, Any]]:
    """A hundred answers a second, and what is given besides."""
    lines = [begins(name, asked), *(second(name, at, LATENCY) for at in range(seconds)), *extra]
    return [*lines, happened(name, seconds, "ends")]


def text(lines: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def write(folder: Path, probes: dict[str, list[dict[str, Any]]], **changed: Any) -> Path:
    """`changed` stands in run.json; `events` and `addresses` instead of those above, None leaves the file out."""
    folder.mkdir(parents=True, exist_ok=True)
    events, addresses = changed.pop("events", EVENTS), changed.pop("addresses", ADDRESSES)
    (folder / "run.json").write_text(json.dumps({**RUN, "outcome": "done", **changed}))
    if events is not None:
        (folder / "events.jsonl").write_text(text(events))
    if addresses is not None:
        (folder / "addresses.json").write_text(json.dumps(addresses))
    for source, lines in probes.items():
        (folder / f"probe-{source}.jsonl").write_text(text(lines))
    return folder
