"""How often `./lab bench kills` kills, and what it makes of that: with roads that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from cilium_lab.disruption.report.figures import figures
from cilium_lab.disruption.report.record import Run, Second
from labctl.bench import kills
from labctl.bench.judge import Outcome
from labctl.bench.moments import Moment

_SEEN = figures([Run("pod", "service", "http", 50.0, 0.0, 1.0, (Second(0, 50, 0, (1.0,), 20.0),))])
_GOOD = Outcome("road", "done", 100.0, 9000, 0, 20.0, "", 1.0, 9.0, 1, 0, 0, "", 120.0, 120.0, ())


class _Stack:
    def mode(self, mode: str) -> None: ...
    def up(self, name: str) -> None: ...


def run(monkeypatch: pytest.MonkeyPatch, count: int, each: int, misses: set[int], *, same: bool = True) -> int:
    """The exit status; the kills with these numbers come too late."""

    def go(_stack: object, first: int, mode: str, planned: Sequence[Moment], _wanted: str) -> kills.Road:
        made = [kills.Killed(m, number not in misses, 9, _SEEN, 0) for number, m in enumerate(planned, first)]
        return kills.Road(mode, tuple(made), _GOOD, same, "")

    plan = [Moment(None, 1.0, float(number)) for number in range(100)]
    for name, stand_in in {
        "staged_run": lambda *_: None,
        "end_state": lambda *_: "end",
        "finished": lambda *_: [Path("record")],
        "read_record": lambda *_: None,
        "moments": lambda _record, _chance, wanted: plan[:wanted],
        "_go": go,
    }.items():
        monkeypatch.setattr(kills, name, stand_in)
    return kills.bench(cast(Any, _Stack()), count, each, 7)


def test_a_kill_that_came_too_late_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, 5, 2, {2, 6}) == 0
    printed = capsys.readouterr().out
    assert "5 runs were killed, on 4 roads; 0 roads did not come to the same end; 0 kills cost a request" in printed
    assert printed.count("ended before") == 2


def test_it_gives_up_when_hardly_any_kill_is_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, 2, 1, set(range(1, 100))) == 1
    assert "0 runs were killed, on 4 roads" in capsys.readouterr().out


def test_another_end_misses_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, 2, 1, set(), same=False) == 1
