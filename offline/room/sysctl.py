"""The machine-wide kernel settings that the lab must raise: named here, remembered, and put back."""

from __future__ import annotations

import json
from pathlib import Path

MINIMA = {"fs.inotify.max_user_instances": 1024}
"""Four systemd, three containerd and three kubelet need more inotify instances than the usual 128 for one user."""


def lift(folder: Path) -> None:
    """Raise what is below its minimum, and note in `folder` what it was."""
    before = {name: _read(name) for name, minimum in MINIMA.items() if _read(name) < minimum}
    note = folder / "sysctl.json"
    if before and not note.exists():  # a note that is there holds the values from before an interrupted run
        note.write_text(json.dumps(before))
    for name in before:
        _path(name).write_text(str(MINIMA[name]))


def restore(folder: Path) -> None:
    """Put back what `lift` noted; nothing when it noted nothing."""
    note = folder / "sysctl.json"
    if note.exists():
        for name, value in json.loads(note.read_text()).items():
            _path(name).write_text(str(value))
        note.unlink()


def _read(name: str) -> int:
    return int(_path(name).read_text())


def _path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))
