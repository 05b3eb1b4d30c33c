"""A stack that commit 011d9e9 made is updated in place: none of its resources is orphaned or replaced.

`tests/golden/urns-011d9e9.json` holds, for each stack, what that commit registers against the mocked engine: type and
name of every resource with the types of its parents (a URN without stack and project), and the inputs whose change
replaces it. It is never updated: it stands for the stacks that exist. The stack `embedded` has the probes as well.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.helpers.pulumi_recorder import URN, Registered
from tests.helpers.recorded_lab import ROOT, STACKS, record_lab

Inputs = Mapping[str, Any]
_GOLDEN: dict[str, dict[str, Inputs]] = json.loads((ROOT / "tests" / "golden" / "urns-011d9e9.json").read_text())
# the stack itself is the engine's, and one process registers it once
EARLIER = {
    stack: {urn: inputs for urn, inputs in resources.items() if not urn.startswith("pulumi:pulumi:Stack::")}
    for stack, resources in _GOLDEN.items()
}


@functools.cache
def registered(stack: str) -> tuple[Registered, ...]:
    config: dict[str, Any] = {"migration": {"probe": True}} if stack == "embedded" else {}
    return record_lab(stack, **config).registered


def aliases(item: Registered) -> set[str]:
    """The URNs that a resource may have had, as the engine derives them from its aliases."""
    found = set(item.request.aliasURNs)
    for alias in item.request.aliases:
        if alias.urn:
            found.add(alias.urn)
            continue
        spec = alias.spec
        parent = "" if spec.noParent else (spec.parentUrn or item.request.parent)
        types = parent.split("::")[2] if parent else ""
        above = f"{types}$" if types and types != "pulumi:pulumi:Stack" else ""
        found.add(f"{URN}{above}{spec.type or item.token}::{spec.name or item.name}")
    return found


def successors(stack: str) -> dict[str, Registered]:
    """The registration that takes a URN over, by its own URN or by an alias."""
    return {urn.removeprefix(URN): item for item in registered(stack) for urn in (item.urn, *aliases(item))}


def replacing_inputs(item: Registered) -> Inputs:
    """The inputs of which a change replaces the resource, as the golden file has them.

    Commands: the triggers. `k8s-cp-kubeconfig` also by its line: the output of a command that runs again is unknown in
    a preview, and the Kubernetes provider takes an unknown kubeconfig for that of another cluster (pulumi-kubernetes,
    provider.go, DiffConfig): everything in the cluster would be shown as replaced. Objects of Kubernetes: name and
    namespace. Libvirt: name, pool, bridge and mode.
    """
    inputs = item.inputs
    found: dict[str, Any] = {}
    if item.token.startswith("command:"):
        found = {"triggers": inputs.get("triggers")}
        if item.name == "k8s-cp-kubeconfig":
            found["create"] = inputs["create"]
    elif item.token.startswith("kubernetes:"):
        metadata = inputs.get("metadata", inputs)
        found = {"name": metadata.get("name"), "namespace": metadata.get("namespace")}
    elif item.token.startswith("libvirt:"):
        found = {name: inputs.get(name) for name in ("name", "pool", "bridge", "mode")}
    return {name: value for name, value in found.items() if value is not None}


stacks = pytest.mark.parametrize("stack", STACKS)


@stacks
def test_every_earlier_resource_is_still_registered_or_named_by_an_alias(stack: str) -> None:
    assert len(EARLIER[stack]) > 100
    assert EARLIER[stack].keys() - successors(stack).keys() == set()


@stacks
def test_no_earlier_resource_is_replaced(stack: str) -> None:
    found = successors(stack)
    for urn, earlier in EARLIER[stack].items():
        item = found[urn]
        ignored = set(item.request.ignoreChanges)
        want = {name: value for name, value in earlier.items() if name != "delete" and name not in ignored}
        have = {name: value for name, value in replacing_inputs(item).items() if name not in ignored}
        assert have == want, urn


@stacks
def test_what_an_earlier_stack_runs_at_its_end_is_still_there(stack: str) -> None:
    lines = {inputs["delete"] for inputs in EARLIER[stack].values() if "delete" in inputs}
    scripts = {line for line in lines if not line.startswith("/")}  # those of hosts lie on the hosts
    assert scripts
    assert {script for script in scripts if not (ROOT / Path(script)).is_file()} == set()


def test_no_resource_is_added_to_a_component_that_is_registered_already(monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[pulumi.Resource] = []
    late: list[str] = []
    make, end = pulumi.Resource.__init__, pulumi.ComponentResource.register_outputs

    def made(self: pulumi.Resource, t: str, name: str, *args: Any, **kwargs: Any) -> None:
        make(self, t, name, *args, **kwargs)
        opts = signature(make).bind(self, t, name, *args, **kwargs).arguments.get("opts")
        if opts and opts.parent in finished:
            late.append(name)

    def ended(self: pulumi.ComponentResource, outputs: Any) -> None:
        end(self, outputs)
        finished.append(self)

    monkeypatch.setattr(pulumi.Resource, "__init__", made)
    monkeypatch.setattr(pulumi.ComponentResource, "register_outputs", ended)
    record_lab("embedded", migration={"probe": True})
    assert len(finished) > 10
    assert late == []
