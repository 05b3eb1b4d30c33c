"""`./lab bench settings` and `upgrade`: each change goes there and back, killed or not; a lost request exceeds the
thresholds.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cilium_lab.config.versions import CILIUM
from cilium_lab.disruption.record import DONE
from labctl.bench import kills, settings, upgrade
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
    """One that has ended, or that ends when it is killed."""

    def __init__(self, runs: bool) -> None:
        self._runs = runs

    def wait(self, limit: float | None = None) -> int:
        if self._runs and limit is not None:
            raise subprocess.TimeoutExpired("pulumi", limit)
        return 0


class _Stack:
    folder = Path("/none")
    records = Path("/none/records")

    session = None

    def __init__(self, runs: bool = False) -> None:
        self.done: list[str] = []
        self._runs = runs

    def mode(self, mode: str) -> None:
        self.done.append(mode)

    def set(self, path: str, value: str) -> None:
        self.done.append(f"{path} {value}")

    def up(self, name: str, *words: str) -> None:
        self.done.append(" ".join(["up", name, *words]))

    def start(self, _log: Path, _mark: str) -> _Process:
        self.done.append("start")
        return _Process(self._runs)


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Callable[[_Stack, Outcome], None]:
    """Runs that are not made, but noted in the stack, and come to this outcome."""

    def install(stack: _Stack, found: Outcome) -> None:
        def staged(_stack: object, option: str, value: str, name: str) -> Outcome:
            stack.done.append(f"staged {option} {value}")
            return replace(found, name=name)

        def by_hand(_stack: object, name: str, *_: object) -> Path:
            stack.done.append(name)
            return Path("record")

        every: dict[str, object] = {
            "staged_run": staged,
            "by_hand": by_hand,
            "floor_run": lambda _stack: _GOOD,
            "finished": lambda _folder: [],
            "only_new": lambda *_: Path("record"),
            "show": lambda name, _folder: replace(found, name=name),
            "kill_all": lambda _mark: 9,
            "LONGEST_RUN": 0.0,
        }
        for module in (settings, upgrade, kills):
            for name, stand_in in every.items():
                monkeypatch.setattr(module, name, stand_in, raising=False)

    return install


StandIns = Callable[[_Stack, Outcome], None]


def bench(stand_ins: StandIns, stack: _Stack, found: Outcome = _GOOD, *, killed: bool = False) -> int:
    stand_ins(stack, found)
    return settings.bench(cast(Any, stack), kills=killed, seed=7)


def test_each_setting_goes_there_and_back_from_values_that_are_set_first(stand_ins: StandIns) -> None:
    stack = _Stack()
    assert bench(stand_ins, stack) == 0
    first = ["kubernetes", "debug true", "masquerade bpf", "ciliumValues.MTU 1450", "up begin"]
    assert stack.done == [*first, *(f"staged {path} {value}" for path, value in _ORDER)]


def test_a_lost_request_exceeds_the_thresholds(stand_ins: StandIns, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(stand_ins, _Stack(), replace(_GOOD, failed=1)) == 1
    assert "  masquerade bpf: failed requests: 1 (of 9000), wanted 0" in capsys.readouterr().out


@pytest.mark.parametrize(("runs", "words"), [(True, "killed after 0.0 s (9 processes)"), (False, "ended before 0.0 s")])
def test_a_killed_run_is_finished_by_the_next(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str], runs: bool, words: str
) -> None:
    stack = _Stack(runs)
    assert bench(stand_ins, stack, killed=True) == 0
    assert stack.done[5:8] == ["debug false", "start", "up after-debug-false"]
    printed = capsys.readouterr().out
    assert "seed 7: ./lab bench settings --kills --seed 7" in printed
    assert printed.count(words) == len(_ORDER)


def test_releases_go_up_and_back_one_after_the_other_with_helms_own_upgrade_before(stand_ins: StandIns) -> None:
    stack = _Stack()
    stand_ins(stack, _GOOD)
    assert upgrade.bench(cast(Any, stack), ["8.1.0", "8.2.0"], helm=True, kills=False, seed=7) == 0
    option = "versions.cilium"
    assert stack.done == [
        *("kubernetes", f"{option} {CILIUM}", "up begin"),
        *(f"{option} 8.1.0", "up images --target **-images", "helm-upgrade", "up taken-over"),
        *(f"staged {option} {version}" for version in (CILIUM, "8.1.0", "8.2.0", "8.1.0", CILIUM)),
    ]


def test_a_lost_request_of_helms_own_upgrade_exceeds_no_threshold(stand_ins: StandIns) -> None:
    stack = _Stack()
    stand_ins(stack, _GOOD)

    def lossy(name: str, _folder: Path) -> Outcome:
        return replace(_GOOD, name=name, failed=100)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upgrade, "show", lossy)
        assert upgrade.bench(cast(Any, stack), ["8.1.0"], helm=True, kills=False, seed=7) == 0


def test_killed_upgrades_are_finished_by_the_next(stand_ins: StandIns, capsys: pytest.CaptureFixture[str]) -> None:
    stack = _Stack(runs=True)
    stand_ins(stack, _GOOD)
    assert upgrade.bench(cast(Any, stack), ["8.1.0"], helm=False, kills=True, seed=7) == 0
    there = ["versions.cilium 8.1.0", "start", "up after-to-8.1.0"]
    assert stack.done[3:] == [*there, f"versions.cilium {CILIUM}", "start", f"up after-back-to-{CILIUM}"]
    assert "seed 7: ./lab bench upgrade --kills --seed 7 8.1.0" in capsys.readouterr().out
