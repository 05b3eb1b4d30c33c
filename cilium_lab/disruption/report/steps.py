"""Steps and stages of a run, from its events: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from cilium_lab.disruption.report.record import Event, Record

BEGINS, DONE = "begins", "done"
"""The events around a step."""
_REMINDER = "waiting: "


@dataclass(frozen=True)
class Step:
    """What was done in one go, about one node or none. Unix time."""

    stage: str
    node: str
    begun: float
    ended: float
    """The time of its last event, where it is not complete."""
    complete: bool
    events: tuple[Event, ...]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.begun

    @property
    def awaited(self) -> str:
        """What a step that is not complete was waiting for when it was last heard of."""
        last = self.events[-1].what
        return last.removeprefix(_REMINDER) if not self.complete and last.startswith(_REMINDER) else ""


def steps(record: Record) -> tuple[Step, ...]:
    """In order. A stage whose events are not bracketed is one step, as long as no other stage comes between."""
    return tuple(_step(events, record) for events in _split(record.events))


def _split(events: Iterable[Event]) -> Iterable[list[Event]]:
    group: list[Event] = []
    for event in events:
        if group and (event.stage != group[0].stage or event.what == BEGINS or group[-1].what == DONE):
            yield group
            group = []
        group.append(event)
    if group:
        yield group


def _step(events: Sequence[Event], record: Record) -> Step:
    bracketed = events[0].what == BEGINS
    if bracketed:
        complete = events[-1].what == DONE
        begun = events[0].begun
    else:
        # The last one of a run that was stopped or killed has no end either.
        complete = events[-1] is not record.events[-1] or record.outcome == DONE
        begun = min(event.begun for event in events)
    complete = complete and not events[-1].what.startswith(_REMINDER)
    nodes = {event.node for event in events}
    node = events[0].node if bracketed else nodes.pop() if len(nodes) == 1 else ""
    return Step(events[0].stage, node, begun, events[-1].time, complete, tuple(events))


def stage_names(of: Iterable[Step]) -> tuple[str, ...]:
    """Each stage once, in the order in which they first began."""
    return tuple(dict.fromkeys(step.stage for step in of))


def stage_spans(of: Sequence[Step]) -> tuple[tuple[str, float, float], ...]:
    """(stage, begun, ended) of each unbroken row of steps of one stage, the time between them included."""
    rows = [list(row) for _, row in groupby(of, key=lambda step: step.stage)]
    return tuple((row[0].stage, min(step.begun for step in row), max(step.ended for step in row)) for row in rows)
