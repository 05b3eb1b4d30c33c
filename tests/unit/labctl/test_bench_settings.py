"""`./lab bench settings`: each setting goes there and back, killed or not; a lost request exceeds the thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cilium_lab.disruption.record import DONE
from labctl.bench import settings
from labctl.bench.judge import Outcome

_GOOD = Outcome("run", DONE, 100.0, 9000, 0, 20.0, "", 0.0, "", 1.0, 9.0, 1, 0, 0, "", 120.0, 120.0, ())
_ORDER = [
    ("debug", "false"),
    ("debug", "true"),
    ("masquerade", "iptables"),
    ("masquerade", "bpf"),
    ("ciliumValues.MTU", "1400"),
    ("ciliumValues.MTU", "1450"),
]


class _Process:
    """Ends after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def poll(self) -> int | None:
        self._left -= 1
        return 0 if self._left < 0 else None

    def wait(self) -> int:
        return 0


class _Stack:
    folder = Path("/none")

    def __init__(self, looks: int = 0) -> None:
        self.done: list[str] = []
        self._looks = looks

    def mode(self, mode: str) -> None:
        self.done.append(mode)

    def set(self, path: str, value: str) -> None:
        self.done.append(f"{path} {value}")

    def up(self, name: str) -> None:
        self.done.append(f"up {name}")

    def start(self, _log: Path, _mark: str) -> _Process:
        self.done.append("start")
        return _Process(self._looks)


def bench(monkeypatch: pytest.MonkeyPatch, stack: _Stack, found: Outcome = _GOOD, *, kills: bool = False) -> int:
    def staged(_stack: object, option: str, value: str, name: str) -> Outcome:
        stack.done.append(f"staged {option} {value}")
        return replace(found, name=name)

    for name, stand_in in {
        "staged_run": staged,
        "floor_run": lambda _stack: _GOOD,
        "finished": lambda _folder: [],
        "only_new": lambda *_: Path("record"),
        "show": lambda name, _folder: replace(found, name=name),
        "kill_all": lambda _mark: 9,
    }.items():
        monkeypatch.setattr(settings, name, stand_in)
    monkeypatch.setattr(settings, "_LONGEST", 0.0)
    return settings.bench(cast(Any, stack), kills=kills, seed=7)


def test_each_setting_goes_there_and_back_from_values_that_are_set_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = _Stack()
    assert bench(monkeypatch, stack) == 0
    first = ["kubernetes", "debug true", "masquerade bpf", "ciliumValues.MTU 1450", "up begin"]
    assert stack.done == [*first, *(f"staged {path} {value}" for path, value in _ORDER)]


def test_a_lost_request_exceeds_the_thresholds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(monkeypatch, _Stack(), replace(_GOOD, failed=1)) == 1
    assert "  masquerade bpf: failed requests: 1 (of 9000), wanted 0" in capsys.readouterr().out


@pytest.mark.parametrize(("looks", "words"), [(99, "killed after 0.0 s (9 processes)"), (0, "ended before 0.0 s")])
def test_a_killed_run_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], looks: int, words: str
) -> None:
    stack = _Stack(looks)
    assert bench(monkeypatch, stack, kills=True) == 0
    assert stack.done[5:8] == ["debug false", "start", "up after-debug-false"]
    printed = capsys.readouterr().out
    assert "seed 7: ./lab bench settings --kills --seed 7" in printed
    assert printed.count(words) == len(_ORDER)
