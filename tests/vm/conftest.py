"""A room for the virtual machines of these tests, closed at the end whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.checkout import Checkout, copy_checkout


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clean copy of the project whose room is open."""
    if os.geteuid() != 0:
        pytest.fail("the tests of virtual machines make namespaces: run them as root")
    made = copy_checkout(tmp_path_factory.mktemp("vm"))
    made.lab("shell", "true")
    yield made
    made.lab("destroy", "--force", check=False)
