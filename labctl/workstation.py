"""Stacks that plain Pulumi brings up on the machine itself: no sandbox, and the user's own Pulumi and settings."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cilium_lab.paths import ROOT
from labctl.command import LabError
from labctl.session import GRPC, Session

_ANSWER = 60.0
"""Seconds for the list of stacks: the user's backend may be far away."""


class Workstation(Session):
    """As a context manager it holds the access files in a temporary folder, which goes with it."""

    def __init__(self, stack: str) -> None:
        super().__init__(stack, Path())
        self.up = f"pulumi up --stack {stack}"

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="cilium-lab-"))  # mode 0700
        self._before = signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, self._before)

    def environment(self) -> dict[str, str]:
        return {**os.environ, **GRPC, "PULUMI_STACK": self.stack, "KUBECONFIG": str(self.kubeconfig)}

    def command(self, argv: Sequence[str | Path], folder: Path | None = None) -> list[str]:
        # Ctrl-C is ignored by this process while a program runs, and would be by the program
        return ["env", "--default-signal=INT", f"--chdir={folder or Path.cwd()}", *map(str, argv)]

    def become(self, argv: Sequence[str | Path]) -> int:
        return self.run(argv)  # this process stays, to remove the files

    def missing(self, program: str) -> LabError:
        if program == "pulumi":
            step = "install it, or use the embedded stack: ./lab up"
        else:
            step = "install it" if program != str(self.python) else self.up
        return LabError(expected=f"{program} on the PATH", seen="none", next=step)

    def status(self) -> list[str]:
        return [f"stack      {self.stack}, by the user's own Pulumi"]


def running() -> list[str]:
    """The stacks of this project that plain Pulumi knows to have resources; none where there is no Pulumi.

    Raises LabError when it does not say.
    """
    if shutil.which("pulumi") is None:
        return []
    words = ["pulumi", "--cwd", str(ROOT), "stack", "ls", "--json", "--non-interactive"]
    expected = f"the project's stacks from `{' '.join(words)}`"
    step = "`pulumi login`, or name the stack: --stack NAME"
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER)
    except subprocess.TimeoutExpired:
        raise LabError(expected=expected, seen=f"nothing within {_ANSWER:.0f} s", next=step) from None
    if done.returncode:
        raise LabError(expected=expected, seen=done.stderr.strip()[-500:] or "no word", next=step)
    return [stack["name"] for stack in json.loads(done.stdout) if stack.get("resourceCount")]
