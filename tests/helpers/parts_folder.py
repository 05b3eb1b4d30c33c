"""A builder whose parts, links and logs lie in a temporary folder, and that says nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.builder import builder
from airgap.builder.builder import Builder
from airgap.builder.part import Part
from airgap.builder.report import Progress


@dataclass(frozen=True)
class Folder:
    """Where a test's parts go."""

    top: Path

    @property
    def parts(self) -> Path:
        return self.top / "parts"

    @property
    def current(self) -> Path:
        return self.top / "current"

    def builder(self, *catalogue: Part) -> Builder:
        return quiet_builder(catalogue)

    def names(self) -> set[str]:
        """What lies among the parts, without the locks, which are never removed."""
        return {path.name for path in self.parts.iterdir() if path.suffix != ".lock"}


def quiet_builder(catalogue: Iterable[Part]) -> Builder:
    """A builder of these parts."""
    return Builder(catalogue, Progress(io.StringIO()))


def use(top: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Let builders work below `top`."""
    for constant, name in (("PARTS", "parts"), ("CURRENT", "current"), ("LOGS", "logs")):
        monkeypatch.setattr(builder, constant, top / name)
    return Folder(top)
