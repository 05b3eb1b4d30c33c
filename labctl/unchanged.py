"""Whether anything that `pulumi up` reads may have changed since the last `./lab up` that ended well.

Then a preview before the update shows nothing that the update itself does not, and takes as long. What may change
without a trace here, the machine and the live cluster, the update looks at as well before it changes anything.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from cilium_lab.paths import CURRENT, ROOT

_NOTE = "up.json"
_PROGRAM = ("__main__.py", "Pulumi.yaml", "components", "cilium_lab")


def fingerprint(stack_file: Path, checkpoint: Path | None, root: Path = ROOT, current: Path = CURRENT) -> str:
    """Of the program, the stack's file, the artifacts, the Python environment, and Pulumi's state if it is given."""
    digest = hashlib.sha256(f"{root}\0{sys.version}\0".encode())
    for path in sorted(_files(root, _PROGRAM)):
        digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    digest.update(stack_file.read_bytes())
    for link in (root / ".venv", *(sorted(current.iterdir()) if current.is_dir() else ())):
        digest.update(f"{link.name}\0{os.readlink(link) if link.is_symlink() else ''}\0".encode())
    digest.update(checkpoint.read_bytes() if checkpoint and checkpoint.exists() else b"")
    return digest.hexdigest()


def _files(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        path = root / name
        if path.is_dir():
            yield from (one for one in path.rglob("*") if one.is_file() and one.parent.name != "__pycache__")
        else:
            yield path


def since_last_up(folder: Path, now: str) -> bool:
    """Whether the note in the state's folder is of this fingerprint."""
    try:
        return json.loads((folder / _NOTE).read_text())["fingerprint"] == now
    except (OSError, ValueError, KeyError, TypeError):
        return False


def note(folder: Path, now: str) -> None:
    """Keep the fingerprint after an `up` that ended well, with every check."""
    fresh = folder / f".{_NOTE}"
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps({"fingerprint": now}) + "\n")
    fresh.replace(folder / _NOTE)


def forget(folder: Path) -> None:
    """The lab is gone."""
    (folder / _NOTE).unlink(missing_ok=True)
