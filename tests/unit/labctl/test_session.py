"""What a lab's session leaves and cleans up: locks of Pulumi processes that are gone, and files for the owner alone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from labctl import access, session
from sandbox import sandbox as room


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stack's locks; this machine stands for the room."""
    monkeypatch.setattr(session, "_BACKEND", tmp_path)
    monkeypatch.setattr(room, "command", _here)
    folder = tmp_path / ".pulumi" / "locks" / "organization" / "cilium-lab" / "embedded"
    folder.mkdir(parents=True)
    return folder


def _here(argv: Sequence[str | Path], folder: Path | None = None) -> list[str]:
    return [str(word) for word in argv]


def lock(folder: Path, pid: int) -> Path:
    path = folder / f"{pid}.json"
    path.write_text(json.dumps({"pid": pid, "username": "root", "hostname": "here"}))
    return path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Two processes: one is named as Pulumi's is, the other is not."""
    pulumi = tmp_path / "pulumi"
    sleep = shutil.which("sleep")
    assert sleep is not None
    shutil.copy(sleep, pulumi)
    started = {path.name: subprocess.Popen([path, "60"]) for path in (pulumi, Path(sleep))}
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def test_only_locks_of_a_running_pulumi_are_kept(locks: Path, running: dict[str, subprocess.Popen[bytes]]) -> None:
    held = lock(locks, running["pulumi"].pid)
    gone = lock(locks, 2**22 + 1)  # more than the kernel gives out
    taken_over = lock(locks, running["sleep"].pid)  # the number of another process now
    session.release_dead_locks()
    assert [path.exists() for path in (held, gone, taken_over)] == [True, False, False]


def test_a_pulumi_whose_caller_was_killed_is_ended(
    locks: Path, running: dict[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LEFT_OVER_LIMIT", 0.1)
    monkeypatch.setattr(session, "_life", lambda _number: "left over")
    left = lock(locks, running["pulumi"].pid)
    session.release_dead_locks()
    assert not left.exists()
    assert running["pulumi"].wait(5) == -signal.SIGKILL


def test_a_dead_pulumi_that_nobody_has_collected_holds_no_lock(
    locks: Path, running: dict[str, subprocess.Popen[bytes]]
) -> None:
    left = lock(locks, running["pulumi"].pid)
    running["pulumi"].kill()  # a zombie, as this process does not wait for it
    session.release_dead_locks()
    assert not left.exists()


def test_no_locks_no_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_BACKEND", tmp_path / "not there")
    session.release_dead_locks()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(session, "STATE", tmp_path)
    return tmp_path


def test_access_is_written_for_the_owner_alone_and_anew(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {
        "kubeconfig": "K",
        "sshKey": "PRIVATE",
        "sshKnownHosts": "H",
        "sshConfig": "IdentityFile ~/.ssh/cilium-lab/key\nUserKnownHostsFile ~/.ssh/cilium-lab/known_hosts\n",
        "expectation": "{}",
    }
    monkeypatch.setattr(session, "output", lambda _argv: json.dumps(outputs))
    (state / "ssh-key").write_text("an old one that all could read")
    (state / "ssh-key").chmod(0o644)
    session.save_access()
    assert {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()} == dict.fromkeys(
        ("kubeconfig", "ssh-key", "ssh-known-hosts", "ssh-config", "expectation.json"), 0o600
    )
    assert (state / "ssh-key").read_text() == "PRIVATE"
    # the text that the stack exports names a person's folder; this one names the state's
    assert (state / "ssh-config").read_text() == (
        f"IdentityFile {state / 'ssh-key'}\nUserKnownHostsFile {state / 'ssh-known-hosts'}\n"
    )


def test_the_export_and_the_session_agree_on_the_folder() -> None:
    from components.outputs import SSH_FOLDER

    source = Path(access.__file__).read_text()
    assert f"{SSH_FOLDER}/key" in source
    assert f"{SSH_FOLDER}/known_hosts" in source


@pytest.mark.parametrize("made", [True, False])
def test_a_stack_is_healed_with_the_programs_own_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    called: list[list[str]] = []

    def run(argv: Sequence[str | Path], *, folder: Path | None = None) -> int:
        called.append([*map(str, argv), str(folder)])
        return 5

    checkpoint = tmp_path / "embedded.json"
    if made:
        checkpoint.touch()
    monkeypatch.setattr(session, "_CHECKPOINT", checkpoint)
    monkeypatch.setattr(session, "ROOT", tmp_path)
    monkeypatch.setattr(session, "run", run)
    assert session.heal("destroy") == (5 if made else 0)
    python = str(tmp_path / ".venv" / "bin" / "python")
    words = [python, "-m", "cilium_lab.libvirt.healing", "destroy", "--stack", "embedded", str(tmp_path)]
    assert called == ([words] if made else [])
