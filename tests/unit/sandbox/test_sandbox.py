"""How the sandbox is opened, with a stand-in for its first process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox import sandbox, sysctl
from sandbox.sandbox import SandboxError


@pytest.mark.parametrize("left_over", [False, True], ids=["the first", "after one that was not closed"])
def test_no_program_enters_before_the_sandbox_has_its_own_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_over: bool
) -> None:
    # the process is there at once, what it mounts comes later: a program inside meanwhile would keep the mounts busy
    opener = 'echo $$ > "$2/pid"; sleep 0.5; : > "$2/entrance"; sleep 20 & wait'
    entrance: list[bool] = []

    def answers() -> bool:
        entrance.append((tmp_path / "entrance").exists())
        return True

    monkeypatch.setattr(sandbox, "FOLDER", tmp_path)
    monkeypatch.setattr(sandbox, "STATE", tmp_path)
    monkeypatch.setattr(sandbox, "_UNSHARE", ("bash", "-c", opener, "sandbox"))
    monkeypatch.setattr(sandbox, "_libvirt_answers", answers)
    monkeypatch.setattr(sysctl, "lift", lambda _folder: None)
    if left_over:
        (tmp_path / "entrance").touch()
    assert sandbox.start()
    try:
        assert entrance == [True]
    finally:
        os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which earlier versions kept the sandbox, with libvirt's files in it."""
    monkeypatch.setattr(sandbox, "FOLDER", tmp_path / "sandbox")
    monkeypatch.setattr(sandbox, "STATE", tmp_path)
    monkeypatch.setattr(sysctl, "NOTE", tmp_path / "run" / "sysctl.json")
    folder = tmp_path / "room"
    (folder / "libvirt").mkdir(parents=True)
    return folder


def test_a_sandbox_that_an_earlier_version_has_opened_is_used_and_closed(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen(["sh", "-c", "echo it runs; sleep 60; true", str(earlier)], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"it runs\n"  # from here on the kernel shows its arguments
    cgroup = earlier.parent / "cgroup"
    cgroup.mkdir()
    (earlier / "cgroups").write_text(f"{cgroup}\n")
    (earlier / "pid").write_text(f"{process.pid}\n")
    try:
        assert sandbox.pid() == process.pid
        assert sandbox.cgroups() == [cgroup]
        assert f"--target={process.pid}" in sandbox.command(["true"])
        monkeypatch.setattr(sandbox, "_revive", lambda: None)
        assert not sandbox.start()
        threading.Thread(target=process.wait, daemon=True).start()  # as the machine's init does
        sandbox.stop()
        assert process.wait(5) == -signal.SIGKILL
    finally:
        process.kill()
    assert sandbox.pid() is None
    assert not cgroup.exists()
    assert list(earlier.iterdir()) == []


def test_what_an_earlier_version_has_left_moves_to_the_folder_of_today(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cgroup = earlier.parent / "cgroup"
    cgroup.mkdir()
    (earlier / "cgroups").write_text(f"{cgroup}\n")
    (earlier / "pid").write_text("4194305\n")  # of a process that has gone
    monkeypatch.setattr(sandbox, "_UNSHARE", ("false",))
    with pytest.raises(SandboxError, match="did not open"):
        sandbox.start()
    assert (sandbox.FOLDER / "libvirt").is_dir()
    assert not earlier.exists()
    assert not cgroup.exists()


def test_the_note_of_an_earlier_version_is_understood_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = tmp_path / "setting"
    setting.write_text("1024")
    monkeypatch.setattr(sysctl, "NOTE", tmp_path / "sysctl.json")
    monkeypatch.setattr(sysctl, "_path", lambda _name: setting)
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    for folder in (theirs, mine):
        folder.mkdir()
    sysctl.NOTE.write_text(json.dumps({"before": {"fs.inotify.max_user_instances": 128}, "rooms": [str(theirs)]}))
    sysctl.lift(mine)
    assert json.loads(sysctl.NOTE.read_text())["rooms"] == sorted([str(mine), str(theirs)])
    sysctl.restore(mine)
    assert setting.read_text() == "1024"
    sysctl.restore(theirs)
    assert setting.read_text() == "128"


def test_settings_of_the_machine_are_put_back_by_the_last_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = tmp_path / "setting"
    setting.write_text("128")
    monkeypatch.setattr(sysctl, "NOTE", tmp_path / "run" / "sysctl.json")
    monkeypatch.setattr(sysctl, "_path", lambda _name: setting)
    one, other, lost = (tmp_path / name for name in ("one", "other", "lost"))
    for folder in (one, other, lost):
        folder.mkdir()
        sysctl.lift(folder)
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


def test_daemons_that_ended_in_an_open_sandbox_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    started: list[str] = []

    def command(argv: Sequence[str | Path], _folder: Path | None = None) -> list[str]:
        started.append(str(argv[-1]))
        return ["true"]

    monkeypatch.setattr(sandbox, "pid", lambda: 4711)
    monkeypatch.setattr(sandbox, "command", command)
    monkeypatch.setattr(sandbox, "_libvirt_answers", lambda: next(answers))
    assert sandbox.start() is False
    assert started == [f"pgrep -x {name} > /dev/null || {name} --daemon" for name in ("virtlogd", "libvirtd")]


def test_a_libvirt_that_does_not_come_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "pid", lambda: 4711)
    monkeypatch.setattr(sandbox, "command", lambda *_: ["true"])
    monkeypatch.setattr(sandbox, "_libvirt_answers", lambda: False)
    monkeypatch.setattr(sandbox, "_START_LIMIT", 0.1)
    with pytest.raises(SandboxError, match="libvirt should answer in the open sandbox"):
        sandbox.start()
