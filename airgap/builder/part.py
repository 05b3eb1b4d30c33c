"""What a part is, and what a recipe may do while it makes one."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from airgap.builder import golang
from cilium_lab.paths import ROOT

_TAIL_LINES = 25


class BuildError(Exception):
    """A step of a recipe failed; the message holds the command, its exit status and the end of its log."""


@dataclass(frozen=True)
class Part:
    """One thing that is built once. `make` fills the workspace's `out` folder and raises on failure."""

    name: str
    make: Callable[[Workspace], None]
    inputs: tuple[Path | str, ...] = ()
    """Files and folders (hashed by content) and literal strings (versions, flags)."""
    needs: tuple[str, ...] = ()
    """Names of the parts whose output is read."""
    cost: int = 10
    """Expected seconds on one core: the longest chain is started first."""


@dataclass
class Workspace:
    """The hands of a recipe: folders, logged commands, Go builds."""

    out: Path
    work: Path
    needed: Mapping[str, Path]
    log: IO[bytes]
    root: Path = ROOT
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the build is interrupted: no command is started any more."""
    children: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def need(self, name: str) -> Path:
        """The output folder of a part that this one declared in `needs`."""
        return self.needed[name]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> None:
        """Run a command with its output in the part's log; BuildError with the log's tail when it fails."""
        self._execute(argv, cwd, env, stdin, self.log)

    def output(
        self, argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Like run, but return what the command printed."""
        return self._execute(argv, cwd, env, None, subprocess.PIPE).decode()

    def _execute(
        self,
        argv: Sequence[str | Path],
        cwd: Path | None,
        env: Mapping[str, str] | None,
        stdin: bytes | None,
        stdout: IO[bytes] | int,
    ) -> bytes:
        words = [str(word) for word in argv]
        if self.stop.is_set():
            raise BuildError(f"interrupted before: {' '.join(words)[:300]}")
        self.log.write(f"$ {' '.join(words)}\n".encode())
        self.log.flush()
        child = subprocess.Popen(
            words,
            cwd=cwd or self.work,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=stdout,
            stderr=self.log,
            start_new_session=True,  # the builder ends the whole group when it is interrupted
        )
        self.children.append(child)
        if self.stop.is_set():  # it was set while this one started, and its end may have been missed
            self.end_children()
        printed, _ = child.communicate(stdin)
        self.children.remove(child)
        if child.returncode:
            raise BuildError(f"exit status {child.returncode}: {' '.join(words)[:300]}\n{self._tail()}")
        return printed or b""

    def end_children(self) -> None:
        """End the commands that run, with all that they have started."""
        for child in tuple(self.children):
            with suppress(ProcessLookupError):  # it ended by itself a moment ago
                os.killpg(child.pid, signal.SIGTERM)

    def _tail(self) -> str:
        self.log.flush()
        lines = Path(self.log.name).read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])

    def go_build(
        self,
        module: str,
        packages: Mapping[str, str],
        *,
        ldflags: str = "",
        tags: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Build Go commands, {output name: import path}, into `out`, static and without paths of this machine.

        `module` is a folder under airgap/modules, whose go.sum pins every dependency; `cwd` names another
        module tree instead (a patched copy).
        """
        folder = cwd or golang.module_folder(module)
        flags = ["-trimpath", "-ldflags", f"-s -w {ldflags}".strip(), *(["-tags", tags] if tags else [])]
        settings = {**golang.environment(), **(env or {})}
        for name, package in packages.items():
            self.run([golang.command(), "build", *flags, "-o", self.out / name, package], cwd=folder, env=settings)

    def go_module_dir(self, module: str, path: str) -> Path:
        """The folder of a dependency in Go's module cache, downloaded when it is not there yet."""
        folder, settings = golang.module_folder(module), golang.environment()
        self.run([golang.command(), "mod", "download", path], cwd=folder, env=settings)
        listed = [golang.command(), "list", "-m", "-f", "{{.Dir}}", path]
        return Path(self.output(listed, cwd=folder, env=settings).strip())
