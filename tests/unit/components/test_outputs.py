"""What `pulumi up` ends with: a short list that a person reads; what tools read is there and not printed."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.helpers.recorded_lab import KUBECONFIG, PRIVATE_KEY, STACKS, record_lab

_SECRET = "4dabf18193072939515e22adb298388d"


@functools.cache
def exported(stack: str, mode: str = "kubernetes") -> dict[str, Any]:
    return record_lab(stack, ipamMode=mode).outputs["exports"]


def printed(stack: str) -> dict[str, Any]:
    """What is shown: all but the secrets."""
    return {
        name: value for name, value in exported(stack).items() if not (isinstance(value, Mapping) and _SECRET in value)
    }


stacks = pytest.mark.parametrize("stack", STACKS)


@stacks
def test_few_lines_are_printed(stack: str) -> None:
    assert printed(stack).keys() == {"ipamMode", "hosts", "pages", "missingAddons", "next"}
    assert len(json.dumps(printed(stack), indent=2).splitlines()) < 25


@stacks
def test_the_next_steps_are_get_in_look_and_migrate(stack: str) -> None:
    steps = printed(stack)["next"]
    assert [step.partition(":")[0] for step in steps] == ["get in", "look", "migrate"]
    assert all("\n" not in step and len(step) < 100 for step in steps)


def test_the_migration_that_is_offered_is_one_that_this_stack_can_run() -> None:
    assert exported("lab")["next"][2] == "migrate: pulumi config set ipamMode cluster-pool, then pulumi up"
    there = exported("embedded", "cluster-pool")["next"][2]
    assert there == "migrate: ./lab pulumi config set ipamMode kubernetes, then ./lab pulumi up"
    assert not any(step.startswith("migrate") for step in exported("embedded", "multi-pool")["next"])


@stacks
def test_tools_find_what_they_need_by_its_name(stack: str) -> None:
    held = {name: value["value"] for name, value in exported(stack).items() if name not in printed(stack)}
    assert held["kubeconfig"] == KUBECONFIG
    assert held["sshKey"] == PRIVATE_KEY
    assert held["sshKnownHosts"].count("ssh-ed25519") == 4
    assert "StrictHostKeyChecking yes" in held["sshConfig"]
    assert json.loads(held["expectation"])


@stacks
def test_the_checks_know_every_workload_that_the_program_declares(stack: str) -> None:
    declared = {
        f"{one.inputs['kind']} {one.inputs['metadata']['namespace']}/{one.inputs['metadata']['name']}"
        for one in record_lab(stack, ipamMode="multi-pool").registered
        if one.token.startswith("kubernetes:apps/v1:")
    }
    told = json.loads(exported(stack, "multi-pool")["expectation"]["value"])["workloads"]
    upstream = {
        "DaemonSet kube-system/cilium",
        "Deployment kube-system/cilium-operator",
        "Deployment kube-system/coredns",
    }
    # the prober goes with the option migration.probe: it is no part of a lab
    assert set(told) == (declared | upstream) - {"Deployment default/prober"}
