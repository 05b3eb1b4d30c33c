"""The figures of one run, and which thresholds it exceeds: pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cilium_lab.disruption.probe_lines import UDP, ProbeRun
from cilium_lab.disruption.record import DONE, RunRecord
from cilium_lab.disruption.report.figures import Window, figures
from cilium_lab.disruption.report.summary import Step, steps
from cilium_lab.disruption.stages import Name, Stage
from cilium_lab.disruption.thresholds import (
    THRESHOLDS,
    Criterion,
    failed_requests,
    longest_outage,
    over_the_floor,
    own_wait,
    resets,
    slowest_p99,
)
from cilium_lab.tables import table

INDISPENSABLE = frozenset((Name.DRAINED, Name.LAST_LEFT, Name.AGENT_RESTARTED, Name.AGENT_REPORTS, Name.PODS_BACK))
"""What a node rollout cannot do without: its drain, its agent's restart, its pods' starts."""
_LANDMARKS = frozenset((Name.DRAINED, Name.AGENT_RESTARTED, Name.PODS_BACK))
"""What happens in every node rollout that was made in one go."""


@dataclass(frozen=True)
class Outcome:
    """One run. Milliseconds, seconds, requests a second."""

    name: str
    ended: str
    """DONE, or why it stopped."""
    seconds: float
    """From its first event to its last one."""
    requests: int
    failed: int
    outage_ms: float
    outage_where: str
    waited_ms: float
    waited_where: str
    p50_ms: float
    p99_ms: float
    """Of the slowest probe."""
    fin: int
    resets: int
    """Lasting connections that ended otherwise."""
    lost: int
    """Datagrams."""
    early: str
    """What was noticed before the first node rollout; empty: nothing."""
    inside: float
    outside: float
    """Requests a second that were made, of the Service from inside and of nodes' ports from the router."""
    ratios: tuple[tuple[str, float, float], ...]
    """(node, seconds of its rollout, that over the sum of what is indispensable in it)."""


def outcome(name: str, record: RunRecord) -> Outcome:
    """The figures of a record; a run without events or probes has empty ones."""
    requesting = [run for run in record.probe_runs if run.kind != UDP]
    found = figures(requesting) if requesting else None
    slowest = [figures([run]).p99_ms or 0.0 for run in requesting]
    events = record.events
    return Outcome(
        name=name,
        ended=record.outcome,
        seconds=max((e.time for e in events), default=0.0) - min((e.begun for e in events), default=0.0),
        requests=found.requests if found else 0,
        failed=found.failed if found else 0,
        outage_ms=found.outage_ms if found else 0.0,
        outage_where=found.outage_where if found else "",
        waited_ms=found.waited_ms if found else 0.0,
        waited_where=found.waited_where if found else "",
        p50_ms=(found.p50_ms or 0.0) if found else 0.0,
        p99_ms=max(slowest, default=0.0),
        fin=found.fin if found else 0,
        resets=found.resets if found else 0,
        lost=sum(figures([run]).lost for run in record.probe_runs if run.kind == UDP),
        early=_early(record),
        inside=_rate([run for run in requesting if run.probe == "service"]),
        outside=_rate([run for run in requesting if run.probe.startswith("nodeport-")]),
        ratios=tuple(_ratio(step) for step in steps(record) if _is_whole(step)),
    )


def _is_whole(step: Step) -> bool:
    """A node rollout that a kill has split is not: the time of one half does not contain the other's steps."""
    return _is_node_rollout(step) and step.complete and {event.what for event in step.events} >= _LANDMARKS


def _is_node_rollout(step: Step) -> bool:
    return step.stage == Stage.MOVE_NODE and bool(step.node)


def _ratio(step: Step) -> tuple[str, float, float]:
    indispensable = sum(event.seconds for event in step.events if event.what in INDISPENSABLE)
    return step.node, step.seconds, step.seconds / indispensable if indispensable else math.inf


