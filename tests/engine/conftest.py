"""A sandbox for these tests: the real engine, the real providers, a real libvirt, and no hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.checkout import Checkout, copy_checkout


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clean copy of the project whose sandbox runs."""
    made = copy_checkout(tmp_path_factory.mktemp("engine"))
    made.lab("shell", "true")
    yield made
    made.lab("destroy", "--force")
