"""The policy pack as the engine has it: a process of its own, spoken to by the analyzer protocol."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from tests.helpers.pulumi_recorder import Recording, Registered

PACK = Path(__file__).parents[2] / "policies"
_ANY_ENGINE = "127.0.0.1:1"
"""The pack logs to its engine alone, and these tests have none."""

Inputs = Callable[[Registered], struct_pb2.Struct]


def inputs(item: Registered) -> struct_pb2.Struct:
    """What the program registered."""
    return item.request.object


@dataclass(frozen=True)
class Violation:
    policy: str
    resource: str
    message: str
    mandatory: bool


class Pack:
    """A running pack; `close` ends it."""

    def __init__(self, folder: Path) -> None:
        # As the language host starts it; its folder is not the project's, as with a pack from elsewhere.
        command = [sys.executable, "-u", "-m", "pulumi.policy", _ANY_ENGINE, str(PACK)]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        assert port.isdigit(), f"the pack should print its port, and printed {port!r}"
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)

    def close(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def info(self) -> analyzer_pb2.AnalyzerInfo:
        return self._stub.GetAnalyzerInfo(Empty())

    def configure(self, **policies: analyzer_pb2.PolicyConfig) -> None:
        """Set levels and options, as the engine does by --policy-pack-config; what was set before is forgotten."""
        config = {name.replace("_", "-"): value for name, value in policies.items()}
        self._stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=config))

    def judge(self, recording: Recording, inputs: Inputs = inputs, *, exists: bool = True) -> list[Violation]:
        """Show the pack a whole run. Of a cluster that does not exist yet the engine knows no outputs."""
        providers = {item.name: item for item in recording.registered if item.token.startswith("pulumi:providers:")}
        shown = [(item, inputs(item), _provider(item, providers)) for item in recording.registered]
        found: list[Violation] = []
        for item, props, provider in shown:
            request = analyzer_pb2.AnalyzeRequest(
                type=item.token,
                urn=item.urn,
                name=item.name,
                properties=props,
                options=_options(item),
                provider=provider,
            )
            found += _violations(self._stub.Analyze(request), item.name)
        stack = [
            analyzer_pb2.AnalyzerResource(
                type=item.token,
                urn=item.urn,
                name=item.name,
                properties=props if exists else struct_pb2.Struct(),
                options=_options(item),
                provider=provider,
                parent=item.request.parent,
                dependencies=list(item.request.dependencies),
            )
            for item, props, provider in shown
        ]
        return found + _violations(self._stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=stack)), "")


def _options(item: Registered) -> analyzer_pb2.AnalyzerResourceOptions:
    return analyzer_pb2.AnalyzerResourceOptions(
        parent=item.request.parent, additionalSecretOutputs=list(item.request.additionalSecretOutputs)
    )


def _provider(item: Registered, providers: Mapping[str, Registered]) -> Any:
    found = providers.get(item.provider.rpartition("::")[0].rpartition("::")[2])
    if found is None:
        return None
    return analyzer_pb2.AnalyzerProviderResource(
        type=found.token, urn=found.urn, name=found.name, properties=found.request.object
    )


def _violations(response: analyzer_pb2.AnalyzeResponse, resource: str) -> list[Violation]:
    return [
        Violation(
            found.policyName,
            resource or found.urn.rpartition("::")[2],
            found.message,
            found.enforcementLevel == analyzer_pb2.MANDATORY,
        )
        for found in response.diagnostics
    ]


def config(level: int = analyzer_pb2.MANDATORY, **properties: Any) -> analyzer_pb2.PolicyConfig:
    """One policy's level and options."""
    # the stubs want their own enumeration's type, the protocol takes its number
    made = analyzer_pb2.PolicyConfig(enforcementLevel=level)  # pyright: ignore[reportArgumentType]
    made.properties.update(properties)
    return made
