"""The live cluster from one IPAM mode to the other and back, under requests, with a kill on each way.

The tests of this file build on each other: they are the steps of one story.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.cluster.machine import Machine
from tests.cluster.requests import Requests
from tests.cluster.test_life import assert_nothing_left, up

pytestmark = pytest.mark.timeout(1200)

_LIMIT = 900
_LOST = 0.002
"""Share of requests that may fail while both cores are busy with the migration, the probes and this test."""


def blocks(checkout: Checkout) -> dict[str, list[str]]:
    """The blocks of every CiliumNode."""
    listed = json.loads(checkout.lab("kubectl", "get", "ciliumnodes", "-o", "json").stdout)["items"]
    return {node["metadata"]["name"]: node["spec"]["ipam"]["podCIDRs"] for node in listed}


def change(checkout: Checkout, mode: str, log: Path) -> None:
    """Set the mode; `pulumi up` is killed somewhere on the way, and the next one has to finish."""
    checkout.lab("pulumi", "config", "set", "ipamMode", mode, "--stack", "embedded")
    process = checkout.start("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded", log=log)
    seconds = random.uniform(5, 60)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    print(f"killed after {seconds:.1f} s: {log.read_text(errors='replace').splitlines()[-1][:160]}")
    checkout.lab("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded", timeout=_LIMIT)


def test_it_comes_up_a_third_time_in_the_mode_kubernetes(checkout: Checkout, before: Machine) -> None:
    up(checkout)
    assert all(block.startswith("192.168.") for held in blocks(checkout).values() for block in held)


@pytest.mark.parametrize(("mode", "start"), [("cluster-pool", "172.20."), ("kubernetes", "192.168.")])
def test_the_cluster_is_carried_over(checkout: Checkout, tmp_path: Path, mode: str, start: str) -> None:
    with Requests(checkout, _LIMIT) as requests:
        change(checkout, mode, tmp_path / "killed.log")
    held = blocks(checkout)
    assert len(held) == 3
    assert all(len(of_node) == 1 and of_node[0].startswith(start) for of_node in held.values()), held
    checkout.lab("pulumi", "up", "--yes", "--stack", "embedded", "--expect-no-changes")
    up(checkout)  # with all checks, in the new mode
    outcome = requests.outcome
    print(f"{outcome.requests} requests, {outcome.failed} failed {outcome.when}")
    assert outcome.requests > 1000
    assert outcome.failed <= _LOST * outcome.requests, outcome.when


def test_a_pool_that_is_too_small_is_refused_and_nothing_is_changed(checkout: Checkout) -> None:
    was = blocks(checkout)
    checkout.lab("pulumi", "config", "set", "ipamMode", "cluster-pool", "--stack", "embedded")
    checkout.lab("pulumi", "config", "set", "--path", "clusterPool.cidrs[0]", "172.20.0.0/24", "--stack", "embedded")
    refused = checkout.lab("pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded", check=False)
    assert refused.returncode != 0
    assert "clusterPool" in refused.stdout + refused.stderr
    assert blocks(checkout) == was


def test_destroy_leaves_nothing_of_it(checkout: Checkout, before: Machine) -> None:
    checkout.lab("pulumi", "config", "rm", "ipamMode", "--stack", "embedded")
    checkout.lab("pulumi", "config", "rm", "clusterPool", "--stack", "embedded")
    checkout.lab("destroy")
    assert_nothing_left(checkout, before)
