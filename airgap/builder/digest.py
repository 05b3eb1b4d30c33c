"""Content digests: of files, of folders, of a part and everything that goes into it."""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Mapping
from pathlib import Path

from airgap.builder import golang
from airgap.builder.part import Part
from airgap.paths import MODULES
from cilium_lab.paths import ROOT

_CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def part_key(part: Part, keys: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that change when anything that goes into the part does.

    `keys` holds the keys of the parts that it needs. A part with a Go module among its inputs depends on the
    Go toolchain's exact version as well.
    """
    digest = hashlib.sha256()
    words = [part.name, platform.machine()]
    for source in (Path(inspect.getfile(part.make)), *part.inputs):
        words += _describe(source) if isinstance(source, Path) else [source]
    if any(isinstance(source, Path) and source.is_relative_to(MODULES) for source in part.inputs):
        words.append(golang.version())
    words += [f"{name}={keys[name]}" for name in part.needs]
    for word in words:
        digest.update(word.encode() + b"\0")
    return digest.hexdigest()[:16]


def tree_files(top: Path) -> list[Path]:
    """Every regular file below a folder (or the file itself), in a fixed order."""
    if top.is_file():
        return [top]
    return sorted(path for path in top.rglob("*") if path.is_file() and not path.is_symlink())


def _describe(source: Path) -> list[str]:
    if not source.exists():
        raise FileNotFoundError(f"an input of a recipe does not exist: {source}")
    paths = [source] if source.is_file() else sorted(source.rglob("*"))
    top = ROOT if source.is_relative_to(ROOT) else source.parent
    return [
        f"{path.relative_to(top)} {_content(path)}"
        for path in paths
        if (path.is_symlink() or path.is_file()) and "__pycache__" not in path.parts
    ]


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return f"{path.stat().st_mode & 0o111 != 0} {file_sha256(path)}"
