"""A lab that answers from a table, for the tests of the checks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cilium_lab.checks.check import Result
from cilium_lab.checks.expectation import Expectation
from cilium_lab.config.versions import KUBERNETES

WANT = Expectation(
    nodes={"k8s-cp": "172.31.1.10", "k8s-w1": "172.31.1.11", "k8s-w2": "172.31.1.12"},
    control_plane="k8s-cp",
    kubernetes_version=KUBERNETES,
    router="router",
    router_address="172.31.1.20",
    router_study_address="10.10.1.200",
    router_addresses=("172.31.1.20", "10.10.10.10", "10.10.1.200", "10.10.2.200"),
    router_page="<h1>Web Server : router</h1>",
    router_interface="ens160",
    ipam_mode="kubernetes",
    pod_ranges=("192.168.0.0/16",),
    node_mask=24,
    routing="native",
    masquerade="bpf",
    debug_image="tools:1",
    storage_class="local-path",
    prometheus_port=30001,
    pages={"hubble-ui": "http://172.31.1.10:30003"},
)
READY = [{"type": "Ready", "status": "True"}]

Answer = str | dict[str, Any] | Exception


@dataclass
class FakeLab:
    """Answers a command with the first entry whose pattern occurs in it; an unknown command fails the test."""

    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[str] = field(default_factory=list[str])

    def kubectl(self, *args: str, stdin: str = "") -> str:
        return self._answer(f"kubectl {' '.join(args)} {stdin}")

    def ssh(self, host: str, command: str) -> str:
        return self._answer(f"ssh {host} {command}")

    def _answer(self, command: str) -> str:
        self.asked.append(command)
        for pattern, answer in self.answers.items():
            if re.search(pattern, command):
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, str) else json.dumps(answer)
        raise AssertionError(f"no answer is prepared for: {command}")


def items(*found: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(found)}


def look(check: Callable[[Expectation, FakeLab], Result], answers: dict[str, Any], want: Expectation = WANT) -> Result:
    return check(want, FakeLab(dict(answers)))


def assert_fails(result: Result, *words: str) -> None:
    assert not result.ok
    assert result.expected
    assert result.hint
    for word in words:
        assert word in result.seen


def node(
    name: str, address: str, block: str, *, ready: str = "True", version: str = f"v{KUBERNETES}", **spec: Any
) -> Any:
    return {
        "metadata": {"name": name},
        "spec": {"podCIDRs": [block] if block else [], **spec},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"kubeletVersion": version},
        },
    }


CP = node("k8s-cp", "172.31.1.10", "192.168.0.0/24")
W1 = node("k8s-w1", "172.31.1.11", "192.168.1.0/24")
W2 = node("k8s-w2", "172.31.1.12", "192.168.2.0/24")


def cilium_node(name: str, *blocks: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ipam": {"podCIDRs": list(blocks)}}}


def agent_pods(*nodes: str) -> dict[str, Any]:
    return items(
        *(
            {"metadata": {"name": f"cilium-{n}"}, "spec": {"nodeName": n}, "status": {"conditions": READY}}
            for n in nodes
        )
    )


def pod(name: str, address: str, where: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default", **more.pop("metadata", {})},
        "spec": {"nodeName": where, **more},
        "status": {"podIP": address, "conditions": READY},
    }


ONE, TWO = pod("webpod-1", "192.168.1.7", "k8s-w1"), pod("webpod-2", "192.168.2.7", "k8s-w2")
CURL = pod("curl-pod", "192.168.0.5", "k8s-cp")
PODS: dict[str, Any] = {"get pods.*app=webpod": items(ONE, TWO), "get pods.*app=curl": items(CURL)}
