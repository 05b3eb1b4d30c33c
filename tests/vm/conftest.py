"""A sandbox for the virtual machines of these tests, closed at the end whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.helpers.checkout import Checkout, copy_checkout

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """What a test measured, a line each; shown at the end of the run, whatever it is captured with."""
    return request.config.stash.setdefault(_FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Time and memory, as measured."""
    for line in config.stash.get(_FIGURES, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clean copy of the project whose sandbox is open."""
    if os.geteuid() != 0:
        pytest.fail("the tests of virtual machines make namespaces: run them as root")
    made = copy_checkout(tmp_path_factory.mktemp("vm"))
    made.lab("shell", "true")
    yield made
    made.lab("destroy", "--force", check=False)
