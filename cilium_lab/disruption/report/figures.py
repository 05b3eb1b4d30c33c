"""Figures of probes, as sums and by second: requests, failures, outages, latency, ends of connections. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cilium_lab.disruption.probe_lines import UDP, ProbeRun
from cilium_lab.disruption.record import RunRecord

ALL = "all probes"


@dataclass(frozen=True)
class Window:
    """A span of Unix time, without its end."""

    begun: float = -math.inf
    ended: float = math.inf

    def __contains__(self, time: float) -> bool:
        return self.begun <= time < self.ended


ALWAYS = (Window(),)
_SHORTEST = 0.2
"""Seconds of probing from which on a rate means something."""


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
    outage_ms: float
    """The longest time without an answer, also one that lasted to the end; of several, without datagrams'.

    Without the time in which the prober waited for a processor, where its lines tell: that is `waited_ms`.
    """
    outage_at: float
    """Unix time of the second in which it ended."""
    outage_where: str
    waited_ms: float
    """The longest time for which a prober could not run: what happened to requests meanwhile is not known."""
    waited_where: str
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


def figures(runs: Sequence[ProbeRun], windows: Sequence[Window] = ALWAYS) -> Figures:
    """Of one or more runs, of what happened within the windows.

    A second belongs to the window that has its middle, a failure to the one in which its request was sent.
    """
    requests = failed = lost = fin = resets = sockets = 0
    latency: list[float] = []
    outages: list[tuple[float, float, str]] = []
    waits: list[tuple[float, str]] = []
    alone = len({(run.probe, run.source) for run in runs}) == 1
    for run in runs:
        seconds = [second for second in run.seconds if _within(second.at + 0.5, windows)]
        lines = sum(_within(failure.at, windows) for failure in run.failures)
        # A line a failure is written at once; of a killed process the sum of the last second is missing.
        bad = lines if windows is not ALWAYS else max(lines, sum(second.failed for second in seconds))
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
            outages += _outages(run, windows)
        waits += ((second.waited_ms, f"{run.probe} from {run.source}") for second in seconds if second.waited_ms)
    outage, at, where = max(outages, default=(0.0, 0.0, ""))
    waited, waited_where = max(waits, default=(0.0, ""))
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
        outage_ms=outage,
        outage_at=at,
        outage_where=where,
        waited_ms=waited,
        waited_where=waited_where,
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


def _outages(run: ProbeRun, windows: Sequence[Window]) -> Iterable[tuple[float, float, str]]:
    where = f"{run.probe} from {run.source}"
    for second in run.seconds:
        if second.service_ms and _within(second.at + 0.5, windows):
            yield second.service_ms, second.at, where
    silence = trailing_silence(run)
    if silence and _within(silence[1], windows):
        yield *silence, where


def trailing_silence(run: ProbeRun) -> tuple[float, float] | None:
    """(milliseconds, until when) of the time without answers up to a run's end, of which there is no line."""
    answered = max((second.at + 1 for second in run.seconds if second.latency_ms), default=run.begun)
    known = max((second.at + 1 for second in run.seconds), default=run.begun)
    until = known if run.ended is None else min(run.ended, known)
    return ((until - answered) * 1000, until) if until > answered else None


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """By nearest rank, of values in ascending order."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True)
class Row:
    """One probe. `answers` is (Unix second, answers a second); there is no line of what is missing in between."""

    name: str
    source: str
    rate: float
    answers: tuple[tuple[int, float], ...]
    failures: tuple[float, ...]
    """Unix time, each of one request or datagram."""
    fins: tuple[float, ...]
    cuts: tuple[float, ...]
    """Lasting connections that ended otherwise than by FIN."""


@dataclass(frozen=True)
class Latency:
    """Of all requests (not datagrams) that were answered within a second of Unix time. Milliseconds."""

    at: int
    p50: float
    p99: float
    most: float


@dataclass(frozen=True)
class Outage:
    """The longest time without an answer that ended within a second of Unix time."""

    at: int
    milliseconds: float
    where: str


def rows(runs: Iterable[ProbeRun]) -> tuple[Row, ...]:
    """One for each probe and source, ordered by both."""
    grouped: defaultdict[tuple[str, str], list[ProbeRun]] = defaultdict(list)
    for run in runs:
        grouped[run.probe, run.source].append(run)
    return tuple(_row(*name, grouped[name]) for name in sorted(grouped))


def _row(name: str, source: str, runs: Sequence[ProbeRun]) -> Row:
    # While a prober moves there are two of them; each is active in only a part of its first and last second.
    answers: defaultdict[int, int] = defaultdict(int)
    active: defaultdict[int, float] = defaultdict(float)
    for run in runs:
        for second in run.seconds:
            answers[second.at] += len(second.latency_ms)
            until = second.at + 1 if run.ended is None else min(second.at + 1, run.ended)
            active[second.at] += max(0.0, until - max(second.at, run.begun))
    ends = [] if runs[0].kind == UDP else [end for run in runs for end in run.ends]
    return Row(
        name=name,
        source=source,
        rate=max(run.rate for run in runs),
        answers=tuple((at, answers[at] / active[at]) for at in sorted(answers) if active[at] > _SHORTEST),
        failures=tuple(sorted(failure.at for run in runs for failure in run.failures)),
        fins=tuple(end.at for end in ends if end.why == "fin"),
        cuts=tuple(end.at for end in ends if end.why != "fin"),
    )


def latencies(runs: Iterable[ProbeRun]) -> tuple[Latency, ...]:
    """One for each second that has an answer."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for run in runs:
        if run.kind != UDP:
            for second in run.seconds:
                found[second.at] += second.latency_ms
    series: list[Latency] = []
    for at in sorted(found):
        values = sorted(found[at])
        p50, p99 = percentile(values, 50), percentile(values, 99)
        if p50 is not None and p99 is not None:
            series.append(Latency(at, p50, p99, values[-1]))
    return tuple(series)


def outages(runs: Iterable[ProbeRun]) -> tuple[Outage, ...]:
    """The longest one of any probe, for each second."""
    found: dict[int, Outage] = {}
    for run in runs:
        for second in run.seconds:
            if second.service_ms > (found[second.at].milliseconds if second.at in found else 0.0):
                found[second.at] = Outage(second.at, second.service_ms, f"{run.probe} from {run.source}")
        silence, until = trailing_silence(run) or (0.0, 0.0)
        if silence > (found[int(until)].milliseconds if int(until) in found else 0.0):
            found[int(until)] = Outage(int(until), silence, f"{run.probe} from {run.source}")
    return tuple(found[at] for at in sorted(found))


def span(record: RunRecord) -> tuple[float, float]:
    """From the first to the last thing that is known. Unix time."""
    times = [record.begun, *([record.ended] if record.ended is not None else [])]
    times += [time for event in record.events for time in (event.begun, event.time)]
    times += [second.at for run in record.probe_runs for second in run.seconds if second.sent]
    return min(times), max(times) + 1
