"""The report as one HTML file that loads nothing, and its plots as files of their own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cilium_lab.disruption.record import RunRecord
from cilium_lab.disruption.report import text
from cilium_lab.disruption.report.plots import timeline
from cilium_lab.disruption.report.summary import Step, node_rows, summarise
from cilium_lab.disruption.report.theme import alone, variables

WIDE, NARROW = 1080, 440
"""Widths for which the plots are drawn, in pixels; the page shows the one that fits."""
_MOST_REASONS = 20
_OWN_PORT = re.compile(r":\d+->")


@dataclass(frozen=True)
class Reason:
    """Failures of one probe with the same words, without the numbers in which they differ."""

    where: str
    why: str
    count: int
    first: float
    last: float


def page(record: RunRecord) -> str:
    """The whole file."""
    summary = summarise(record)
    # Every word of a record is escaped; the plots are escaped by what drew them.
    environment: Any = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"clock": text.clock, "duration": text.duration}
    drawn = bool(summary.steps or record.probe_runs)
    return environment.get_template("page.html.j2").render(
        summary=summary,
        title=text.route(summary).replace("->", "\N{RIGHTWARDS ARROW}"),
        way=text.way(summary),
        moment=text.moment(summary.begun),
        outcome=text.outcome(summary),
        assessment=text.assessment_words(summary),
        notes=text.notes(summary),
        probe_head=text.PROBE_HEAD,
        probe_rows=[text.probe_row(probe) for probe in summary.probes],
        stage_head=text.STAGE_HEAD,
        stage_rows=text.stage_rows(summary),
        step_rows=[_step_row(step) for step in summary.steps],
        events=record.events,
        reasons=reasons(record),
        nodes=node_rows(record),
        variables=Markup(variables()),
        wide=Markup(timeline(record, WIDE)) if drawn else "",
        narrow=Markup(timeline(record, NARROW)) if drawn else "",
    )


def plots(record: RunRecord) -> dict[str, str]:
    """File name -> SVG."""
    return {"timeline.svg": alone(timeline(record, WIDE)), "timeline-narrow.svg": alone(timeline(record, NARROW))}


def reasons(record: RunRecord) -> tuple[Reason, ...]:
    """Why requests failed, the most frequent first."""
    counted: Counter[tuple[str, str]] = Counter()
    times: dict[tuple[str, str], list[float]] = {}
    for run in record.probe_runs:
        for failure in run.failures:
            key = (f"{run.probe} from {run.source}", _without_numbers(failure.why))
            counted[key] += 1
            times.setdefault(key, []).append(failure.at)
    found = counted.most_common(_MOST_REASONS)
    return tuple(Reason(*key, count, min(times[key]), max(times[key])) for key, count in found)


def _without_numbers(why: str) -> str:
    """`datagram 4711 did not come back` is one reason with its neighbours, as are a client's ports; the rest stays."""
    words = _OWN_PORT.sub(":N->", why).split(" ")
    return " ".join("N" if word.isdecimal() else word for word in words)


def _step_row(step: Step) -> tuple[str, str, str, str, str]:
    reason = step.events[0].detail
    end = "" if step.complete else f"not ended{', awaited: ' + step.awaited if step.awaited else ''}"
    return (step.stage, step.node, text.clock(step.begun), f"{step.seconds:.1f}", end or reason)
