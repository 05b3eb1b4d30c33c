"""The lines of `probe run`, whose format is that of airgap/modules/probe/record.go, and what they say.

The writer may be killed in the middle of a line, and the lines of the next process then follow in the same one. Such a
line is counted, and the whole one at its end is used. Times are Unix time in seconds unless said otherwise. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

UDP, TCP = "udp", "tcp"
_OUTAGE, _EARLIER = "outage_ms", "gap_ms"
"""The same field, as it is now and in the lines of earlier versions."""
_LARGEST = 1e11
"""As Unix time, a year that `datetime` has."""
_START = '{"probe":'


@dataclass(frozen=True)
class Second:
    """What came back, or failed, within [at, at + 1)."""

    at: int
    sent: int
    failed: int
    latency_ms: tuple[float, ...]
    """Of each answer."""
    outage_ms: float
    """The longest time between two answers, the last of which came in this second."""
    net_ms: float | None = None
    """The same without the time in which the prober waited for a processor; None: its version does not tell."""
    waited_ms: float = 0.0
    """The longest time for which the prober waited for a processor, as noticed in this second."""

    @property
    def service_ms(self) -> float:
        """The longest outage of the service, as far as the prober's lines tell its own waiting from that."""
        return self.outage_ms if self.net_ms is None else self.net_ms


@dataclass(frozen=True)
class Moment:
    """A failed request (when it was sent), or the end of a lasting connection."""

    at: float
    why: str


@dataclass(frozen=True)
class ProbeRun:
    """One process and one target. A prober that moved gives several; the time between them is in none."""

    source: str
    """The host's name, or `pod`."""
    probe: str
    kind: str
    """http, dns, tcp (one lasting connection) or udp (datagrams from one socket)."""
    rate: float
    """Requests a second that it should make."""
    begun: float
    ended: float | None = None
    """None: it was killed, or its last lines are missing."""
    seconds: tuple[Second, ...] = ()
    failures: tuple[Moment, ...] = ()
    ends: tuple[Moment, ...] = ()
    """Of lasting connections and sockets; why: fin, reset, destroyed, timeout or other words."""


@dataclass
class _Growing:
    source: str
    probe: str
    kind: str
    rate: float
    begun: float
    ended: float | None = None
    seconds: list[Second] = field(default_factory=list[Second])
    failures: list[Moment] = field(default_factory=list[Moment])
    ends: list[Moment] = field(default_factory=list[Moment])

    def frozen(self) -> ProbeRun:
        lists = (tuple(self.seconds), tuple(self.failures), tuple(self.ends))
        return ProbeRun(self.source, self.probe, self.kind, self.rate, self.begun, self.ended, *lists)


def read_probe_lines(source: str, text: str) -> tuple[tuple[ProbeRun, ...], int]:
    """The runs in the lines of one source, in the order in which they began, and how many lines could not be read.

    A line of a probe that has not begun (its first line is lost) cannot be read either: its target is not known.
    """
    runs: list[_Growing] = []
    now: dict[str, _Growing] = {}
    unread = 0
    for line in filter(None, text.split("\n")):
        pieces = list(_whole(line))
        unread += pieces != [line]
        for piece in pieces:
            try:
                begun = _take(source, json.loads(piece), now)
            except (ValueError, KeyError, TypeError, OverflowError):
                unread += pieces == [line]
                continue
            if begun:
                runs.append(begun)
    return tuple(sorted((run.frozen() for run in runs), key=lambda run: run.begun)), unread


def _whole(line: str) -> Iterator[str]:
    """The line if it is JSON, else what is JSON from its last beginning on."""
    for start in (0, line.rfind(_START)):
        if start >= 0:
            try:
                json.loads(line[start:])
            except (ValueError, RecursionError):
                continue
            yield line[start:]
            return


def _take(source: str, tree: dict[str, Any], now: dict[str, _Growing]) -> _Growing | None:
    """Add a line to its run; the new run, where one begins."""
    probe, what = str(tree["probe"]), tree.get("event")
    if what == "begins":
        kind, rate = _target(str(tree["why"]))
        now[probe] = _Growing(source, probe, kind, rate, _number(tree["at"]))
        return now[probe]
    run = now[probe]
    if what is None:
        latency = tuple(map(_number, tree["latency_ms"]))
        at, sent, failed = (int(_number(tree[name])) for name in ("second", "sent", "failed"))
        outage = _number(tree[_OUTAGE] if _OUTAGE in tree else tree[_EARLIER])
        net = min(outage, _number(tree["net_ms"])) if "net_ms" in tree else None
        run.seconds.append(Second(at, sent, failed, latency, outage, net, _number(tree.get("waited_ms", 0))))
    elif what == "ends":
        run.ended = _number(tree["at"])
    elif what == "failed":
        run.failures.append(Moment(_number(tree["at"]), str(tree["why"])))
    elif what == "ended":
        run.ends.append(Moment(_number(tree["at"]), str(tree["why"])))
    else:
        raise ValueError(what)
    return None


def _target(text: str) -> tuple[str, float]:
    """Kind and rate of KIND:HOST:PORT[/PATH]@RATE, where the kind may have a question behind a slash."""
    kind, _, rest = text.partition(":")
    return kind.partition("/")[0], _number(rest.rpartition("@")[2])


def _number(value: Any) -> float:
    """A number of seconds, milliseconds or requests that can be one: NaN and Infinity are JSON for Python."""
    number = float(value)
    if not 0 <= number < _LARGEST:
        raise ValueError(number)
    return number
