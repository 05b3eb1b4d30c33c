"""A builder whose artifacts, links and logs are in a temporary folder, and that prints nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.builder import builder
from airgap.builder.builder import Builder
from airgap.builder.recipe import Recipe
from airgap.builder.report import Progress


@dataclass(frozen=True)
class Folder:
    """Where a test's artifacts go."""

    top: Path

    @property
    def artifacts(self) -> Path:
        return self.top / "artifacts"

    @property
    def current(self) -> Path:
        return self.top / "current"

    def builder(self, *catalogue: Recipe) -> Builder:
        return quiet_builder(catalogue)

    def names(self) -> set[str]:
        """What the folder holds, without the locks, which are never removed."""
        return {path.name for path in self.artifacts.iterdir() if path.suffix != ".lock"}


def quiet_builder(catalogue: Iterable[Recipe]) -> Builder:
    """A builder of these recipes."""
    return Builder(catalogue, Progress(io.StringIO()))


def use(top: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Let builders work below `top`."""
    for constant, name in (("ARTIFACTS", "artifacts"), ("CURRENT", "current"), ("LOGS", "logs")):
        monkeypatch.setattr(builder, constant, top / name)
    return Folder(top)
