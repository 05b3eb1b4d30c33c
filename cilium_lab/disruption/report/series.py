"""What the plots show, as plain lists: answers, latency and gaps for each second. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cilium_lab.disruption.report.figures import UDP, percentile, trailing_silence
from cilium_lab.disruption.report.record import Record, Run

_SHORTEST = 0.2
"""Seconds of asking from which on a rate means something."""


@dataclass(frozen=True)
class Row:
    """One probe. `answers` is (Unix second, answers a second); what is missing in between was not told."""

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
class Gap:
    """The longest time without an answer that ended within a second of Unix time."""

    at: int
    milliseconds: float
    where: str


def rows(runs: Iterable[Run]) -> tuple[Row, ...]:
    """One for each probe and source, ordered by both."""
    grouped: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        grouped[run.probe, run.source].append(run)
    return tuple(_row(*name, grouped[name]) for name in sorted(grouped))


def _row(name: str, source: str, runs: Sequence[Run]) -> Row:
    # While a prober moves two of them ask; in its first and last second it asks for a part of that only.
    answers: defaultdict[int, int] = defaultdict(int)
    asking: defaultdict[int, float] = defaultdict(float)
    for run in runs:
        for second in run.seconds:
            answers[second.at] += len(second.latency_ms)
            until = second.at + 1 if run.ended is None else min(second.at + 1, run.ended)
            asking[second.at] += max(0.0, until - max(second.at, run.begun))
    ends = [] if runs[0].kind == UDP else [end for run in runs for end in run.ends]
    return Row(
        name=name,
        source=source,
        rate=max(run.rate for run in runs),
        answers=tuple((at, answers[at] / asking[at]) for at in sorted(answers) if asking[at] > _SHORTEST),
        failures=tuple(sorted(failure.at for run in runs for failure in run.failures)),
        fins=tuple(end.at for end in ends if end.why == "fin"),
        cuts=tuple(end.at for end in ends if end.why != "fin"),
    )


def latencies(runs: Iterable[Run]) -> tuple[Latency, ...]:
    """One for each second that has an answer."""
    found: defaultdict[int, list[float]] = defaultdict(list)
    for run in runs:
        if run.kind != UDP:
            for second in run.seconds:
                found[second.at] += second.latency_ms
    told: list[Latency] = []
    for at in sorted(found):
        values = sorted(found[at])
        p50, p99 = percentile(values, 50), percentile(values, 99)
        if p50 is not None and p99 is not None:
            told.append(Latency(at, p50, p99, values[-1]))
    return tuple(told)


def gaps(runs: Iterable[Run]) -> tuple[Gap, ...]:
    """The longest one of any probe, for each second."""
    found: dict[int, Gap] = {}
    for run in runs:
        for second in run.seconds:
            if second.gap_ms > (found[second.at].milliseconds if second.at in found else 0.0):
                found[second.at] = Gap(second.at, second.gap_ms, f"{run.probe} from {run.source}")
        silence, until = trailing_silence(run) or (0.0, 0.0)
        if silence > (found[int(until)].milliseconds if int(until) in found else 0.0):
            found[int(until)] = Gap(int(until), silence, f"{run.probe} from {run.source}")
    return tuple(found[at] for at in sorted(found))


def span(record: Record) -> tuple[float, float]:
    """From the first to the last thing that is known. Unix time."""
    times = [record.begun, *([record.ended] if record.ended is not None else [])]
    times += [time for event in record.events for time in (event.begun, event.time)]
    times += [second.at for run in record.runs for second in run.seconds if second.sent]
    return min(times), max(times) + 1
