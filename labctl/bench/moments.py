"""Random moments to kill a run at, spread over its stages: pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

from cilium_lab.disruption.report.record import Record

_BEFORE = 6.0
"""Seconds from the start of `pulumi up` to the first event, about: it looks at everything first."""


@dataclass(frozen=True)
class Moment:
    """So many seconds after an event; None: after the start."""

    after: tuple[str, str, str] | None
    """Stage, node, what."""
    seconds: float
    at: float
    """Seconds from the start of the reference run: the order of several in one road."""

    def __str__(self) -> str:
        stage, node, what = self.after or ("the start", "", "")
        where = " ".join(filter(None, (stage, node, f"({what})" if what else "")))
        return f"{self.seconds:.1f} s after {where}"


@dataclass(frozen=True)
class _Stretch:
    """From one event to the next."""

    after: tuple[str, str, str] | None
    seconds: float
    since: float
    """Seconds from the start of the reference run."""


def moments(reference: Record, chance: random.Random, count: int) -> list[Moment]:
    """`count` moments in a random order: the stages (each node's turn is one) take turns, within them any time goes."""
    spans: dict[tuple[str, str], list[_Stretch]] = {("start", ""): [_Stretch(None, _BEFORE, 0.0)]}
    events = [event for event in reference.events if not event.what.startswith("waiting: ")]
    for event, following in pairwise(events):
        since = _BEFORE + event.time - events[0].time
        stretch = _Stretch((event.stage, event.node, event.what), following.time - event.time, since)
        spans.setdefault((event.stage, event.node), []).append(stretch)
    stages = list(spans.values())
    chance.shuffle(stages)
    found = [_within(stages[number % len(stages)], chance) for number in range(count)]
    chance.shuffle(found)
    return found


def _within(span: list[_Stretch], chance: random.Random) -> Moment:
    left = chance.uniform(0, sum(stretch.seconds for stretch in span))
    for stretch in span[:-1]:
        if left <= stretch.seconds:
            return Moment(stretch.after, left, stretch.since + left)
        left -= stretch.seconds
    last = span[-1]
    return Moment(last.after, left, last.since + left)
