"""The machine-wide kernel settings that labs must raise: named here, remembered, and put back by the last of them."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MINIMA = {"fs.inotify.max_user_instances": 1024}
"""Four systemd, three containerd and three kubelet need more inotify instances than the usual 128 for one user."""
NOTE = Path("/run/cilium-lab/sysctl.json")
"""One for the machine, gone with its next start as the settings themselves are."""


@dataclass
class _Note:
    """What the settings were before any lab raised them, and the rooms that need them raised."""

    before: dict[str, int] = field(default_factory=dict[str, int])
    rooms: list[str] = field(default_factory=list[str])


def lift(folder: Path) -> None:
    """Raise what is below its minimum, and note that the room in `folder` needs it."""
    with _note() as note:
        low = {name: _read(name) for name, minimum in MINIMA.items() if _read(name) < minimum}
        note.before = {**low, **note.before}  # what is there holds the values from before the first lab
        note.rooms = sorted({*note.rooms, str(folder)})
        for name in low:
            _path(name).write_text(str(MINIMA[name]))


def restore(folder: Path) -> None:
    """Put back what was raised, unless the room of another lab needs it; a room whose folder is gone needs nothing."""
    with _note() as note:
        note.rooms = [room for room in note.rooms if room != str(folder) and Path(room).exists()]
        if not note.rooms:
            for name, value in note.before.items():
                _path(name).write_text(str(value))
            note.before = {}


@contextmanager
def _note() -> Iterator[_Note]:
    NOTE.parent.mkdir(mode=0o755, exist_ok=True)
    with NOTE.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = _Note(**json.loads(NOTE.read_text())) if NOTE.exists() else _Note()
        yield note
        if note.rooms:
            NOTE.write_text(json.dumps(vars(note)))
        else:
            NOTE.unlink(missing_ok=True)


def _read(name: str) -> int:
    return int(_path(name).read_text())


def _path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))
