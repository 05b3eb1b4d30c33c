"""The thresholds of a staged migration, written once, for the report, `./lab bench` and the documentation."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """What a run has to stay within. A request that fails or a connection that is reset exceeds them at once."""

    outage_ms: float = 500.0
    """An outage, the time between two answers of one probe, has to be shorter."""
    waited_ms: float = 500.0
    """So long may a prober itself wait for a processor: a longer outage could hide behind that."""
    p99_ms: float = 250.0
    """The slowest probe's 99th percentile of latency has to be lower."""
    outage_floor: float = 1.5
    """An outage has to be shorter than so many times the longest one of a minute in which nothing goes on."""
    p99_floor: float = 5.0
    """The same for the slowest probe's 99th percentile."""
    seconds: float = 150.0
    """The whole run has to be shorter."""
    ratio: float = 1.3
    """A node rollout takes at most so many times the sum of the steps that it cannot do without."""
    rate: float = 100.0
    """Requests a second, from inside the cluster and from outside each; fewer measure nothing."""
    costly_kills: float = 0.05
    """Share of kills of a migration that may cost a request, each to be explained: 1 of 20."""


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Criterion:
    """One figure of a run against its threshold."""

    name: str
    wanted: str
    figure: str
    where: str
    """The probe that showed it, or what it is counted among; empty: the figure needs no more words."""
    met: bool

    @property
    def seen(self) -> str:
        """The figure, and whose it is."""
        return f"{self.figure} ({self.where})" if self.where else self.figure

    def __str__(self) -> str:
        return f"{self.name}: {self.seen}, wanted {self.wanted}"


def failed_requests(failed: int, requests: int) -> Criterion:
    """No request may fail."""
    return Criterion("failed requests", "0", str(failed), f"of {requests}", failed == 0)


def longest_outage(milliseconds: float, where: str) -> Criterion:
    """`where` names the probe."""
    limit = THRESHOLDS.outage_ms
    return Criterion("longest outage", f"< {limit:.0f} ms", f"{milliseconds:.0f} ms", where, milliseconds < limit)


def slowest_p99(milliseconds: float | None, where: str) -> Criterion:
    """Of the slowest probe, named by `where`; None: it got no answer."""
    limit = THRESHOLDS.p99_ms
    figure = "no answer" if milliseconds is None else f"{milliseconds:.1f} ms"
    met = milliseconds is not None and milliseconds < limit
    return Criterion("slowest p99", f"< {limit:.0f} ms", figure, where, met)


def own_wait(milliseconds: float, where: str) -> Criterion:
    """Of the probe named by `where`, for a processor."""
    limit = THRESHOLDS.waited_ms
    figure = f"{milliseconds:.0f} ms"
    return Criterion("prober's own wait", f"< {limit:.0f} ms", figure, where, milliseconds < limit)


def over_the_floor(name: str, figure: float, floor: float, most: float) -> Criterion:
    """A figure in milliseconds as a ratio to that of the same lab with nothing going on."""
    ratio = figure / floor if floor else math.inf
    where = f"{figure:.0f} ms over {floor:.0f} ms"
    return Criterion(f"{name} over the floor", f"<= {most} times", f"{ratio:.1f} times", where, ratio <= most)


def resets(count: int) -> Criterion:
    """Lasting connections may end by FIN alone."""
    return Criterion("connections not ended by FIN", "0", str(count), "", count == 0)


def sentence(of: Thresholds = THRESHOLDS) -> str:
    """All thresholds of a staged migration in words, as the documentation has them."""
    return (
        "no failed request, nothing noticed before the first node rollout, connections that end by FIN alone, no "
        f"outage of {of.outage_ms:.0f} ms or of more than {of.outage_floor} times the floor, no prober that waits "
        f"{of.waited_ms:.0f} ms for a processor, p99 of the slowest probe below {of.p99_ms:.0f} ms and within "
        f"{of.p99_floor} times the floor, each node rollout within {of.ratio} times the sum of its indispensable "
        f"steps, the whole run within {of.seconds:.0f} s"
    )
