"""The sum of a record: steps and stages, figures per probe and stage, thresholds, addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby

from cilium_lab.disruption.probe_lines import UDP, ProbeRun
from cilium_lab.disruption.record import DONE, Addresses, Event, RunRecord
from cilium_lab.disruption.report.figures import Figures, Window, figures
from cilium_lab.disruption.stages import PENDING, Name
from cilium_lab.disruption.thresholds import Criterion, failed_requests, longest_outage, own_wait, resets, slowest_p99

_LATE = 30.0
"""Seconds that stopping the probes may take at the end of a run; its own events are later than their last lines."""


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
        """The condition that a step that is not complete was waiting for at its last event."""
        last = self.events[-1].what
        return last.removeprefix(PENDING) if not self.complete and last.startswith(PENDING) else ""


def steps(record: RunRecord) -> tuple[Step, ...]:
    """In order. A stage whose events are not bracketed is one step, as long as no other stage comes between."""
    return tuple(_step(events, record) for events in _split(record.events))


def _split(events: Iterable[Event]) -> Iterable[list[Event]]:
    group: list[Event] = []
    for event in events:
        if group and (event.stage != group[0].stage or event.what == Name.BEGINS or group[-1].what == Name.DONE):
            yield group
            group = []
        group.append(event)
    if group:
        yield group


def _step(events: Sequence[Event], record: RunRecord) -> Step:
    bracketed = events[0].what == Name.BEGINS
    if bracketed:
        complete = events[-1].what == Name.DONE
        begun = events[0].begun
    else:
        # The last one of a run that was stopped or killed has no end either.
        complete = events[-1] is not record.events[-1] or record.outcome == DONE
        begun = min(event.begun for event in events)
    complete = complete and not events[-1].what.startswith(PENDING)
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


@dataclass(frozen=True)
class Assessment:
    """The figures against the thresholds; without criteria there was nothing to assess."""

    criteria: tuple[Criterion, ...] = ()

    @property
    def made(self) -> bool:
        """Whether any probe sent a request."""
        return bool(self.criteria)

    @property
    def met(self) -> bool:
        """Whether users noticed nothing beyond the thresholds."""
        return self.made and all(criterion.met for criterion in self.criteria)


def assess(probes: Sequence[Figures]) -> Assessment:
    """No request failed, no outage was too long, nor the slowest probe's p99, no connection ended but by FIN.

    Datagrams are counted, not assessed: what is lost with a pod that goes is for their users to send again.
    """
    requesting = [probe for probe in probes if probe.kind != UDP]
    requests = sum(probe.requests for probe in requesting)
    if not requests:
        return Assessment()
    worst = max(requesting, key=lambda probe: probe.outage_ms)
    starved = max(requesting, key=lambda probe: probe.waited_ms)
    slowest = max(requesting, key=lambda probe: probe.p99_ms or 0.0)
    return Assessment(
        (
            failed_requests(sum(probe.failed for probe in requesting), requests),
            longest_outage(worst.outage_ms, worst.outage_where),
            slowest_p99(slowest.p99_ms, f"{slowest.probe} from {slowest.source}"),
            resets(sum(probe.resets for probe in requesting)),
            own_wait(starved.waited_ms, starved.waited_where),
        )
    )


@dataclass(frozen=True)
class StageFigures:
    """A stage: its time, and what the probes saw within it (None: there were none)."""

    stage: str
    begun: float
    ended: float
    seconds: float
    """The sum of its spans: a run that was reversed or continued comes to a stage again."""
    complete: bool
    figures: Figures | None
    probes: tuple[Figures, ...]


@dataclass(frozen=True)
class Summary:
    """Times are Unix time."""

    kind: str
    origin: str
    goal: str
    reasons: tuple[str, ...]
    begun: float
    ended: float | None
    outcome: str
    total: Figures | None
    probes: tuple[Figures, ...]
    stages: tuple[StageFigures, ...]
    steps: tuple[Step, ...]
    assessment: Assessment
    unread: Mapping[str, int]
    missing: tuple[str, ...]
    unseen: Mapping[str, float]
    """Probe and source -> seconds of the run after its last line, for probes that ended early: see `unseen`."""

    @property
    def done(self) -> bool:
        """Whether the run came to its end."""
        return self.outcome == DONE


def summarise(record: RunRecord) -> Summary:
    """Raises nothing: what is missing stays empty."""
    known = steps(record)
    spans = stage_spans(known)
    probes = per_probe(record.probe_runs)
    return Summary(
        kind=record.kind,
        origin=record.origin,
        goal=record.goal,
        reasons=record.reasons,
        begun=record.begun,
        ended=record.ended,
        outcome=record.outcome,
        total=figures(record.probe_runs) if record.probe_runs else None,
        probes=probes,
        stages=tuple(_stage(name, spans, known, record.probe_runs) for name in stage_names(known)),
        steps=known,
        assessment=assess(probes),
        unread=record.unread,
        missing=record.missing,
        unseen=unseen(record),
    )


def unseen(record: RunRecord) -> dict[str, float]:
    """Seconds between a probe's end and the last event, where the end of probing itself does not explain them.

    A probe runner ends by itself after a time (`targets`), also when the run takes longer.
    """
    last = max((event.time for event in record.events), default=record.begun)
    ends: dict[str, float] = {}
    for run in record.probe_runs:
        name = f"{run.probe} from {run.source}"
        known = max((second.at + 1.0 for second in run.seconds), default=run.begun)
        ends[name] = max(ends.get(name, 0.0), known if run.ended is None else run.ended)
    return {name: last - end for name, end in sorted(ends.items()) if last - end > _LATE}


def per_probe(runs: Sequence[ProbeRun], windows: Sequence[Window] | None = None) -> tuple[Figures, ...]:
    """One for each probe and source, by the names of both; `windows`: see `figures`."""
    names = sorted({(run.probe, run.source) for run in runs})
    grouped = [[run for run in runs if (run.probe, run.source) == name] for name in names]
    return tuple(figures(group) if windows is None else figures(group, windows) for group in grouped)


def _stage(
    name: str, spans: Sequence[tuple[str, float, float]], known: Sequence[Step], runs: Sequence[ProbeRun]
) -> StageFigures:
    # What happens between two stages counts for the earlier one: it can only be an effect of that.
    nexts = [begun for _, begun, _ in spans[1:]]
    untils = [*nexts, spans[-1][2]]
    windows = [Window(span[1], until) for span, until in zip(spans, untils, strict=True) if span[0] == name]
    own = [span for span in spans if span[0] == name]
    return StageFigures(
        stage=name,
        begun=own[0][1],
        ended=own[-1][2],
        seconds=sum(ended - begun for _, begun, ended in own),
        complete=[step for step in known if step.stage == name][-1].complete,
        figures=figures(runs, windows) if runs else None,
        probes=per_probe(runs, windows),
    )


@dataclass(frozen=True)
class Pod:
    """namespace/name, and whether its address is another one than before, or it was not there."""

    key: str
    address: str
    moved: bool


@dataclass(frozen=True)
class Side:
    """A node at one time."""

    pod_cidrs: tuple[str, ...]
    pods: tuple[Pod, ...]


@dataclass(frozen=True)
class NodeRow:
    """`after` is None where the run did not come to its end."""

    name: str
    before: Side | None
    after: Side | None


def node_rows(record: RunRecord) -> tuple[NodeRow, ...]:
    """Every node that is known from before or after, by name."""
    names = sorted({*record.before, *record.after})
    return tuple(
        NodeRow(name, _side(record.before.get(name), {}), _side(record.after.get(name), _all_pods(record.before)))
        for name in names
    )


def _side(node: Addresses | None, known: Mapping[str, str]) -> Side | None:
    if node is None:
        return None
    pods = sorted(node.pods.items(), key=lambda pod: (_order(pod[1]), pod[0]))
    return Side(
        node.pod_cidrs, tuple(Pod(key, address, bool(known) and known.get(key) != address) for key, address in pods)
    )


def _all_pods(nodes: Mapping[str, Addresses]) -> dict[str, str]:
    return {key: address for node in nodes.values() for key, address in node.pods.items()}


def _order(address: str) -> int:
    try:
        return int(ip_address(address))
    except ValueError:
        return 0
