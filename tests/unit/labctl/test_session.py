"""A session of the stack embedded: locks of Pulumi processes that are gone, and files for the owner alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from labctl import access, embedded
from labctl.command import LabError
from labctl.embedded import Embedded
from sandbox import sandbox


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """A state in a folder of its own; this machine stands for the sandbox."""
    monkeypatch.setattr(sandbox, "command", _here)
    (tmp_path / "state").mkdir()
    return Embedded(tmp_path / "state")


@pytest.fixture
def locks(session: Embedded) -> Path:
    """The folder of a stack's locks."""
    folder = session.folder / "backend" / ".pulumi" / "locks" / "organization" / "cilium-lab" / "embedded"
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


def test_only_locks_of_a_running_pulumi_are_kept(
    session: Embedded, locks: Path, running: dict[str, subprocess.Popen[bytes]]
) -> None:
    held = lock(locks, running["pulumi"].pid)
    gone = lock(locks, 2**22 + 1)  # more than the kernel gives out
    taken_over = lock(locks, running["sleep"].pid)  # the number of another process now
    session.release_dead_locks()
    assert [path.exists() for path in (held, gone, taken_over)] == [True, False, False]


def test_a_pulumi_whose_caller_was_killed_is_ended(
    session: Embedded, locks: Path, running: dict[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_ORPHAN_LIMIT", 0.1)
    monkeypatch.setattr(session, "_life", lambda _number: "orphan")
    left = lock(locks, running["pulumi"].pid)
    session.release_dead_locks()
    assert not left.exists()
    assert running["pulumi"].wait(5) == -signal.SIGKILL


def test_a_dead_pulumi_that_nobody_has_collected_holds_no_lock(
    session: Embedded, locks: Path, running: dict[str, subprocess.Popen[bytes]]
) -> None:
    left = lock(locks, running["pulumi"].pid)
    running["pulumi"].kill()  # a zombie, as this process does not wait for it
    session.release_dead_locks()
    assert not left.exists()


def test_without_locks_no_process_is_looked_up(session: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_life", lambda _number: pytest.fail("there is no lock"))
    session.release_dead_locks()


FORKS = """
import subprocess
from concurrent import futures
import grpc
server = grpc.server(futures.ThreadPoolExecutor(2))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
for _ in range(20):
    call = channel.unary_unary("/a/b").future(b"x", timeout=5)
    subprocess.run(["true"], preexec_fn=lambda: None)  # a fork, while gRPC's threads run
    call.exception()
server.stop(0)
"""


def test_grpc_logs_nothing_when_programs_are_started(session: Embedded) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS], env=session.environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


OUTPUTS = {
    "kubeconfig": "K",
    "sshKey": "PRIVATE",
    "sshKnownHosts": "H",
    "sshConfig": "IdentityFile ~/.ssh/cilium-lab/key\nUserKnownHostsFile ~/.ssh/cilium-lab/known_hosts\n",
    "expectation": "{}",
}


@pytest.fixture
def state(session: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state of a stack whose outputs a stand-in for Pulumi prints: those in the file `outputs`."""
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/outputs\n")
    program.chmod(0o755)
    (tmp_path / "outputs").write_text(json.dumps(OUTPUTS))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(embedded, "CURRENT", tmp_path / "nothing")
    monkeypatch.setattr(sandbox, "pid", lambda: 1)
    return session.folder


def test_access_is_written_for_the_owner_alone_and_anew(session: Embedded, state: Path) -> None:
    (state / "ssh-key").write_text("an old one that all could read")
    (state / "ssh-key").chmod(0o644)
    session.refresh()
    assert {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()} == dict.fromkeys(
        ("kubeconfig", "ssh-key", "ssh-known-hosts", "ssh-config", "expectation.json"), 0o600
    )
    assert (state / "ssh-key").read_text() == "PRIVATE"
    # the text that the stack exports names a person's folder; this one names the state's
    assert (state / "ssh-config").read_text() == (
        f"IdentityFile {state / 'ssh-key'}\nUserKnownHostsFile {state / 'ssh-known-hosts'}\n"
    )


def test_what_the_checks_compare_with_is_what_the_stack_says_now(session: Embedded, state: Path) -> None:
    """Its outputs change by a plain `pulumi up`, without `./lab up`."""
    (state / "expectation.json").write_text('{"ipam_mode": "kubernetes"}')
    for told in ('{"ipam_mode": "cluster-pool"}', {"ipam_mode": "cluster-pool"}):  # as text, or as an object
        (state.parent / "outputs").write_text(json.dumps({**OUTPUTS, "expectation": told}))
        session.refresh()
        assert json.loads((state / "expectation.json").read_text()) == {"ipam_mode": "cluster-pool"}


def test_files_are_written_again_when_the_stack_has_changed(session: Embedded, state: Path) -> None:
    checkpoint = state / "backend" / ".pulumi" / "stacks" / "cilium-lab" / "embedded.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    session.refresh_if_changed()  # there are none yet
    assert (state / "ssh-key").read_text() == "PRIVATE"
    (state.parent / "outputs").write_text(json.dumps({**OUTPUTS, "sshKey": "ANOTHER"}))
    os.utime(checkpoint, (0, 0))
    session.refresh_if_changed()
    assert (state / "ssh-key").read_text() == "PRIVATE"
    os.utime(checkpoint, (2**32, 2**32))
    session.refresh_if_changed()
    assert (state / "ssh-key").read_text() == "ANOTHER"


def test_a_stack_without_outputs_is_told(session: Embedded, state: Path) -> None:
    (state.parent / "outputs").write_text("{}")
    with pytest.raises(LabError, match=r"(?s)expected: a lab's outputs.*seen: outputs without it.*next: \./lab up"):
        session.refresh()


@pytest.mark.parametrize(
    ("latest", "something"),
    [
        (None, False),
        ({}, False),
        ({"resources": []}, False),
        ({"resources": [{"urn": "u"}]}, True),
        ({"pending_operations": [{"type": "creating"}]}, True),
    ],
)
def test_whether_a_stack_holds_something_is_read_from_its_file(
    session: Embedded, latest: object, something: bool
) -> None:
    assert not session.has_resources
    checkpoint = session.folder / "backend" / ".pulumi" / "stacks" / "cilium-lab" / "embedded.json"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text(json.dumps({"version": 3, "checkpoint": {"stack": "embedded", "latest": latest}}))
    assert session.has_resources is something


def test_the_export_and_the_session_agree_on_the_folder() -> None:
    from components.outputs import SSH_FOLDER

    source = Path(access.__file__).read_text()
    assert f"{SSH_FOLDER}/key" in source
    assert f"{SSH_FOLDER}/known_hosts" in source


@pytest.mark.parametrize("made", [True, False])
def test_a_stack_is_healed_with_the_programs_own_environment(
    session: Embedded, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    called: list[list[str]] = []

    def run(argv: Sequence[str | Path], *, folder: Path | None = None) -> int:
        called.append([*map(str, argv), str(folder)])
        return 5

    if made:
        checkpoint = session.folder / "backend" / ".pulumi" / "stacks" / "cilium-lab" / "embedded.json"
        checkpoint.parent.mkdir(parents=True)
        checkpoint.touch()
    monkeypatch.setattr(session, "run", run)
    assert session.heal("destroy") == (5 if made else 0)
    python = str(embedded.ROOT / ".venv" / "bin" / "python")
    words = [python, "-m", "cilium_lab.libvirt.healing", "destroy", "--stack", "embedded", str(embedded.ROOT)]
    assert called == ([words] if made else [])
