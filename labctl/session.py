"""A stack of this project: how programs reach it, and the private files that let them in.

The stack embedded lives in the sandbox (labctl.embedded), any other one on the machine itself (labctl.workstation);
labctl.stacks finds the one that runs. A session is a context manager.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cilium_lab.paths import ROOT
from labctl import access
from labctl.command import LabError

GRPC = {"GRPC_ENABLE_FORK_SUPPORT": "0"}
"""Pulumi's Python starts programs while gRPC's threads run; its fork handlers, which it does not need, log errors."""


class Session(ABC):
    """One stack. `folder` holds the files of labctl.access and is its owner's alone."""

    python = ROOT / ".venv" / "bin" / "python"
    """With the program's packages; `./lab up` links it, Pulumi makes it where it is used alone (Pulumi.yaml)."""
    up = ""
    """The command that brings the stack up."""

    def __init__(self, stack: str, folder: Path) -> None:
        self.stack = stack
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was made for this session alone."""

    @property
    def stack_file(self) -> Path:
        """The stack's configuration."""
        return ROOT / f"Pulumi.{self.stack}.yaml"

    @property
    def kubeconfig(self) -> Path:
        """For kubectl."""
        return self.folder / access.KUBECONFIG

    @property
    def ssh_config(self) -> Path:
        """ssh_config(5) of every host by its name."""
        return self.folder / access.SSH_CONFIG

    @property
    def ssh_key(self) -> Path:
        """The private key for every host."""
        return self.folder / access.SSH_KEY

    @property
    def known_hosts(self) -> Path:
        """The hosts' pinned keys."""
        return self.folder / access.KNOWN_HOSTS

    @property
    def expectation(self) -> Path:
        """What the checks compare with, as JSON."""
        return self.folder / access.EXPECTATION

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment of every program that is to reach the lab."""

    @abstractmethod
    def command(self, argv: Sequence[str | Path], folder: Path | None = None) -> list[str]:
        """The words that run `argv` where the lab can be reached, in `folder` or where the caller is."""

    @abstractmethod
    def become(self, argv: Sequence[str | Path]) -> int:
        """Run a program as the rest of this command: streams, signals and exit status are the program's own."""

    @abstractmethod
    def status(self) -> list[str]:
        """What of the stack can be told without its cluster, a line each."""

    def pulumi(self, *words: str) -> list[str]:
        """A Pulumi command line for this project, whatever the current folder is."""
        return ["pulumi", "--cwd", str(ROOT), *words]

    def run(self, argv: Sequence[str | Path], *, folder: Path | None = None) -> int:
        """Run a program with this process's terminal and streams; its exit status.

        Ctrl-C is the program's to answer: Pulumi ends what it has begun and notes it.
        """
        self.require(argv)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return subprocess.run(self.command(argv, folder), env=self.environment()).returncode
        finally:
            signal.signal(signal.SIGINT, before)

    def output(self, argv: Sequence[str | Path]) -> str:
        """What a program prints; CalledProcessError when it fails."""
        self.require(argv)
        words = self.command(argv)
        return subprocess.run(words, env=self.environment(), stdout=subprocess.PIPE, text=True, check=True).stdout

    def kubectl(self, *words: str) -> Any:
        """What kubectl prints as JSON; CalledProcessError when it fails.

        The library's own client reads the API through a proxy, which has to live where the lab can be reached; this is
        for single queries from outside.
        """
        return json.loads(self.output(["kubectl", *words, "-o", "json"]))

    def require(self, argv: Sequence[str | Path]) -> None:
        """Raises LabError where the program of a command line is missing."""
        if shutil.which(argv[0], path=self.environment()["PATH"]) is None:
            raise self.missing(str(argv[0]))

    @abstractmethod
    def missing(self, program: str) -> LabError:
        """What is said where a program is missing."""

    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs as they are now, secrets in plain. Raises LabError where there is no lab."""
        words = self.pulumi("stack", "output", "--json", "--show-secrets", "--stack", self.stack)
        self.require(words)
        done = subprocess.run(self.command(words), env=self.environment(), capture_output=True, text=True, check=False)
        found: Mapping[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        if "expectation" not in found:
            seen = done.stderr.strip()[-500:] or "outputs without it"
            raise LabError(expected=f"a lab's outputs from `{' '.join(words)}`", seen=seen, next=self.up)
        return found

    def refresh(self) -> Mapping[str, Any]:
        """Write the access files from the stack's outputs, which are returned. Raises LabError."""
        found = self.outputs()
        access.write(self.folder, found)
        return found

    def refresh_if_changed(self) -> None:
        """The same where the stack has changed since the files were written. Raises LabError."""
        self.refresh()

    def check(self, names: Sequence[str] = (), options: Sequence[str] = ()) -> int:
        """Run every check, or those named, with the access files as they are; the exit status is the checks'."""
        return self.run(self._checks(options, names), folder=ROOT)

    def check_beside(self) -> tuple[int, str]:
        """Run every check while another program has the terminal: the exit status, and what is to be printed."""
        words = self.command(self._checks(), ROOT)
        done = subprocess.run(
            words,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _checks(self, options: Sequence[str] = (), names: Sequence[str] = ()) -> list[str | Path]:
        files = (self.expectation, self.kubeconfig, self.ssh_config)
        return [self.python, "-m", "cilium_lab.checks", *options, *files, *names]
