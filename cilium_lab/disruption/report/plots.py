"""The plots, by matplotlib: what was done above, what the probes saw below, on one axis of time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from cilium_lab.disruption.record import RunRecord
from cilium_lab.disruption.report import figures
from cilium_lab.disruption.report.summary import Step, stage_spans, steps
from cilium_lab.disruption.report.text import clock
from cilium_lab.disruption.report.theme import LIGHT, themed
from cilium_lab.disruption.thresholds import THRESHOLDS

_LANE, _ROW, _PANEL, _SPACE, _AXIS = 24, 26, 110, 30, 30
"""Heights: a lane of steps, a probe, a panel; between panels; of the time below."""
_FULLEST = 1.2
"""Of the requested rate: what came late comes together."""
_LETTER = 0.56
"""Width of a letter, in heights of it."""
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
"""Seconds between two marks of the time."""
_RC: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "text.color": LIGHT["ink"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.edgecolor": LIGHT["grid"],
    "axes.titlesize": 12,
    "axes.titlecolor": LIGHT["ink"],
    "axes.titlelocation": "left",
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "grid.color": LIGHT["grid"],
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 11,
}


def timeline(record: RunRecord, width: int) -> str:
    """An <svg> element for a page, its text `width` / (width shown) times 12 px high."""
    with _settings(f"timeline {width}"):
        return themed(
            _Timeline(record, width).svg(), "Time line of the migration: steps, requests, latency and outages"
        )


class _Timeline:
    """One figure. A unit of length is a pixel, when it is shown at its own size."""

    def __init__(self, record: RunRecord, width: int) -> None:
        self._record = record
        self._width = width
        self._narrow = width < 700
        self._begun, self._ended = figures.span(record)
        self._steps = steps(record)
        self._rows = figures.rows(record.probe_runs)
        self._left = 8 + max((_text_width(name) for name in self._names()), default=60) + 4
        self._right = 12
        self._inner = width - self._left - self._right

    def _names(self) -> list[str]:
        return ["k8s-node", "1000 ms", *self._nodes(), *(self._row_name(row) for row in self._rows)]

    def _nodes(self) -> list[str]:
        return [label(node, 16) for node in dict.fromkeys(step.node for step in self._steps) if node]

    def _row_name(self, row: figures.Row) -> str:
        rate = "" if self._narrow else f"  {row.rate:g}/s"
        return label(f"{row.name} · {row.source}", 22 if self._narrow else 40) + rate

    def svg(self) -> str:
        nodes = self._nodes()
        panels = [(self._lanes, _LANE * (1 + len(nodes)))] if self._steps else []
        if self._rows:
            panels += [(self._answers, _ROW * len(self._rows)), (self._latency, _PANEL), (self._outages, _PANEL)]
        height = sum(size + _SPACE for _, size in panels) + _AXIS
        canvas = _Canvas(self._width, height, self._left, self._right)
        for number, (draw, size) in enumerate(panels):
            axes = canvas.panel(_SPACE, size)
            last = number == len(panels) - 1
            time_axis(axes, self._begun, self._ended, most=4 if self._narrow else 9, shown=last)
            for stage, (_, begun, ended) in enumerate(stage_spans(self._steps)):
                if stage % 2 == 0:
                    axes.axvspan(begun, ended, facecolor=LIGHT["shade"], edgecolor="none", zorder=0)
            draw(axes)
        return canvas.svg()

    def _lanes(self, axes: Any) -> None:
        """Stages in the first lane; below, each node's steps."""
        axes.set_title("Stages, and steps of each node")
        lanes = ["stages", *self._nodes()]
        axes.set_ylim(len(lanes), 0)
        axes.set_yticks([lane + 0.5 for lane in range(len(lanes))], lanes)
        for stage, begun, ended in stage_spans(self._steps):
            self._band(axes, 0, begun, ended, stage, open_end=self._is_open(stage, ended))
        for step in self._steps:
            if step.node:
                words = step.stage.lstrip("0123456789 ") or step.stage
                lane = lanes.index(label(step.node, 16))
                self._band(axes, lane, step.begun, step.ended, words, open_end=not step.complete)

    def _is_open(self, stage: str, ended: float) -> bool:
        last: Step = max((step for step in self._steps if step.stage == stage), key=lambda step: step.ended)
        return last.ended == ended and not last.complete

    def _band(self, axes: Any, lane: int, begun: float, ended: float, words: str, *, open_end: bool) -> None:
        """A rectangle with as many of the words as fit. One that did not end is red, and its words say so."""
        line = LIGHT["bad"] if open_end else LIGHT["edge"]
        span = [(begun, max(ended - begun, 0.2))]
        axes.broken_barh(span, (lane + 0.12, 0.76), facecolor=LIGHT["step"], edgecolor=line, linewidth=1)
        width = (ended - begun) / (self._ended - self._begun) * self._inner - 4
        said = f"{words}: not ended" if open_end else words
        for text in (said, words, words.partition(" ")[0]):
            if _text_width(label(text)) <= width:
                middle = (begun + ended) / 2
                axes.text(middle, lane + 0.52, label(text), ha="center", va="center", fontsize=11)
                return

    def _answers(self, axes: Any) -> None:
        """A row a probe: answers a second as an area that fills the row at the full rate, failures as red marks."""
        axes.set_title("Answers a second (the line of a full row: the rate requested)"[: 16 if self._narrow else None])
        axes.set_ylim(len(self._rows), 0)
        axes.set_yticks([row + 0.5 for row in range(len(self._rows))], [self._row_name(row) for row in self._rows])
        for number, row in enumerate(self._rows):
            bottom = number + 0.92
            most = row.rate or max((count for _, count in row.answers), default=1.0)
            for part in _unbroken(row.answers):
                edges = [*(at for at, _ in part), part[-1][0] + 1]
                tops = [bottom - 0.7 * min(count / most, _FULLEST) for _, count in part]
                axes.stairs(tops, edges, baseline=bottom, fill=True, color=LIGHT["area"])
                axes.stairs(tops, edges, baseline=None, color=LIGHT["data"], linewidth=1)
            marks = ((row.fins, "fin", "d", 5), (row.cuts, "bad", "x", 6))
            for times, role, shape, size in marks:
                places = [number + 0.5] * len(times)
                axes.plot(times, places, shape, color=LIGHT[role], markersize=size)
            # One mark a second is enough: what one pixel covers need not be drawn a hundred times.
            seconds = sorted({int(time) for time in row.failures})
            places = [second + 0.5 for second in seconds]
            sticks(axes, places, [(number + 0.06, number + 0.94)] * len(places), LIGHT["bad"], 2)
            axes.plot(places, [number + 0.1] * len(places), "v", color=LIGHT["bad"], markersize=5)

    def _latency(self, axes: Any) -> None:
        axes.set_title("Latency by second" if self._narrow else "Latency of all requests, by second")
        found = figures.latencies(self._record.probe_runs)
        times = [value.at + 0.5 for value in found]
        axes.set_yscale("log")
        lines = (
            ("max", [value.most for value in found], "most", 0.8),
            ("p99", [value.p99 for value in found], "p99", 1.4),
            ("p50", [value.p50 for value in found], "p50", 1.4),
        )
        for name, values, role, thick in lines:
            axes.plot(times, [max(value, 0.01) for value in values], color=LIGHT[role], linewidth=thick, label=name)
        low = min((value.p50 for value in found), default=1.0)
        high = max((value.most for value in found), default=1.0)
        axes.set_ylim(max(low, 0.02) / 2, max(high, THRESHOLDS.p99_ms) * 6)
        self._threshold(axes, THRESHOLDS.p99_ms, "threshold for p99")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=3, borderpad=0, handlelength=1, columnspacing=1.2
        )

    def _outages(self, axes: Any) -> None:
        axes.set_title("Longest time without an answer" + ("" if self._narrow else " of any probe, by second"))
        found = figures.outages(self._record.probe_runs)
        for role, chosen in (
            ("data", [one for one in found if one.milliseconds < THRESHOLDS.outage_ms]),
            ("bad", [one for one in found if one.milliseconds >= THRESHOLDS.outage_ms]),
        ):
            places = [one.at + 0.5 for one in chosen]
            sticks(axes, places, [(0, one.milliseconds) for one in chosen], LIGHT[role], 1.6)
        worst = max(found, key=lambda one: one.milliseconds, default=None)
        axes.set_ylim(0, max(THRESHOLDS.outage_ms, worst.milliseconds if worst else 0) * 1.3)
        self._threshold(axes, THRESHOLDS.outage_ms, "threshold for outages")
        if worst:
            self._name_worst(axes, worst)

    def _name_worst(self, axes: Any, worst: figures.Outage) -> None:
        """On the wider side, with as many words as fit."""
        place = worst.at + 0.5
        share = (place - self._begun) / (self._ended - self._begun)
        width = max(share, 1 - share) * self._inner - 8
        figure = f"{worst.milliseconds:.0f} ms"
        words = next((text for text in (f"{figure}, {label(worst.where)}",) if _text_width(text, 12) < width), figure)
        shift, side = ((-5, 3), "right") if share > 0.5 else ((5, 3), "left")
        axes.annotate(words, (place, worst.milliseconds), shift, textcoords="offset points", ha=side)

    def _threshold(self, axes: Any, milliseconds: float, words: str) -> None:
        milliseconds_axis(axes)
        axes.axhline(milliseconds, color=LIGHT["bad"], linewidth=1, linestyle=(0, (5, 3)))
        axes.annotate(
            f"{words}: {milliseconds:.0f} ms", (0, milliseconds), (4, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=LIGHT["bad"], fontsize=11,
        )  # fmt: skip


def _text_width(text: str, size: int = 11) -> float:
    return len(text) * size * _LETTER


def _unbroken(answers: Sequence[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    """The seconds in rows without a hole: a hole is time of which nothing is known."""
    rows: list[list[tuple[int, float]]] = []
    for at, count in answers:
        if rows and rows[-1][-1][0] + 1 == at:
            rows[-1].append((at, count))
        else:
            rows.append([(at, count)])
    return rows


@contextmanager
def _settings(salt: str) -> Generator[None]:
    """Draw inside with the same settings, whatever a user's matplotlibrc says; `salt` makes references unique."""
    library: Any = matplotlib
    with library.rc_context(), warnings.catch_warnings():
        # The reader's own font draws it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        library.rcdefaults()
        library.rcParams.update({**_RC, "svg.hashsalt": salt})
        yield


class _Canvas:
    """A figure that is filled from the top. A unit of length is a pixel, when it is shown at its own size."""

    def __init__(self, width: float, height: float, left: float, right: float) -> None:
        self._figure: Any = Figure(figsize=(width / 72, height / 72), facecolor="none")
        self._width, self._height = width, height
        self._left, self._inner = left, width - left - right
        self._top = height

    def panel(self, space: float, height: float) -> Any:
        """The axes of the next panel, below so much space."""
        self._top -= space + height
        box = (self._left / self._width, self._top / self._height, self._inner / self._width, height / self._height)
        return self._figure.add_axes(box, facecolor="none")

    def svg(self) -> str:
        """What was drawn, the same for the same input."""
        out = io.StringIO()
        canvas: Any = FigureCanvasSVG(self._figure)
        canvas.print_svg(out, metadata={"Date": None, "Creator": None})
        return out.getvalue()


def label(text: str, most: int = 40) -> str:
    """Text that XML can hold, and no longer than that many characters."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def time_axis(axes: Any, begun: float, ended: float, *, most: int, shown: bool) -> None:
    """Unix time, marked at no more than `most` round times of day (UTC)."""
    step = next((step for step in _TICKS if (ended - begun) / step <= most), int((ended - begun) / most) + 1)
    axes.set_xlim(begun, ended)
    axes.xaxis.set_major_locator(FixedLocator(list(range(-(-int(begun) // step) * step, int(ended) + 1, step))))
    axes.xaxis.set_major_formatter(_formatter(clock))
    axes.tick_params(length=0, labelbottom=shown)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(True, axis="x")


def milliseconds_axis(axes: Any) -> None:
    """Marks with their unit, and lines across."""
    axes.grid(True, axis="y")
    axes.yaxis.set_major_formatter(_formatter(lambda value: f"{value:g} ms"))
    axes.minorticks_off()


def _formatter(words: Callable[[float], str]) -> FuncFormatter:
    def at(value: float, _position: int | None) -> str:
        return words(value)

    return FuncFormatter(at)


def sticks(axes: Any, places: Sequence[float], spans: Sequence[tuple[float, float]], color: str, width: float) -> None:
    """Vertical lines as one path, a tenth of the size of one for each."""
    nothing = float("nan")
    across = [value for place in places for value in (place, place, nothing)]
    along = [value for low, high in spans for value in (low, high, nothing)]
    axes.plot(across, along, color=color, linewidth=width, solid_capstyle="butt")
