"""Runs a component against a mocked engine and records what it registers, with parents and providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor

PROJECT, STACK = "cilium-lab", "test"
URN = f"urn:pulumi:{STACK}::{PROJECT}::"
"""What every URN begins with."""

Outputs = Callable[[pulumi.runtime.MockResourceArgs], Mapping[str, Any]]
"""What a resource has besides its inputs, once it is made."""


@dataclass(frozen=True)
class Registered:
    """One registration: type token, name, the parent's name (empty for none), provider reference, inputs.

    `request` is what the engine was sent, with unknown values and secrets as the protocol marks them.
    """

    token: str
    name: str
    parent: str
    provider: str
    deleted_with: str
    inputs: dict[str, Any]
    request: Any
    urn: str


def _nothing(_args: pulumi.runtime.MockResourceArgs) -> Mapping[str, Any]:
    return {}


class _Mocks(pulumi.runtime.Mocks):
    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[Any, Any]]:
        return f"{args.name}-id", {**args.inputs, **self._outputs(args)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise AssertionError(f"no provider function is expected, but {args.token} was called")


class _Monitor(MockMonitor):
    def __init__(self, outputs: Outputs) -> None:
        super().__init__(_Mocks(outputs))
        self.registered: list[Registered] = []
        self.outputs: dict[str, dict[str, Any]] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it, with the types of all parents but the stack; the mocked one names the last alone."""
        types = parent.split("::")[2] if parent else ""
        above = f"{types}$" if types and types != "pulumi:pulumi:Stack" else ""
        return f"{URN}{above}{type_}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name is the protocol's
        self.registered.append(
            Registered(
                request.type,
                request.name,
                request.parent.rpartition("::")[2],
                request.provider,
                request.deletedWith,
                rpc.deserialize_properties(request.object),
                request,
                self.make_urn(request.parent, request.type, request.name),
            )
        )
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the name is the protocol's
        self.outputs[request.urn.rpartition("::")[2]] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)


@dataclass(frozen=True)
class Recording:
    """Everything that was registered, in order, and the outputs of components by name."""

    registered: tuple[Registered, ...]
    outputs: dict[str, dict[str, Any]]

    def by_name(self) -> dict[str, Registered]:
        """name -> registration; the stack is left out."""
        return {item.name: item for item in self.registered if item.token != "pulumi:pulumi:Stack"}


class _Callbacks:
    """Stands in for the server by which an engine calls hooks: nothing is ever made here, so none is called."""

    def register_resource_hook(self, _hook: object) -> None:
        return None


async def _callbacks() -> _Callbacks:
    return _Callbacks()


def record(program: Callable[[], object], *, outputs: Outputs = _nothing, preview: bool = False) -> Recording:
    """Run `program` to its end as a Pulumi program. In a preview what a resource will have is not known."""
    monitor = _Monitor(outputs)
    pulumi.runtime.set_mocks(monitor.mocks, project=PROJECT, stack=STACK, preview=preview, monitor=monitor)

    @pulumi.runtime.test
    def run() -> None:
        program()

    # The mocked engine has no such server, and the SDK refuses hooks without one.
    with patch("pulumi.runtime.resource._get_callbacks", _callbacks):
        run()
    return Recording(tuple(monitor.registered), monitor.outputs)
