"""Every scenario comes up with all checks, and goes: `./lab test scenarios`, or one of them with -k NAME."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl import scenarios
from tests.helpers.checkout import Checkout, copy_checkout

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A clean copy of the project with a state of its own."""
    if os.geteuid() != 0:
        pytest.fail("the tests of the real lab make namespaces and containers: run them as root")
    made = copy_checkout(tmp_path)
    yield made
    made.lab("destroy", "--force", check=False)


@pytest.mark.parametrize("name", scenarios.names())
def test_it_comes_up_with_every_check_and_goes(checkout: Checkout, name: str) -> None:
    done = checkout.lab("up", "--scenario", name, check=False)
    if "geneve" in name and "makes no geneve link" in done.stderr + done.stdout:
        pytest.skip("the kernel of this machine has no Geneve, which the preview says")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert re.search(r"(\d+) of \1 checks hold", done.stdout), done.stdout
    used = checkout.lab("pulumi", "config", "get", "ipamMode", "--stack", "embedded").stdout.strip()
    assert used == name.partition("-native")[0].partition("-vxlan")[0].partition("-geneve")[0]
    assert "scenario" not in (checkout.folder / "Pulumi.embedded.yaml").read_text()
    checkout.lab("destroy")
    assert not list(checkout.state.glob("scenario-*"))
