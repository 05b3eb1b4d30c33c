"""`./lab bench up`: what the commands take on a lab that is up, beside what does least in the same run.

That is an empty Pulumi program of the same kind, and the same work by hand: virsh, kubectl, helm and ssh, one after the
other (by-hand.sh).
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cilium_lab.checks.expectation import Expectation
from cilium_lab.paths import ROOT
from cilium_lab.tables import table
from labctl.bench.stack import BenchError
from labctl.embedded import EMBEDDED, Embedded
from labctl.lifecycle import bring_up, destroy
from sandbox import sandbox

_PREVIEW_FACTOR, _PREVIEW_EXTRA = 1.5, 1.0
"""A preview without a change may take that many times an empty program's, and so many seconds."""
_IDLE = "./lab up, nothing to do"
_SECONDS = {_IDLE: 5.0, "./lab destroy": 6.0, "./lab up from nothing": 60.0}
"""What the other commands may take."""
_PROJECT = "cilium-lab-empty"
_SCRIPT = Path(__file__).with_name("by-hand.sh")
_LONGEST = "300"
"""Seconds that it may take, whatever becomes of the cluster."""


@dataclass(frozen=True)
class Row:
    """A command, what it took in each round in seconds, and what it may take, 0 for no limit.

    `beside` is what the command beside it took, which `than` names.
    """

    command: str
    seconds: tuple[float, ...]
    limit: float
    beside: float | None = None
    than: str = ""

    @property
    def median(self) -> float:
        """The middle of all rounds."""
        return statistics.median(self.seconds)

    @property
    def exceeded(self) -> bool:
        """Whether it took longer than it may."""
        return 0.0 < self.limit < self.median

    def cells(self) -> tuple[str, ...]:
        """For the table."""
        ratio = f"{self.median / self.beside:.2f} x {self.than}" if self.beside else ""
        spread = f"{min(self.seconds):.1f} to {max(self.seconds):.1f} s" if len(self.seconds) > 1 else ""
        judged = f"limit {self.limit:.1f} s{', exceeded' if self.exceeded else ''}" if self.limit else ""
        return self.command, f"{self.median:.1f} s", spread, ratio, judged


def bench(session: Embedded, rounds: int, *, again: bool) -> int:
    """Prints a table; 1 if a limit is exceeded. With `again` the lab is destroyed and brought up from nothing."""
    if sandbox.pid() is None and bring_up(session):
        raise BenchError("the lab did not come up")
    session.refresh_if_changed()
    with _empty_program(session) as folder:
        empty = _times(rounds, lambda: _pulumi(session, folder, "preview"))
    lab = _times(rounds, lambda: _pulumi(session, ROOT, "preview", "--stack", EMBEDDED))
    looked = _times(rounds, lambda: _by_hand(session, "look"))
    idle = _times(rounds, lambda: _lab("up"))
    checked = _times(rounds, lambda: _by_hand(session, "check", *_checked(session)))
    beside = statistics.median(empty)
    rows = [
        Row("preview of an empty program", empty, 0.0),
        Row("by hand: look at everything", looked, 0.0),
        Row("preview, nothing to do", lab, _PREVIEW_FACTOR * beside + _PREVIEW_EXTRA, beside, "empty"),
        Row("by hand: look and check", checked, 0.0),
        Row(_IDLE, idle, _SECONDS[_IDLE], statistics.median(checked), "by hand"),
    ]
    for command, run in (_from_nothing(session) if again else {}).items():
        rows.append(Row(command, _times(1, run), _SECONDS[command]))
    print(table([row.cells() for row in rows]))
    return 1 if any(row.exceeded for row in rows) else 0


def _from_nothing(session: Embedded) -> dict[str, Callable[[], None]]:
    return {
        "./lab destroy": lambda: _ended(destroy([]), "./lab destroy"),
        "./lab up from nothing": lambda: _ended(bring_up(session), "./lab up"),
    }


def _checked(session: Embedded) -> list[str]:
    """What by-hand.sh is told for `check`."""
    want = Expectation.from_json(session.expectation.read_text())
    return [want.debug_image, str(session.ssh_config), *want.hosts]


def _by_hand(session: Embedded, *words: str) -> None:
    command = session.command(["timeout", _LONGEST, _SCRIPT, *words], Path("/"))
    done = subprocess.run(command, env=session.environment(), capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{_SCRIPT.name} {words[0]} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _times(rounds: int, run: Callable[[], None]) -> tuple[float, ...]:
    seconds: list[float] = []
    for _ in range(rounds):
        started = time.monotonic()
        run()
        seconds.append(time.monotonic() - started)
    return tuple(seconds)


def _ended(code: int, command: str) -> None:
    if code:
        raise BenchError(f"{command} ended with status {code}; its output is above")


def _lab(*words: str) -> None:
    done = subprocess.run([ROOT / "lab", *words], capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"./lab {' '.join(words)} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _pulumi(session: Embedded, folder: Path, *words: str) -> None:
    session.release_dead_locks()
    command = session.command(["pulumi", "--cwd", str(folder), *words])
    done = subprocess.run(command, env=session.environment(), capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"pulumi {' '.join(words)} failed\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


@contextmanager
def _empty_program(session: Embedded) -> Generator[Path]:
    """A program without a resource, in the lab's own Python environment, with a stack in the lab's backend."""
    folder = session.temporary / "empty"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    options = f"{{toolchain: pip, virtualenv: {session.python.parent.parent.resolve()}}}"
    (folder / "Pulumi.yaml").write_text(f"name: {_PROJECT}\nruntime: {{name: python, options: {options}}}\n")
    (folder / "__main__.py").write_text("import pulumi\n")
    _pulumi(session, folder, "stack", "select", "--create", "empty")
    try:
        yield folder
    finally:
        _pulumi(session, folder, "stack", "rm", "--yes", "empty")
        shutil.rmtree(folder)
