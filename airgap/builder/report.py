"""What is printed while artifacts are built, and the table at the end."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TextIO

from airgap.builder import estimate
from airgap.builder.estimate import Limits, Work
from airgap.builder.recipe import Built, Transfer
from cilium_lab.tables import duration

_HEARTBEAT = 30.0
"""Seconds without a line after which a log is told how far the build is."""
_ERASE = "\r\x1b[K"
_NOTHING = Work({}, {})


class Progress:
    """A line when a recipe starts, ends or fails; and how far the build is, with the time left.

    On a terminal that is one line at the bottom which moves every second; in a log a line after half a minute in which
    nothing else was printed.
    """

    def __init__(self, stream: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._moves = stream.isatty()
        self._begun = self._printed = clock()
        self._work, self._limits = _NOTHING, Limits(1, 1)
        self._running: dict[str, float] = {}
        self._transfers: dict[str, Transfer] = {}
        self._took: dict[str, float] = {}
        self._failed: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def building(self, work: Work, cached: int, limits: Limits) -> Generator[None]:
        """Tell how much has to be made and how much is in the cache, and how far it is until the end."""
        self._work, self._limits = work, limits
        if not work.seconds:
            yield
            return
        about = duration(estimate.left(work, (), {}, limits))
        counts = {"to download": len(work.downloads), "to build": len(work.seconds) - len(work.downloads)}
        todo = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        self._print(f"artifacts: {todo}, {cached} in the cache, about {about}")
        over = threading.Event()
        beat = threading.Thread(target=self._beat, args=(over,), daemon=True)
        beat.start()
        try:
            yield
        finally:
            over.set()
            beat.join()
            self._erase()

    def started(self, name: str, transfer: Transfer) -> None:
        """A recipe begins; `transfer` tells what it has received whenever it is looked at."""
        self._running[name], self._transfers[name] = self._clock(), transfer
        doing = "downloading" if name in self._work.downloads else "building"
        self._print(f"{doing} {name} (about {duration(self._work.seconds[name])})")

    def finished(self, name: str, seconds: float, size: int) -> None:
        """An artifact is in the cache."""
        if self._running.pop(name, None) is not None:
            self._took[name] = seconds
        else:  # another process has made it
            self._took[name] = self._work.seconds[name]
        self._print(f"[{self._ended}/{len(self._work.seconds)}] {name}: {seconds:.0f} s, {megabytes(size)}")

    def failed(self, name: str, reason: str) -> None:
        """An artifact could not be made; the others go on."""
        self._running.pop(name, None)
        self._failed.add(name)
        self._print(f"[{self._ended}/{len(self._work.seconds)}] {name} FAILED: {reason}")

    def line(self) -> str:
        """How far it is: artifacts, percent of the expected time, time left, and what is being built."""
        now = self._clock()
        # Copied, because recipes begin and end in threads of their own.
        running = {name: now - since for name, since in dict(self._running).items()}
        took = dict(self._took)
        done = {*took, *set(self._failed)}
        work = self._work.at(estimate.speed(self._work, took))
        percent = 100 * estimate.fraction(work, done, running)
        seconds = estimate.left(work, done, running, self._limits)
        ages = ", ".join(f"{name} {self._age(name, since)}" for name, since in sorted(running.items()))
        far = f"{self._ended} of {len(work.seconds)}, {percent:.0f} %"
        return f"{far}, about {duration(seconds)} left{f'; {ages}' if ages else ''}"

    def _age(self, name: str, since: float) -> str:
        """How far a recipe is that runs: what it has received, or for how long it has run."""
        transfer = self._transfers[name]
        if transfer.into is None:
            return duration(since)
        return f"{transfer.received / 1e6:.0f}{f' of {transfer.total / 1e6:.0f}' if transfer.total else ''} MB"

    @property
    def _ended(self) -> int:
        return len(self._took) + len(self._failed)

    def _print(self, text: str) -> None:
        with self._lock:
            erase = _ERASE if self._moves else ""
            print(f"{erase}{self._stamp()}  {text}", file=self._stream, flush=True)
            self._printed = self._clock()

    def _stamp(self) -> str:
        minutes, seconds = divmod(int(self._clock() - self._begun), 60)
        return f"{minutes:3d}:{seconds:02d}"

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(1.0):
            if self._moves:
                self._draw()
            elif self._clock() - self._printed > _HEARTBEAT:
                self._print(self.line())

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns
        with self._lock:
            self._stream.write(_ERASE + f"{self._stamp()}  {self.line()}"[: width - 1])
            self._stream.flush()

    def _erase(self) -> None:
        if self._moves:
            with self._lock:
                self._stream.write(_ERASE)
                self._stream.flush()


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
