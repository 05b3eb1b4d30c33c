"""How often `./lab bench kills` kills, and what it makes of that: with made-up migrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cilium_lab.disruption.probe_lines import Moment, ProbeRun, Second
from cilium_lab.disruption.record import DONE, Kind, RunDirectory
from cilium_lab.disruption.report.figures import Figures, Window, figures
from cilium_lab.disruption.stages import Name, Stage
from labctl.bench import kills
from labctl.bench.judge import Outcome

_SEEN = figures([ProbeRun("pod", "service", "http", 50.0, 0.0, 1.0, (Second(0, 50, 0, (1.0,), 20.0),))])
_GOOD = Outcome("migration", DONE, 100.0, 9000, 0, 20.0, "", 0.0, "", 1.0, 9.0, 1, 0, 0, "", 120.0, 120.0, ())


class _Stack:
    records = Path("/none/records")
    session = None

    def mode(self, mode: str) -> None: ...
    def up(self, name: str) -> None: ...


def run(
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    each: int,
    misses: set[int],
    *,
    same: bool = True,
    seen: Figures | None = _SEEN,
    ended: Outcome = _GOOD,
) -> int:
    """The exit status; the kills with these numbers come too late."""

    def migrate(
        _stack: object, first: int, mode: str, planned: Sequence[kills.KillMoment], _wanted: str
    ) -> kills.KilledMigration:
        made = [kills.Killed(m, number not in misses, 9, seen, 0) for number, m in enumerate(planned, first)]
        return kills.KilledMigration(mode, tuple(made), ended, same, "")

    plan = [kills.KillMoment(None, 1.0, float(number)) for number in range(100)]
    for name, stand_in in {
        "staged_run": lambda *_: None,
        "end_state": lambda *_: "end",
        "finished": lambda *_: [Path("record")],
        "read_record": lambda *_: None,
        "moments": lambda _record, _chance, wanted: plan[:wanted],
        "_migrate": migrate,
    }.items():
        monkeypatch.setattr(kills, name, stand_in)
    return kills.bench(cast(Any, _Stack()), count, each, 7)


def test_a_kill_that_came_too_late_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, 5, 2, {2, 6}) == 0
    printed = capsys.readouterr().out
    assert (
        "5 runs were killed, in 4 migrations; 0 migrations did not come to the same end; 0 kills cost a request"
        in printed
    )
    assert printed.count("ended before") == 2


def test_it_gives_up_when_hardly_any_kill_is_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, 2, 1, set(range(1, 100))) == 1
    assert "0 runs were killed, in 4 migrations" in capsys.readouterr().out


def test_a_migration_without_probe_lines_is_told_and_not_called_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kills.seen_within((), Window()) == (None, 0)
    lost = ProbeRun("pod", "datagrams", "udp", 50.0, 0.0, 1.0, failures=(Moment(0.5, "lost"),))
    assert kills.seen_within((lost,), Window()) == (None, 1)
    unmeasured = replace(_GOOD, requests=0, inside=0.0, outside=0.0)
    assert run(monkeypatch, 1, 1, set(), seen=None, ended=unmeasured) == 1
    printed = capsys.readouterr().out
    assert "no probe has recorded a request" in printed
    assert "1 migrations were not measured well enough to say" in printed


def test_what_happened_is_read_from_the_journal_of_a_run_that_goes_on(tmp_path: Path) -> None:
    moment = kills.KillMoment((Stage.MOVE_NODE, "w1", Name.DRAINED), 1.0, 1.0)
    happened = kills._happened  # pyright: ignore[reportPrivateUsage]  # the loop around it needs a lab
    assert not happened(tmp_path, moment)
    directory = RunDirectory.new(tmp_path, Kind.STAGED)
    assert not happened(tmp_path, moment)
    directory.event(Stage.MOVE_NODE, "w2", Name.DRAINED, 1.0, "")
    assert not happened(tmp_path, moment)
    directory.event(Stage.MOVE_NODE, "w1", Name.DRAINED, 1.0, "")
    assert happened(tmp_path, moment)
    directory.end(DONE)
    assert not happened(tmp_path, moment)


def test_another_end_exceeds_the_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, 2, 1, set(), same=False) == 1