def _early(record: RunRecord) -> str:
    first = min((step.begun for step in steps(record) if _is_node_rollout(step)), default=None)
    if first is None or not record.probe_runs:
        return ""
    before = [Window(ended=first)]
    found = [figures([run], before) for run in record.probe_runs]
    seen = {
        "failed": sum(one.failed for one in found),
        "connections ended": sum(one.fin + one.resets for one in found),
        "datagrams lost": sum(one.lost for one in found),
    }
    return ", ".join(f"{count} {what}" for what, count in seen.items() if count)


def _rate(runs: Sequence[ProbeRun]) -> float:
    seconds = {second.at for run in runs for second in run.seconds}
    sent = sum(second.sent for run in runs for second in run.seconds)
    return sent / (max(seconds) - min(seconds) + 1) if seconds else 0.0


def criteria(run: Outcome, floor: Outcome | None, wanted: float = THRESHOLDS.rate) -> tuple[Criterion, ...]:
    """All thresholds of a staged run. `floor` is what the same probes saw of the same lab when nothing went on.

    Without one, as beside a busy core, only those for failures and for the measurement itself are judged. `wanted` is
    how many requests a second are a measurement.
    """
    rate = min(run.inside, run.outside)
    always = (
        Criterion("ended", DONE, run.ended or "never", "", run.ended == DONE),
        failed_requests(run.failed, run.requests),
        Criterion(
            "requests a second",
            f">= {wanted:.0f}",
            f"{run.inside:.0f} and {run.outside:.0f}",
            "no measurement" if rate < wanted else "from inside, from outside",
            rate >= wanted,
        ),
    )
    if floor is None:
        return always
    return (
        *always,
        Criterion("before the first node rollout", "nothing", run.early or "nothing", "", not run.early),
        resets(run.resets),
        longest_outage(run.outage_ms, run.outage_where),
        over_the_floor("longest outage", run.outage_ms, floor.outage_ms, THRESHOLDS.outage_floor),
        own_wait(run.waited_ms, run.waited_where),
        slowest_p99(run.p99_ms, ""),
        over_the_floor("slowest p99", run.p99_ms, floor.p99_ms, THRESHOLDS.p99_floor),
        Criterion(
            "wall time",
            f"< {THRESHOLDS.seconds:.0f} s",
            f"{run.seconds:.0f} s",
            "",
            run.seconds < THRESHOLDS.seconds,
        ),
        *(
            Criterion(
                f"rollout of {node}",
                f"<= {THRESHOLDS.ratio} times its indispensable steps",
                f"{ratio:.2f} times",
                "",
                ratio <= THRESHOLDS.ratio,
            )
            for node, _, ratio in run.ratios
        ),
    )


def missed(run: Outcome, floor: Outcome | None = None, wanted: float = THRESHOLDS.rate) -> tuple[str, ...]:
    """Which thresholds a staged run exceeds, in words; `floor` and `wanted`: see `criteria`."""
    return tuple(str(criterion) for criterion in criteria(run, floor, wanted) if not criterion.met)


def side_by_side(runs: Sequence[Outcome]) -> str:
    """One column a run."""
    rows = [
        ("", [run.name for run in runs]),
        ("ended", [run.ended[:24] or "never" for run in runs]),
        ("wall time", [f"{run.seconds:.1f} s" for run in runs]),
        ("requests", [str(run.requests) for run in runs]),
        ("failed", [str(run.failed) for run in runs]),
        ("longest outage", [f"{run.outage_ms:.0f} ms" for run in runs]),
        ("prober's own wait", [f"{run.waited_ms:.0f} ms" for run in runs]),
        ("p50", [f"{run.p50_ms:.1f} ms" for run in runs]),
        ("p99 (slowest probe)", [f"{run.p99_ms:.1f} ms" for run in runs]),
        ("connections, FIN", [str(run.fin) for run in runs]),
        ("connections, otherwise", [str(run.resets) for run in runs]),
        ("datagrams lost", [str(run.lost) for run in runs]),
        ("node rollout over its steps", [_worst(run) for run in runs]),
    ]
    return table([(name, *cells) for name, cells in rows], right=range(1, len(runs) + 1))


def _worst(run: Outcome) -> str:
    node, seconds, ratio = max(run.ratios, key=lambda one: one[2], default=("", 0.0, 0.0))
    return f"{ratio:.2f} ({node}, {seconds:.0f} s)" if node else "-"
