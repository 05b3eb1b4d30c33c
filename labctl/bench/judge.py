"""The figures of one run and what they are held against: pure.

The bar is that of a staged migration: no request fails; nothing at all is noticed before a node's turn; connections end
by FIN alone; the longest gap, the slowest probe's p99, the time of the road and of each node's turn stay below limits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cilium_lab.disruption.report.figures import UDP, Window, figures
from cilium_lab.disruption.report.record import Record, Run
from cilium_lab.disruption.report.steps import Step, steps
from cilium_lab.tables import table

MOST_GAP_MS = 500.0
MOST_P99_MS = 250.0
MOST_SECONDS = 150.0
MOST_RATIO = 1.3
LEAST_RATE = 100.0
"""Requests a second, of the Service from inside and of nodes' ports from the router: fewer would measure nothing."""
ALONE = frozenset(("emptied", "bare pods off", "agent restarted", "agent reports", "pods back"))
"""What a node's turn cannot do without: its drain, its agent's restart, its pods' starts."""
_LANDMARKS = frozenset(("emptied", "agent restarted", "pods back"))
"""What happens in every turn that was gone through in one go."""


@dataclass(frozen=True)
class Outcome:
    """One run. Milliseconds, seconds, requests a second."""

    name: str
    ended: str
    """done, or why it stopped."""
    seconds: float
    """From its first event to its last one."""
    requests: int
    failed: int
    gap_ms: float
    gap_where: str
    p50_ms: float
    p99_ms: float
    """Of the slowest probe."""
    fin: int
    resets: int
    """Lasting connections that ended otherwise."""
    lost: int
    """Datagrams."""
    early: str
    """What was noticed before the first node's turn; empty: nothing."""
    inside: float
    outside: float
    """Requests a second that were made, of the Service from inside and of nodes' ports from the router."""
    ratios: tuple[tuple[str, float, float], ...]
    """(node, seconds of its turn, that over the sum of what cannot be done without)."""


def outcome(name: str, record: Record) -> Outcome:
    """The figures of a record; a run without events or probes has empty ones."""
    asked = [run for run in record.runs if run.kind != UDP]
    found = figures(asked) if asked else None
    slowest = [figures([run]).p99_ms or 0.0 for run in asked]
    events = record.events
    return Outcome(
        name=name,
        ended=record.outcome,
        seconds=max((e.time for e in events), default=0.0) - min((e.begun for e in events), default=0.0),
        requests=found.requests if found else 0,
        failed=found.failed if found else 0,
        gap_ms=found.gap_ms if found else 0.0,
        gap_where=found.gap_where if found else "",
        p50_ms=(found.p50_ms or 0.0) if found else 0.0,
        p99_ms=max(slowest, default=0.0),
        fin=found.fin if found else 0,
        resets=found.resets if found else 0,
        lost=sum(figures([run]).lost for run in record.runs if run.kind == UDP),
        early=_early(record),
        inside=_rate([run for run in asked if run.probe == "service"]),
        outside=_rate([run for run in asked if run.probe.startswith("nodeport-")]),
        ratios=tuple(_ratio(step) for step in steps(record) if _is_whole_turn(step)),
    )


def _is_whole_turn(step: Step) -> bool:
    """One that a kill has split is none: what one half took says nothing of the other's parts."""
    return _is_turn(step) and step.complete and {event.what for event in step.events} >= _LANDMARKS


def _is_turn(step: Step) -> bool:
    return step.stage.startswith("4") and bool(step.node)


def _ratio(step: Step) -> tuple[str, float, float]:
    alone = sum(event.seconds for event in step.events if event.what in ALONE)
    return step.node, step.seconds, step.seconds / alone if alone else math.inf


def _early(record: Record) -> str:
    first = min((step.begun for step in steps(record) if _is_turn(step)), default=None)
    if first is None or not record.runs:
        return ""
    before = [Window(ended=first)]
    found = [figures([run], before) for run in record.runs]
    seen = {
        "failed": sum(one.failed for one in found),
        "connections ended": sum(one.fin + one.resets for one in found),
        "datagrams lost": sum(one.lost for one in found),
    }
    return ", ".join(f"{count} {what}" for what, count in seen.items() if count)


def _rate(runs: Sequence[Run]) -> float:
    seconds = {second.at for run in runs for second in run.seconds}
    sent = sum(second.sent for run in runs for second in run.seconds)
    return sent / (max(seconds) - min(seconds) + 1) if seconds else 0.0


def missed(run: Outcome, *, busy: bool) -> tuple[str, ...]:
    """What of the bar a staged run has missed; with a busy core only failures count."""
    found: list[str] = []
    if run.ended != "done":
        found.append(f"ended: {run.ended or 'never'}")
    if run.failed:
        found.append(f"{run.failed} of {run.requests} requests failed")
    if min(run.inside, run.outside) < LEAST_RATE:
        found.append(f"only {run.inside:.0f} and {run.outside:.0f} requests a second: that is no measurement")
    if busy:
        return tuple(found)
    if run.early:
        found.append(f"before the first turn: {run.early}")
    if run.resets:
        found.append(f"{run.resets} connections ended otherwise than by FIN")
    if run.gap_ms >= MOST_GAP_MS:
        found.append(f"gap of {run.gap_ms:.0f} ms ({run.gap_where}), {MOST_GAP_MS:.0f} at most")
    if run.p99_ms >= MOST_P99_MS:
        found.append(f"p99 of {run.p99_ms:.0f} ms, {MOST_P99_MS:.0f} at most")
    if run.seconds >= MOST_SECONDS:
        found.append(f"{run.seconds:.0f} s, {MOST_SECONDS:.0f} at most")
    found += [
        f"{node}: {ratio:.2f} times its parts, {MOST_RATIO} at most"
        for node, _, ratio in run.ratios
        if ratio > MOST_RATIO
    ]
    return tuple(found)


def side_by_side(runs: Sequence[Outcome]) -> str:
    """One column a run."""
    rows = [
        ("", [run.name for run in runs]),
        ("ended", [run.ended[:24] or "never" for run in runs]),
        ("wall time", [f"{run.seconds:.1f} s" for run in runs]),
        ("requests", [str(run.requests) for run in runs]),
        ("failed", [str(run.failed) for run in runs]),
        ("longest gap", [f"{run.gap_ms:.0f} ms" for run in runs]),
        ("p50", [f"{run.p50_ms:.1f} ms" for run in runs]),
        ("p99 (slowest probe)", [f"{run.p99_ms:.1f} ms" for run in runs]),
        ("connections, FIN", [str(run.fin) for run in runs]),
        ("connections, otherwise", [str(run.resets) for run in runs]),
        ("datagrams lost", [str(run.lost) for run in runs]),
        ("turn over its parts", [_worst(run) for run in runs]),
    ]
    return table([(name, *cells) for name, cells in rows], right=range(1, len(runs) + 1))


def _worst(run: Outcome) -> str:
    node, seconds, ratio = max(run.ratios, key=lambda one: one[2], default=("", 0.0, 0.0))
    return f"{ratio:.2f} ({node}, {seconds:.0f} s)" if node else "-"
