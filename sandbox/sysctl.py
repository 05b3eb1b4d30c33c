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
_SANDBOXES = "rooms"
"""The key in the note. Labs of earlier versions on the same machine read and write it too, so it stays."""


@dataclass
class _Note:
    """What the settings were before any lab raised them, and the folders of the sandboxes that need them raised."""

    before: dict[str, int] = field(default_factory=dict[str, int])
    sandboxes: list[str] = field(default_factory=list[str])


def lift(folder: Path) -> None:
    """Raise what is below its minimum, and note that the sandbox in `folder` needs it."""
    with _note() as note:
        low = {name: _read(name) for name, minimum in MINIMA.items() if _read(name) < minimum}
        note.before = {**low, **note.before}  # what is there holds the values from before the first lab
        note.sandboxes = sorted({*note.sandboxes, str(folder)})
        for name in low:
            _path(name).write_text(str(MINIMA[name]))


def restore(folder: Path) -> None:
    """Put back what was raised unless another lab's sandbox needs it; one whose folder is gone needs nothing."""
    with _note() as note:
        note.sandboxes = [other for other in note.sandboxes if other != str(folder) and Path(other).exists()]
        if not note.sandboxes:
            for name, value in note.before.items():
                _path(name).write_text(str(value))
            note.before = {}


@contextmanager
def _note() -> Iterator[_Note]:
    NOTE.parent.mkdir(mode=0o755, exist_ok=True)
    with NOTE.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = json.loads(NOTE.read_text()) if NOTE.exists() else {}
        note = _Note(noted.get("before", {}), noted.get(_SANDBOXES, []))
        yield note
        if note.sandboxes:
            NOTE.write_text(json.dumps({"before": note.before, _SANDBOXES: note.sandboxes}))
        else:
            NOTE.unlink(missing_ok=True)


def _read(name: str) -> int:
    return int(_path(name).read_text())


def _path(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))
