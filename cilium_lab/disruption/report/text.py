"""The summary in words and as a table for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cilium_lab.disruption.report.figures import UDP, Figures, figures
from cilium_lab.disruption.report.record import Run
from cilium_lab.disruption.report.summary import Summary
from cilium_lab.tables import table

PROBE_HEAD = ("probe", "from", "requests", "failed", "longest gap", "at", "p50", "p99", "max", "ends")
_RIGHT = frozenset((2, 3, 4, 6, 7, 8))
STAGE_HEAD = ("stage", "seconds", "requests", "failed", "longest gap", "p50", "p99", "lost", "ends")


def text(summary: Summary) -> str:
    """What `./lab report` prints. UTC."""
    parts = [f"{headline(summary)}\n{verdict_words(summary)}"]
    if summary.probes:
        parts.append(table([probe_row(probe) for probe in summary.probes], head=PROBE_HEAD, right=_RIGHT))
    if summary.stages:
        parts.append(table(stage_rows(summary), head=STAGE_HEAD, right=range(1, 8)))
    if said := notes(summary):
        parts.append("\n".join(f"note: {note}" for note in said))
    return "\n\n".join(parts)


def one_line(runs: Iterable[Run]) -> str:
    """All probes together; for a line of progress."""
    known = tuple(runs)
    if not known:
        return "no probe has told anything"
    total = figures(known)
    gap = f"{total.gap_ms:.0f} ms ({total.gap_where or 'nobody'})"
    return f"{total.requests} requests, {total.failed} failed, {total.lost} datagrams lost, longest gap {gap}"


def headline(summary: Summary) -> str:
    """From where to where, how, when, how long, how it ended."""
    took = "" if summary.ended is None else f", {duration(summary.ended - summary.begun)}"
    return f"{route(summary)}, {way(summary)} of {moment(summary.begun)}{took}: {outcome(summary)}"


def route(summary: Summary) -> str:
    """From which mode to which."""
    return f"{summary.origin or '?'} -> {summary.goal or '?'}"


def way(summary: Summary) -> str:
    """How it was done."""
    return {"staged": "staged migration", "manual": "manual procedure"}.get(summary.kind, summary.kind)


def outcome(summary: Summary) -> str:
    """How the run ended, if it did."""
    return summary.outcome or "not ended: it was killed, or still runs"


def verdict_words(summary: Summary) -> str:
    """The result against the bar, in sentences."""
    if not summary.verdict.judged:
        return "Nothing can be said about what users noticed: no probe has told anything."
    tests = summary.verdict.tests
    total = summary.total
    asked = total.requests if total else 0
    if summary.verdict.met:
        within = "Within the bar" if summary.done else "Within the bar, as far as it came"
        rest = "; ".join(f"{test.name} {test.seen}, wanted {test.wanted}" for test in tests[1:3])
        return f"{within}: none of {asked} requests failed; {rest}; no lasting connection ended but by FIN."
    missed = [f"{test.name}: {test.seen}, wanted {test.wanted}" for test in tests[1:] if not test.met]
    return "; ".join([f"The bar was missed: {tests[0].figure} of {asked} requests failed", *missed]) + "."


def notes(summary: Summary) -> tuple[str, ...]:
    """What a reader has to know about the figures: datagrams, what is missing, what was not whole."""
    said: list[str] = []
    if any(probe.kind == UDP for probe in summary.probes) and summary.total:
        said.append(
            f"{counted_words(summary.total.lost, 'datagram', 'datagrams')} did not come back (no part of the bar);"
            f" {counted_words(summary.total.sockets, 'socket was', 'sockets were')} ended with the backend"
        )
    cut = [(f"{probe.probe} from {probe.source}", probe.cut) for probe in summary.probes if probe.cut]
    reasons = {
        "events.jsonl": "there is no list of events, so no stages",
        "addresses.json": "the addresses before and after were not kept",
        "probe-*.jsonl": "no probe asked, or its lines were not fetched (migration.probe: true lets them ask)",
    }
    said += [
        f"{name}: {counted_words(count, 'process has', 'processes have')} told no end; a last second may be missing"
        for name, count in cut
    ]
    said += [f"{name} is missing: {reasons.get(name, 'not there')}" for name in summary.missing]
    said += [
        f"{name}: {counted_words(count, 'line was', 'lines were')} not whole and not counted"
        for name, count in summary.unread.items()
    ]
    return tuple(said)


def probe_row(probe: Figures) -> tuple[str, ...]:
    """Under PROBE_HEAD."""
    at = clock(probe.gap_at) if probe.gap_ms else "-"
    latency = (milliseconds(value) for value in (probe.p50_ms, probe.p99_ms, probe.max_ms))
    bad = f"{probe.lost} lost" if probe.kind == UDP else str(probe.failed)
    return (probe.probe, probe.source, str(probe.requests), bad, f"{probe.gap_ms:.0f} ms", at, *latency, ends(probe))


def stage_rows(summary: Summary) -> list[tuple[str, ...]]:
    """Under STAGE_HEAD."""
    rows: list[tuple[str, ...]] = []
    for stage in summary.stages:
        name = stage.stage if stage.complete else f"{stage.stage} (not ended)"
        found = stage.figures
        if found is None:
            rows.append((name, f"{stage.seconds:.1f}", *("-",) * 7))
            continue
        figures_of = (str(found.requests), str(found.failed), f"{found.gap_ms:.0f} ms")
        latency = (milliseconds(found.p50_ms), milliseconds(found.p99_ms))
        rows.append((name, f"{stage.seconds:.1f}", *figures_of, *latency, str(found.lost), ends(found)))
    return rows


def ends(of: Figures) -> str:
    """How lasting connections and sockets ended."""
    counted = ((of.fin, "by FIN"), (of.resets, "not by FIN"), (of.sockets, "with backend"))
    return ", ".join(f"{count} {name}" for count, name in counted if count) or "-"


def counted_words(count: int, one: str, many: str) -> str:
    """1 line, 2 lines"""
    return f"{count} {one if count == 1 else many}"


def milliseconds(value: float | None) -> str:
    """1.2 ms, or - where nothing was answered."""
    return "-" if value is None else f"{value:.1f} ms"


def duration(seconds: float) -> str:
    """2 min 3 s"""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def moment(time: float) -> str:
    """2026-01-01 10:00:00 UTC"""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(time: float) -> str:
    """10:00:00"""
    return datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")
