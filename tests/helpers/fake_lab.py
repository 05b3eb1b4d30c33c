"""A lab that answers from a table, for the tests of the checks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.config.versions import KUBERNETES
from cilium_lab.kube.client import JSON, ApiError
from cilium_lab.kube.conditions import Result

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
    kubernetes_range="192.168.0.0/16",
    host_routing="BPF",
    native_range="192.168.0.0/16",
    workloads=("Deployment default/thing",),
    storage_class="local-path",
    prometheus_port=30001,
    pages={"hubble-ui": "http://172.31.1.10:30003"},
)
READY = [{"type": "Ready", "status": "True"}]
GONE = ApiError("GET it", 404, "not found")

Answer = str | dict[str, Any] | Exception


class FakeLab(Lab):
    """Its API server and its hosts answer a request with the first entry whose pattern occurs in it.

    Requests are `GET /api/v1/nodes`, `PATCH PATH BODY`, `EXEC namespace/pod SCRIPT` and `SSH host SCRIPT`; `requests`
    has all that were made. One that no pattern fits fails the test.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        super().__init__(self, self._on_host)
        self._answers = dict(answers or {})
        self.requests: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        return json.loads(self._answer(f"GET {unquote(path)}"))

    def text(self, path: str) -> str:
        return self._answer(f"GET {unquote(path)}")

    def send(self, method: str, path: str, body: object = None, kind: str = JSON) -> dict[str, Any]:
        return json.loads(self._answer(f"{method} {path} {json.dumps(body)}"))

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        assert container == ("cilium-agent" if namespace == "kube-system" else "")
        return self._answer(f"EXEC {namespace}/{pod} {script}")

    def _on_host(self, host: str, script: str) -> str:
        return self._answer(f"SSH {host} {script}")

    def _answer(self, request: str) -> str:
        self.requests.append(request)
        for pattern, answer in self._answers.items():
            if re.search(pattern, request):
                if isinstance(answer, Exception):
                    raise answer
                return answer if isinstance(answer, str) else json.dumps(answer)
        raise AssertionError(f"no answer is prepared for: {request}")


def items(*found: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(found)}


def look(check: Callable[[Expectation, Lab], Result], answers: dict[str, Any], want: Expectation = WANT) -> Result:
    return check(want, FakeLab(answers))


def assert_fails(result: Result, *words: str) -> None:
    assert not result.ok
    assert result.expected
    assert result.next
    for word in words:
        assert word in result.seen


NODES = "GET /api/v1/nodes$"
CILIUM_NODES = "GET /apis/cilium.io/v2/ciliumnodes$"
ALL_PODS = r"GET /api/v1/pods\?fieldSelector=status.phase=Running$"
AGENT_PODS = r"GET /api/v1/namespaces/kube-system/pods\?labelSelector=k8s-app=cilium$"
WEBPODS = r"GET /api/v1/namespaces/default/pods\?labelSelector=app=webpod$"
CURL_PODS = r"GET /api/v1/namespaces/default/pods\?labelSelector=app=curl$"


def node(
    name: str, address: str, pod_cidr: str, *, ready: str = "True", version: str = f"v{KUBERNETES}", **spec: Any
) -> Any:
    return {
        "metadata": {"name": name},
        "spec": {"podCIDRs": [pod_cidr] if pod_cidr else [], **spec},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"kubeletVersion": version},
        },
    }


CP = node("k8s-cp", "172.31.1.10", "192.168.0.0/24")
W1 = node("k8s-w1", "172.31.1.11", "192.168.1.0/24")
W2 = node("k8s-w2", "172.31.1.12", "192.168.2.0/24")


def cilium_node(name: str, *pod_cidrs: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ipam": {"podCIDRs": list(pod_cidrs)}}}


def agent_pods(*nodes: str) -> dict[str, Any]:
    meta = {"namespace": "kube-system", "labels": {"controller-revision-hash": "new"}}
    return items(*(pod(f"cilium-{n}", WANT.nodes[n], n, metadata=meta) for n in nodes))


def newest_template(name: str) -> dict[str, Any]:
    """The answers about the agents' DaemonSet, whose newest template has that name."""
    daemon_set = {"metadata": {"uid": "agents", "generation": 1}, "status": {"observedGeneration": 1}}
    meta = {"labels": {"controller-revision-hash": name}, "ownerReferences": [{"uid": "agents"}]}
    return {
        "GET .*/daemonsets/cilium$": daemon_set,
        "GET .*/controllerrevisions": items({"metadata": meta, "revision": 1}),
    }


def pod(name: str, address: str, where: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **more.pop("metadata", {})},
        "spec": {"nodeName": where, **more},
        "status": {"podIP": address, "conditions": READY},
    }


ONE, TWO = pod("webpod-1", "192.168.1.7", "k8s-w1"), pod("webpod-2", "192.168.2.7", "k8s-w2")
CURL = pod("curl-pod", "192.168.0.5", "k8s-cp")
PODS: dict[str, Any] = {WEBPODS: items(ONE, TWO), CURL_PODS: items(CURL)}
