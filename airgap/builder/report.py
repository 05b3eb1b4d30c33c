"""What a person sees while parts are built, and the table at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from airgap.builder.builder import Built

_HEARTBEAT = 30.0
"""Seconds without news after which the parts that run are named again."""


class Progress:
    """One line when a part starts, ends or fails, and a heartbeat in between."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._running: dict[str, float] = {}
        self._total = self._ended = 0
        self._spoken = time.monotonic()
        self._lock = threading.Lock()

    def start(self, todo: int, cached: int) -> None:
        """Announce how many parts have to be made, and how many are there."""
        self._total, self._ended = todo, 0
        if todo:
            self._say(f"{todo} parts to build, {cached} in the cache")
            threading.Thread(target=self._beat, daemon=True).start()

    def started(self, name: str, cost: int) -> None:
        """A part begins; `cost` is the expected number of core-seconds."""
        self._running[name] = time.monotonic()
        self._say(f"building {name} (about {cost} s of one core)")

    def finished(self, name: str, seconds: float, size: int) -> None:
        """A part is in the cache."""
        self._running.pop(name, None)
        self._ended += 1
        self._say(f"[{self._ended}/{self._total}] {name}: {seconds:.0f} s, {megabytes(size)}")

    def failed(self, name: str, reason: str) -> None:
        """A part could not be made; the others go on."""
        self._running.pop(name, None)
        self._ended += 1
        self._say(f"[{self._ended}/{self._total}] {name} FAILED: {reason}")

    def _say(self, text: str) -> None:
        with self._lock:
            minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
            print(f"{minutes:3d}:{seconds:02d}  {text}", file=self._stream, flush=True)
            self._spoken = time.monotonic()

    def _beat(self) -> None:
        while self._ended < self._total:
            time.sleep(1)
            if self._running and time.monotonic() - self._spoken > _HEARTBEAT:
                now = time.monotonic()
                ages = [f"{name} ({now - since:.0f} s)" for name, since in sorted(self._running.items())]
                self._say("still building " + ", ".join(ages))


def megabytes(size: int) -> str:
    """A number of bytes in MB, one decimal below ten."""
    value = size / 1e6
    return f"{value:.1f} MB" if value < 10 else f"{value:.0f} MB"


def table(built: Sequence[Built]) -> str:
    """The parts with their size, the time that building took (when it was built), and the sha256."""
    width = max((len(part.name) for part in built), default=4)
    head = f"{'part':{width}}  {'size':>9}  {'built in':>8}  sha256"
    rows = [
        f"{part.name:{width}}  {megabytes(part.size):>9}  {part.seconds:>6.0f} s  {part.sha256[:16]}"
        + ("" if part.fresh else "  (cached)")
        for part in sorted(built, key=lambda part: -part.seconds)
    ]
    return "\n".join([head, *rows])
