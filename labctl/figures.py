"""Measures a run by step: wall time of each, and the most memory that the lab had at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cilium_lab.tables import table
from sandbox import sandbox

_INTERVAL = 0.5
"""Seconds between two samples of the memory in use."""


class Figures:
    """Collects figures in the order in which the steps end."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._peak: int | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is done inside, also when it fails."""
        started = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = time.monotonic() - started

    @contextmanager
    def sampling_memory(self) -> Iterator[None]:
        """Sample the sandbox's memory while what is inside runs."""
        ended = threading.Event()

        def sample() -> None:
            while not ended.wait(_INTERVAL):
                now = sandbox.memory_bytes()
                if now is not None:
                    self._peak = max(self._peak or 0, now)

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        try:
            yield
        finally:
            ended.set()
            sampler.join()

    def table(self) -> str:
        """A line for each step, the sum, and the peak of anonymous memory of everything in the sandbox."""
        rows = [(name, f"{seconds:6.1f} s") for name, seconds in self._seconds.items()]
        rows.append(("all", f"{sum(self._seconds.values()):6.1f} s"))
        if self._peak is not None:
            rows.append(("peak memory", f"{self._peak / 2**30:6.2f} GiB (hosts, libvirt and Pulumi; no page cache)"))
        return table(rows)
