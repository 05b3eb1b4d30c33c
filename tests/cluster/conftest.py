"""The real lab for these tests: a clean copy of the project, a state of its own, closed at the end whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.cluster import zoo
from tests.cluster.machine import Machine, look
from tests.cluster.uplink import Capture
from tests.helpers.checkout import Checkout, copy_checkout
from tests.helpers.secret_scan import Arguments, Secret


@pytest.fixture(scope="session")
def uplink() -> Iterator[Capture]:
    """A capture on the machine's own interfaces, from before the lab until after it."""
    with Capture() as capture:
        yield capture


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory, uplink: Capture) -> Iterator[Checkout]:
    """A clean copy of the project. `uplink` is a parameter, so that it comes first."""
    if os.geteuid() != 0:
        pytest.fail("the tests of the real lab make namespaces and containers: run them as root")
    made = copy_checkout(tmp_path_factory.mktemp("checkout"))
    yield made
    made.lab("destroy", "--force", check=False)


@pytest.fixture(scope="session")
def before(checkout: Checkout) -> Machine:
    """The machine before anything of the lab was there."""
    return look(checkout.cgroup)


@pytest.fixture(scope="session")
def arguments(checkout: Checkout) -> Iterator[Arguments]:
    """What every process of the machine was called with, from the first test that uses it to the last."""
    with Arguments() as seen:
        yield seen


@pytest.fixture(scope="session")
def known() -> list[Secret]:
    """The secrets of the lab that runs: tests add those that they can see."""
    return []


@pytest.fixture(scope="session")
def kinds(request: pytest.FixtureRequest) -> tuple[zoo.Kind, ...]:
    """The workloads that are migrated: every kind where long tests run as well."""
    return zoo.kinds(every=any(item.get_closest_marker("long") for item in request.session.items))
