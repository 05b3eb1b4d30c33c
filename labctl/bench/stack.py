"""The running lab, changed with a configuration file of its own: the stack's file stays as the user wrote it."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cilium_lab.checks.expectation import Expectation
from cilium_lab.disruption.record import records_of
from cilium_lab.disruption.targets import RATE
from cilium_lab.paths import STATE
from labctl.command import LabError
from labctl.embedded import Embedded
from labctl.lifecycle import bring_up
from labctl.session import Session
from sandbox import sandbox

_MARK = "CILIUM_LAB_BENCH"
_LONGEST = "7200"
"""Seconds that a core is kept busy at most, whatever becomes of the measurement."""
_LOOP = "while :; do :; done"


class BenchError(Exception):
    """The lab did not do what a measurement needs; the text says where its output is."""


class Stack:
    """A context manager. When it is left, the lab is as the stack's own file says."""

    def __init__(self, session: Session) -> None:
        self.session = session
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        self.folder = STATE / "bench" / stamp
        self._file = self.folder / "stack.yaml"
        self.records = records_of(session.stack)

    def __enter__(self) -> Self:
        self._bring_up()
        self.folder.mkdir(parents=True, mode=0o700)
        shutil.copy(self.session.stack_file, self._file)
        self._config("--path", "migration.probe", "true")
        self._config("--path", "migration.probeRate", str(RATE))
        return self

    def _bring_up(self) -> None:
        """Bring the stack embedded up where it is not; another one has to be up. Raises LabError and BenchError."""
        if not isinstance(self.session, Embedded):
            self.session.refresh()
            return
        if sandbox.pid() is not None:
            with suppress(LabError):  # the sandbox is open, and nothing is in it
                self.session.refresh()
                return
        print("the lab is not up: it is brought up first", flush=True)
        if bring_up(self.session):
            raise BenchError("the lab did not come up")

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        print("bringing the lab back to what its stack's file says", flush=True)
        shutil.copy(self.session.stack_file, self._file)
        log = self.folder / "back.log"
        if self.start(log).wait():
            words = f"the lab did not come back: {log}\n  next: ./lab pulumi up"
            if error is None:
                raise BenchError(words)
            print(words)

    def _config(self, *words: str) -> None:
        named = ("--stack", self.session.stack, "--config-file", str(self._file))
        command = self.session.command(self.session.pulumi("config", "set", *words, *named))
        subprocess.run(command, env=self.session.environment(), check=True, capture_output=True)

    def mode(self, mode: str) -> None:
        """What the next `up` leads to."""
        self.set("ipamMode", mode)

    def set(self, path: str, value: str) -> None:
        """An option by its path, for the next `up`."""
        self._config("--path", path, value)

    def start(self, log: Path, mark: str = "", words: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """`pulumi up` in a process group of its own; its processes, and theirs, carry the mark in their environment.

        `words` are further ones of `pulumi up`.
        """
        if isinstance(self.session, Embedded):
            self.session.release_dead_locks()
        named = ("--stack", self.session.stack, "--config-file", str(self._file))
        command = self.session.pulumi("up", "--yes", "--skip-preview", *named, *words)
        with log.open("wb") as stream:
            return subprocess.Popen(
                self.session.command(command),
                env={**self.session.environment(), _MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def up(self, name: str, *words: str) -> None:
        """`pulumi up` with these words, to its end. Raises BenchError."""
        log = self.folder / f"{name}.log"
        if self.start(log, words=words).wait():
            last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise BenchError(f"pulumi up ({name}) failed; all of it: {log}\n{last}")

    def expectation(self) -> Expectation:
        """What the stack, as the last `up` made it, says a healthy lab looks like."""
        self.session.refresh()
        return Expectation.from_json(self.session.expectation.read_text())


@contextmanager
def busy_core(session: Session, wanted: bool) -> Iterator[None]:
    """Keep one core busy, inside the lab, while what is inside runs; without `wanted` do nothing."""
    if not wanted:
        yield
        return
    words = session.command(["timeout", _LONGEST, "sh", "-c", _LOOP], Path("/"))
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def marked(mark: str) -> list[int]:
    """The processes on this machine that carry the mark, by the machine's own process numbers."""
    wanted = f"{_MARK}={mark}".encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # it has ended since the listing
            continue
    return [number for number in found if number != os.getpid()]
