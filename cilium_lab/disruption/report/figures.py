"""Figures of probes: requests, failures, gaps, latency, ends of connections. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cilium_lab.disruption.report.record import Run

UDP, TCP = "udp", "tcp"
ALL = "all probes"


@dataclass(frozen=True)
class Window:
    """A span of Unix time, without its end."""

    begun: float = -math.inf
    ended: float = math.inf

    def __contains__(self, time: float) -> bool:
        return self.begun <= time < self.ended


ALWAYS = (Window(),)


@dataclass(frozen=True)
class Figures:
    """What one probe saw, or several together (`source` is then empty). Milliseconds; None without answers."""

    probe: str
    source: str
    kind: str
    rate: float
    requests: int
    """Datagrams are counted here for a probe of them, not among several."""
    failed: int
    """Requests without an answer within the limit; for `tcp`, connections that ended otherwise than by FIN."""
    lost: int
    """Datagrams that did not come back."""
    gap_ms: float
    """The longest time without an answer, also one that lasted to the end; of several, without datagrams'."""
    gap_at: float
    """Unix time of the second in which it ended."""
    gap_where: str
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    fin: int
    """Lasting connections that ended by FIN."""
    resets: int
    """Lasting connections that ended otherwise."""
    sockets: int
    """Datagram sockets that were ended, together with their backend."""
    cut: int
    """Processes without a last line: they were killed, or their lines are not all here."""


def figures(runs: Sequence[Run], windows: Sequence[Window] = ALWAYS) -> Figures:
    """Of one or more runs, of what happened within the windows.

    A second belongs to the window that has its middle, a failure to the one in which it was asked.
    """
    requests = failed = lost = fin = resets = sockets = 0
    latency: list[float] = []
    gaps: list[tuple[float, float, str]] = []
    alone = len({(run.probe, run.source) for run in runs}) == 1
    for run in runs:
        seconds = [second for second in run.seconds if _within(second.at + 0.5, windows)]
        told = sum(_within(failure.at, windows) for failure in run.failures)
        # A line a failure is written at once; of a killed process the sum of the last second is missing.
        bad = told if windows is not ALWAYS else max(told, sum(second.failed for second in seconds))
        ends = [end.why for end in run.ends if _within(end.at, windows)]
        if run.kind == UDP:
            lost += bad
            sockets += len(ends)
        else:
            failed += bad
            fin += ends.count("fin")
            resets += len(ends) - ends.count("fin")
        if alone or run.kind != UDP:
            requests += sum(second.sent for second in seconds)
            latency += (value for second in seconds for value in second.latency_ms)
            gaps += _gaps(run, windows)
    gap, at, where = max(gaps, default=(0.0, 0.0, ""))
    latency.sort()
    first = runs[0]
    return Figures(
        probe=first.probe if alone else ALL,
        source=first.source if alone else "",
        kind=first.kind if alone else "",
        rate=first.rate if alone else 0.0,
        requests=requests,
        failed=failed,
        lost=lost,
        gap_ms=gap,
        gap_at=at,
        gap_where=where,
        p50_ms=percentile(latency, 50),
        p99_ms=percentile(latency, 99),
        max_ms=latency[-1] if latency else None,
        fin=fin,
        resets=resets,
        sockets=sockets,
        cut=sum(run.ended is None for run in runs),
    )


def _within(time: float, windows: Iterable[Window]) -> bool:
    return any(time in window for window in windows)


def _gaps(run: Run, windows: Sequence[Window]) -> Iterable[tuple[float, float, str]]:
    where = f"{run.probe} from {run.source}"
    for second in run.seconds:
        if second.gap_ms and _within(second.at + 0.5, windows):
            yield second.gap_ms, second.at, where
    silence = trailing_silence(run)
    if silence and _within(silence[1], windows):
        yield *silence, where


def trailing_silence(run: Run) -> tuple[float, float] | None:
    """(milliseconds, until when) of the time without answers up to a run's end: no line tells it."""
    answered = max((second.at + 1 for second in run.seconds if second.latency_ms), default=run.begun)
    known = max((second.at + 1 for second in run.seconds), default=run.begun)
    until = known if run.ended is None else min(run.ended, known)
    return ((until - answered) * 1000, until) if until > answered else None


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """By nearest rank, of values in ascending order."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
