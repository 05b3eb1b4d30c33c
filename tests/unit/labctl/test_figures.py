"""The figures at the end of `./lab up`: what README quotes, and what the tests of the real lab read."""

from __future__ import annotations

import re
import threading

import pytest

from labctl import figures
from labctl.figures import Figures
from sandbox import sandbox


def test_steps_sum_and_peak_are_lines_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = threading.Event()

    def memory() -> int:
        sampled.set()
        return 3 * 2**29

    monkeypatch.setattr(figures, "_INTERVAL", 0.001)
    monkeypatch.setattr(sandbox, "memory_bytes", memory)
    made = Figures()
    with made.step("pulumi up"), made.sampling_memory():
        assert sampled.wait(5)
    with made.step("checks"):
        pass
    printed = made.table()
    for name in ("pulumi up", "checks", "all"):
        assert re.search(rf"^{name} +\d+\.\d s$", printed, re.MULTILINE), printed
    assert re.search(r"^peak memory +1\.50 GiB ", printed, re.MULTILINE), printed
