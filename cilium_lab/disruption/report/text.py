"""The summary in words and as tables for a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cilium_lab.disruption.probe_lines import UDP, ProbeRun
from cilium_lab.disruption.record import ADDRESSES, EVENTS, PROBES, Kind
from cilium_lab.disruption.report.figures import Figures, figures
from cilium_lab.disruption.report.summary import Summary
from cilium_lab.tables import table

PROBE_HEAD = ("probe", "from", "requests", "failed", "longest outage", "at", "p50", "p99", "max", "ends")
_RIGHT = frozenset((2, 3, 4, 6, 7, 8))
STAGE_HEAD = ("stage", "seconds", "requests", "failed", "longest outage", "p50", "p99", "lost", "ends")
_MISSING = {
    EVENTS: "there is no list of events, so no stages",
    ADDRESSES: "the addresses before and after were not kept",
    PROBES: "there were no probes, or their lines were not fetched (migration.probe: true starts them)",
}


def text(summary: Summary) -> str:
    """What `./lab report` prints. UTC."""
    sections = [f"{headline(summary)}\n{assessment_words(summary)}"]
    if summary.probes:
        sections.append(table([probe_row(probe) for probe in summary.probes], head=PROBE_HEAD, right=_RIGHT))
    if summary.stages:
        sections.append(table(stage_rows(summary), head=STAGE_HEAD, right=range(1, 8)))
    if said := notes(summary):
        sections.append("\n".join(f"note: {note}" for note in said))
    return "\n\n".join(sections)


def one_line(runs: Iterable[ProbeRun]) -> str:
    """All probes together; for a line of progress."""
    known = tuple(runs)
    if not known:
        return "no probe has recorded anything"
    total = figures(known)
    outage = f"{total.outage_ms:.0f} ms ({total.outage_where or 'none'})"
    return f"{total.requests} requests, {total.failed} failed, {total.lost} datagrams lost, longest outage {outage}"


def headline(summary: Summary) -> str:
    """From where to where, how, when, how long, how it ended."""
    took = "" if summary.ended is None else f", {duration(summary.ended - summary.begun)}"
    return f"{route(summary)}, {way(summary)} of {moment(summary.begun)}{took}: {outcome(summary)}"


def route(summary: Summary) -> str:
    """From which mode to which, or in which one settings were changed."""
    if _of_settings(summary):
        return f"{', '.join(summary.reasons) or 'settings'} in {summary.goal}"
    return f"{summary.origin or '?'} -> {summary.goal or '?'}"


def _of_settings(summary: Summary) -> bool:
    return bool(summary.origin) and summary.origin == summary.goal


def way(summary: Summary) -> str:
    """How it was done."""
    if _of_settings(summary) and summary.kind == Kind.STAGED:
        return "rollout of nodes"
    names: dict[str, str] = {
        Kind.STAGED: "staged migration",
        Kind.MANUAL: "manual procedure",
        Kind.FLOOR: "nothing changed",
    }
    return names.get(summary.kind, summary.kind)


def outcome(summary: Summary) -> str:
    """How the run ended, if it did."""
    return summary.outcome or "not ended: it was killed, or still runs"


def assessment_words(summary: Summary) -> str:
    """The figures against the thresholds, in sentences."""
    if not summary.assessment.made:
        return "Nothing can be said about what users noticed: no probe has recorded anything."
    failed, *others = summary.assessment.criteria
    requests = summary.total.requests if summary.total else 0
    if summary.assessment.met:
        within = "Within the thresholds" if summary.done else "Within the thresholds, as far as it came"
        rest = "; ".join(f"{one.name} {one.seen}, wanted {one.wanted}" for one in others[:2])
        return f"{within}: none of {requests} requests failed; {rest}; no lasting connection ended but by FIN."
    exceeded = [str(one) for one in others if not one.met]
    return "; ".join([f"Thresholds were exceeded: {failed.figure} of {requests} requests failed", *exceeded]) + "."


def notes(summary: Summary) -> tuple[str, ...]:
    """What a reader has to know about the figures: datagrams, what is missing, what was not whole."""
    said: list[str] = []
    if any(probe.kind == UDP for probe in summary.probes) and summary.total:
        said.append(
            f"{counted_words(summary.total.lost, 'datagram', 'datagrams')} did not come back (there is no threshold);"
            f" {counted_words(summary.total.sockets, 'socket was', 'sockets were')} ended with the backend"
        )
    cut = [(f"{probe.probe} from {probe.source}", probe.cut) for probe in summary.probes if probe.cut]
    said += [
        f"{name}: {counted_words(count, 'process has', 'processes have')} recorded no end; a last second may be missing"
        for name, count in cut
    ]
    said += [
        f"{name} ended {duration(seconds)} before the run did, of which its figures say nothing"
        for name, seconds in summary.unseen.items()
    ]
    said += [f"{name} is missing: {_MISSING.get(name, 'not there')}" for name in summary.missing]
    said += [
        f"{name}: {counted_words(count, 'line was', 'lines were')} not whole and not counted"
        for name, count in summary.unread.items()
    ]
    return tuple(said)


def probe_row(probe: Figures) -> tuple[str, ...]:
    """Under PROBE_HEAD."""
    at = clock(probe.outage_at) if probe.outage_ms else "-"
    latency = (milliseconds(value) for value in (probe.p50_ms, probe.p99_ms, probe.max_ms))
    bad = f"{probe.lost} lost" if probe.kind == UDP else str(probe.failed)
    outage = f"{probe.outage_ms:.0f} ms"
    return (probe.probe, probe.source, str(probe.requests), bad, outage, at, *latency, ends(probe))


def stage_rows(summary: Summary) -> list[tuple[str, ...]]:
    """Under STAGE_HEAD."""
    rows: list[tuple[str, ...]] = []
    for stage in summary.stages:
        name = stage.stage if stage.complete else f"{stage.stage} (not ended)"
        found = stage.figures
        if found is None:
            rows.append((name, f"{stage.seconds:.1f}", *("-",) * 7))
            continue
        figures_of = (str(found.requests), str(found.failed), f"{found.outage_ms:.0f} ms")
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
