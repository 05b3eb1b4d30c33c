"""What every plot is drawn with: matplotlib's settings, marks of time, text that fits and is safe."""

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

from cilium_lab.disruption.report.text import clock
from cilium_lab.disruption.report.theme import LIGHT

_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
"""Seconds between two marks of the time."""
_SETTINGS: Any = {
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


@contextmanager
def settings(salt: str) -> Generator[None]:
    """Draw inside with the same settings, whatever a user's matplotlibrc says; `salt` makes references unique."""
    library: Any = matplotlib
    with library.rc_context(), warnings.catch_warnings():
        # The reader's own font draws it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        library.rcdefaults()
        library.rcParams.update({**_SETTINGS, "svg.hashsalt": salt})
        yield


class Canvas:
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
