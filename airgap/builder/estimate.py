"""How long a build will take, and how much of it is done: pure functions of what is left."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

_FLOOR = 0.1
"""Of the time that a recipe has run for: what one that takes longer than expected is thought to take still."""
_FEWEST = 30.0
"""Expected seconds that have to be over before this machine's speed is judged by them."""
_SLOWEST, _FASTEST = 4.0, 0.25


@dataclass(frozen=True)
class Work:
    """What a build has to make. `seconds` are expected ones; `needs` holds recipes of this work alone."""

    seconds: Mapping[str, float]
    needs: Mapping[str, frozenset[str]]
    downloads: frozenset[str] = frozenset()
    """Those that wait for the network."""

    def at(self, speed: float) -> Work:
        """The same where everything takes that many times as long."""
        return replace(self, seconds={name: seconds * speed for name, seconds in self.seconds.items()})


@dataclass(frozen=True)
class Limits:
    """How many recipes run at a time: those that need a core, and those that wait for the network."""

    builds: int
    downloads: int

    def allow(self, name: str, running: Collection[str], downloads: Collection[str]) -> bool:
        """Whether a recipe may start beside those that run; `downloads` are all recipes that wait for the network."""
        waits = sum(other in downloads for other in running)
        return waits < self.downloads if name in downloads else len(running) - waits < self.builds


def left(work: Work, done: Collection[str], running: Mapping[str, float], limits: Limits) -> float:
    """Seconds until everything is made. `running` is how long each recipe that is being made has run.

    What others wait for longest starts first, as the builder does it; what needs a recipe outside of `done` and of the
    work itself never starts, and takes no time.
    """
    ends = {name: _remaining(work, name, since) for name, since in running.items()}
    chains = {name: _chain(work, name) for name in work.seconds}
    waiting = [name for name in work.seconds if name not in done and name not in running]
    waiting.sort(key=lambda name: -chains[name])
    finished = set(done)
    now = 0.0
    while ends or waiting:
        for name in list(waiting):
            if work.needs[name] <= finished and limits.allow(name, ends, work.downloads):
                ends[name] = now + work.seconds[name]
                waiting.remove(name)
        if not ends:
            break
        first = min(ends, key=lambda name: ends[name])
        now = max(now, ends.pop(first))
        finished.add(first)
    return now


def fraction(work: Work, done: Collection[str], running: Mapping[str, float]) -> float:
    """How much is done, 0 to 1, by expected time; 1 where there is nothing to do."""
    total = sum(work.seconds.values())
    over = sum(work.seconds[name] for name in done if name in work.seconds)
    over += sum(min(since, work.seconds[name] * (1 - _FLOOR)) for name, since in running.items())
    return over / total if total else 1.0


def speed(work: Work, took: Mapping[str, float]) -> float:
    """How many times as long as expected recipes take here, by those that are over: recipe -> seconds that it took."""
    expected = sum(work.seconds[name] for name in took)
    if expected < _FEWEST:
        return 1.0
    return min(_SLOWEST, max(_FASTEST, sum(took.values()) / expected))


def _remaining(work: Work, name: str, since: float) -> float:
    return max(work.seconds[name] - since, since * _FLOOR)


def _chain(work: Work, name: str) -> float:
    """The expected time of a recipe and of the longest chain of recipes that wait for it."""
    waiting = (other for other, needs in work.needs.items() if name in needs)
    return work.seconds[name] + max((_chain(work, other) for other in waiting), default=0.0)
