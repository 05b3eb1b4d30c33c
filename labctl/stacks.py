"""Finds the stack that a command is about: the one that is named, or the one that runs."""

from __future__ import annotations

from labctl import workstation
from labctl.command import LabError
from labctl.embedded import EMBEDDED, Embedded
from labctl.session import Session
from labctl.workstation import Workstation
from sandbox import sandbox


def find(name: str | None, *, otherwise: str | None = None) -> Session:
    """The session of stack `name`; without a name that of the only one that runs, or of `otherwise` if none does.

    Raises LabError if more than one runs, and SandboxError if none does.
    """
    if name is not None:
        return _named(name)
    embedded = [EMBEDDED] if sandbox.pid() is not None else []
    try:
        others = [stack for stack in workstation.running() if stack.rpartition("/")[2] != EMBEDDED]
    except LabError:
        if not embedded and otherwise is None:
            raise
        others = []  # nobody could say that there is another one
    running = [*embedded, *others]
    if len(running) > 1:
        raise LabError(
            expected="--stack NAME, because more than one lab runs",
            seen=", ".join(running),
            next=f"--stack {running[0]}",
        )
    if running or otherwise:
        return _named(running[0] if running else str(otherwise))
    raise sandbox.closed()


def _named(name: str) -> Session:
    return Embedded() if name == EMBEDDED else Workstation(name)
