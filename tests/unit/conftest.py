"""What several files of these tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sandbox import Sandbox, opened


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A throw-away host, see tests/unit/sandbox.py."""
    with opened(tmp_path / "sandbox") as made:
        yield made
