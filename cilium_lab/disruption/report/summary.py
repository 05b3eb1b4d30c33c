"""The sum of a record: per probe, per stage, and against what users may notice. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cilium_lab.disruption.report.figures import UDP, Figures, Window, figures
from cilium_lab.disruption.report.record import Record, Run
from cilium_lab.disruption.report.steps import DONE, Step, stage_names, stage_spans, steps

MOST_GAP_MS = 500.0
MOST_P99_MS = 250.0
"""What the slowest probe may show; no request may fail and no connection be reset."""


@dataclass(frozen=True)
class Test:
    """One part of the bar."""

    __test__ = False  # pytest collects by name

    name: str
    wanted: str
    figure: str
    where: str
    """The probe that showed it; empty: all of them."""
    met: bool

    @property
    def seen(self) -> str:
        """The figure, and whose it is."""
        return f"{self.figure} ({self.where})" if self.where else self.figure


@dataclass(frozen=True)
class Verdict:
    """The result against the bar; without tests there was nothing to judge."""

    tests: tuple[Test, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether any probe asked."""
        return bool(self.tests)

    @property
    def met(self) -> bool:
        """Whether users could notice nothing beyond the bar."""
        return self.judged and all(test.met for test in self.tests)


@dataclass(frozen=True)
class StageFigures:
    """A stage: its time, and what the probes saw within it (None: none asked)."""

    stage: str
    begun: float
    ended: float
    seconds: float
    """The sum of its spans: a run that was turned round or continued comes to a stage again."""
    complete: bool
    figures: Figures | None
    probes: tuple[Figures, ...]


@dataclass(frozen=True)
class Summary:
    """Times are Unix time."""

    kind: str
    origin: str
    goal: str
    begun: float
    ended: float | None
    outcome: str
    total: Figures | None
    probes: tuple[Figures, ...]
    stages: tuple[StageFigures, ...]
    steps: tuple[Step, ...]
    verdict: Verdict
    unread: Mapping[str, int]
    missing: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether the run came to its end."""
        return self.outcome == DONE


def summarise(record: Record) -> Summary:
    """Raises nothing: what is missing stays empty."""
    known = steps(record)
    spans = stage_spans(known)
    probes = per_probe(record.runs)
    return Summary(
        kind=record.kind,
        origin=record.origin,
        goal=record.goal,
        begun=record.begun,
        ended=record.ended,
        outcome=record.outcome,
        total=figures(record.runs) if record.runs else None,
        probes=probes,
        stages=tuple(_stage(name, spans, known, record.runs) for name in stage_names(known)),
        steps=known,
        verdict=judge(probes),
        unread=record.unread,
        missing=record.missing,
    )


def per_probe(runs: Sequence[Run], windows: Sequence[Window] | None = None) -> tuple[Figures, ...]:
    """One for each probe and source, by the names of both; `windows`: see `figures`."""
    names = sorted({(run.probe, run.source) for run in runs})
    grouped = [[run for run in runs if (run.probe, run.source) == name] for name in names]
    return tuple(figures(group) if windows is None else figures(group, windows) for group in grouped)


def _stage(
    name: str, spans: Sequence[tuple[str, float, float]], known: Sequence[Step], runs: Sequence[Run]
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


def judge(probes: Sequence[Figures]) -> Verdict:
    """No request failed, none waited too long, the slowest probe's p99, no connection but by FIN.

    Datagrams are told, not judged: what is lost with a pod that goes is for their users to send again.
    """
    asked = [probe for probe in probes if probe.kind != UDP]
    if not any(probe.requests for probe in asked):
        return Verdict()
    failed = sum(probe.failed for probe in asked)
    resets = sum(probe.resets for probe in asked)
    worst = max(asked, key=lambda probe: probe.gap_ms)
    slowest = max(asked, key=lambda probe: probe.p99_ms or 0.0)
    p99 = slowest.p99_ms
    return Verdict(
        (
            Test("failed requests", "0", str(failed), "", failed == 0),
            Test(
                "longest gap",
                f"< {MOST_GAP_MS:.0f} ms",
                f"{worst.gap_ms:.0f} ms",
                worst.gap_where,
                worst.gap_ms < MOST_GAP_MS,
            ),
            Test(
                "slowest p99",
                f"< {MOST_P99_MS:.0f} ms",
                "no answer" if p99 is None else f"{p99:.1f} ms",
                f"{slowest.probe} from {slowest.source}",
                p99 is not None and p99 < MOST_P99_MS,
            ),
            Test("connections not ended by FIN", "0", str(resets), "", resets == 0),
        )
    )
