"""The builder among processes: interrupted by a signal, and started twice at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def start(recipe: str, notes: Path, wanted: str) -> subprocess.Popen[str]:
    """See tests/helpers/building.py."""
    environment = {**os.environ, "CILIUM_LAB_CACHE": str(notes.parent / "cache")}
    words = [sys.executable, "-m", "tests.helpers.building", recipe, str(notes), wanted]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def wait_for(notes: Path, count: int) -> list[int]:
    """The numbers that recipes have noted, as soon as there are `count`."""
    limit = time.monotonic() + 20
    while not notes.exists() or len(notes.read_text().split()) < count:
        assert time.monotonic() < limit, "the recipe did not begin within 20 s"
        time.sleep(0.02)
    return [int(line) for line in notes.read_text().split()]


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("recipe", "noted"), [("waits", 2), ("stubborn", 2), ("steps", 3)])
def test_an_interrupted_run_ends_its_children_and_can_be_run_again(
    tmp_path: Path, number: signal.Signals, recipe: str, noted: int
) -> None:
    notes, cache = tmp_path / "notes", tmp_path / "cache"
    builder = start(recipe, notes, "next")
    children = [pid for pid in wait_for(notes, noted) if pid]
    begun = time.monotonic()
    builder.send_signal(number)
    try:
        assert builder.wait(20) == 130
    finally:
        builder.kill()
    assert time.monotonic() - begun < 10
    deadline = time.monotonic() + 5
    while not all(map(gone, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pid for pid in children if not gone(pid)] == []
    assert list((cache / "artifacts").glob("*.json")) == []
    assert not (cache / "current").exists()

    again = start("slow", notes, "one")
    assert again.communicate(timeout=20)[0] == "True\n"
    assert (cache / "current" / "one" / "result").read_text() == "whole"


def test_builders_at_once_build_once(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    builders = [start("slow", notes, "one") for _ in range(3)]
    printed = sorted(builder.communicate(timeout=30)[0] for builder in builders)
    assert [builder.returncode for builder in builders] == [0, 0, 0]
    assert printed == ["False\n", "False\n", "True\n"]
    assert notes.read_text().split() == ["made"]
