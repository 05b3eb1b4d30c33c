"""Bundles of small files that travel on a script's standard input: base64 of a deterministic tar."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A text file and its permission bits; private by default, as most of these are."""

    text: str
    mode: int = 0o600


def pack(files: Mapping[str, File]) -> str:
    """The files, by path relative to where they are unpacked, as one line of base64. Equal input, equal output."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folders = sorted({parent for path in files for parent in _parents(path)})
        for folder in folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700 if folder.endswith(".ssh") else 0o755
            tar.addfile(entry)
        for path, file in sorted(files.items()):
            content = file.text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), file.mode
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(stream.getvalue()).decode()


def _parents(path: str) -> list[str]:
    names = path.split("/")[:-1]
    return ["/".join(names[: n + 1]) for n in range(len(names))]
