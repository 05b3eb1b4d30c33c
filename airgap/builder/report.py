"""What is printed while artifacts are built, and the table at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import TextIO

from airgap.builder.recipe import Built

_HEARTBEAT = 30.0
"""Seconds without a line after which the recipes that run are named again."""


class Progress:
    """One line when a recipe starts, ends or fails, and a heartbeat in between."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._begun = time.monotonic()
        self._running: dict[str, float] = {}
        self._total = self._ended = 0
        self._printed = time.monotonic()
        self._lock = threading.Lock()

    def start(self, todo: int, cached: int) -> None:
        """Print how many artifacts have to be made, and how many are in the cache."""
        self._total, self._ended = todo, 0
        if todo:
            self._print(f"{todo} artifacts to build, {cached} in the cache")
            threading.Thread(target=self._beat, daemon=True).start()

    def started(self, name: str, cost: int) -> None:
        """A recipe begins; `cost` is the expected number of core-seconds."""
        self._running[name] = time.monotonic()
        self._print(f"building {name} (about {cost} s of one core)")

    def finished(self, name: str, seconds: float, size: int) -> None:
        """An artifact is in the cache."""
        self._running.pop(name, None)
        self._ended += 1
        self._print(f"[{self._ended}/{self._total}] {name}: {seconds:.0f} s, {megabytes(size)}")

    def failed(self, name: str, reason: str) -> None:
        """An artifact could not be made; the others go on."""
        self._running.pop(name, None)
        self._ended += 1
        self._print(f"[{self._ended}/{self._total}] {name} FAILED: {reason}")

    def _print(self, text: str) -> None:
        with self._lock:
            minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
            print(f"{minutes:3d}:{seconds:02d}  {text}", file=self._stream, flush=True)
            self._printed = time.monotonic()

    def _beat(self) -> None:
        while self._ended < self._total:
            time.sleep(1)
            if self._running and time.monotonic() - self._printed > _HEARTBEAT:
                now = time.monotonic()
                ages = [f"{name} ({now - since:.0f} s)" for name, since in sorted(self._running.items())]
                self._print("still building " + ", ".join(ages))


def megabytes(size: int) -> str:
    """A number of bytes in MB, one decimal below ten."""
    value = size / 1e6
    return f"{value:.1f} MB" if value < 10 else f"{value:.0f} MB"


def table(built: Sequence[Built]) -> str:
    """The artifacts with their size, the time that building took (when it was built), and the sha256."""
    width = max((len(one.name) for one in built), default=8)
    head = f"{'artifact':{width}}  {'size':>9}  {'built in':>8}  sha256"
    rows = [
        f"{one.name:{width}}  {megabytes(one.size):>9}  {one.seconds:>6.0f} s  {one.sha256[:16]}"
        + ("" if one.fresh else "  (cached)")
        for one in sorted(built, key=lambda one: -one.seconds)
    ]
    return "\n".join([head, *rows])
