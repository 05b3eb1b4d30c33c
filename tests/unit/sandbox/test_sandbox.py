"""How the room is opened, with a stand-in for its first process."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox import sandbox as room
from sandbox import sysctl


@pytest.mark.parametrize("left_over", [False, True], ids=["the first", "after one that was not closed"])
def test_nobody_enters_before_the_views_of_the_room_are_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_over: bool
) -> None:
    # the process is there at once, what it mounts comes later: who entered meanwhile would keep the mounts busy
    opener = 'echo $$ > "$2/pid"; sleep 0.5; : > "$2/entrance"; sleep 20 & wait'
    asked: list[bool] = []

    def answers() -> bool:
        asked.append((tmp_path / "entrance").exists())
        return True

    monkeypatch.setattr(room, "FOLDER", tmp_path)
    monkeypatch.setattr(room, "STATE", tmp_path)
    monkeypatch.setattr(room, "_UNSHARE", ("bash", "-c", opener, "room"))
    monkeypatch.setattr(room, "_libvirt_answers", answers)
    monkeypatch.setattr(sysctl, "lift", lambda _folder: None)
    if left_over:
        (tmp_path / "entrance").touch()
    assert room.start()
    try:
        assert asked == [True]
    finally:
        os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_settings_of_the_machine_are_put_back_by_the_last_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = tmp_path / "setting"
    setting.write_text("128")
    monkeypatch.setattr(sysctl, "NOTE", tmp_path / "run" / "sysctl.json")
    monkeypatch.setattr(sysctl, "_path", lambda _name: setting)
    one, other, lost = (tmp_path / name for name in ("one", "other", "lost"))
    for room_folder in (one, other, lost):
        room_folder.mkdir()
        sysctl.lift(room_folder)
    sysctl.lift(one)  # opened again after a crash
    lost.rmdir()  # its folder was deleted without a destroy
    sysctl.restore(one)
    assert setting.read_text() == "1024"
    sysctl.restore(other)
    assert setting.read_text() == "128"
    sysctl.restore(other)
    assert not sysctl.NOTE.exists()
    setting.write_text("8192")  # a machine that needs nothing raised keeps what it has
    sysctl.lift(one)
    sysctl.restore(one)
    assert setting.read_text() == "8192"


def test_daemons_that_ended_in_an_open_room_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    started: list[str] = []

    def command(argv: Sequence[str | Path], _folder: Path | None = None) -> list[str]:
        started.append(str(argv[-1]))
        return ["true"]

    monkeypatch.setattr(room, "pid", lambda: 4711)
    monkeypatch.setattr(room, "command", command)
    monkeypatch.setattr(room, "_libvirt_answers", lambda: next(answers))
    assert room.start() is False
    assert started == [f"pgrep -x {name} > /dev/null || {name} --daemon" for name in ("virtlogd", "libvirtd")]


def test_a_libvirt_that_does_not_come_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "pid", lambda: 4711)
    monkeypatch.setattr(room, "command", lambda *_: ["true"])
    monkeypatch.setattr(room, "_libvirt_answers", lambda: False)
    monkeypatch.setattr(room, "_START_LIMIT", 0.1)
    with pytest.raises(room.RoomError, match="libvirt should answer in the open room"):
        room.start()
