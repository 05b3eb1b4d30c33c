"""A running lab as the checks observe it: its API server and its hosts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from cilium_lab.kube import decode
from cilium_lab.kube.client import Api
from cilium_lab.kube.cluster import AGENT
from cilium_lab.kube.objects import CiliumNode, Pod
from cilium_lab.kube.ssh import Shell

_AGENT_LABEL = "k8s-app=cilium"
_CILIUM = "/apis/cilium.io/v2"
_APPS = "/apis/apps/v1"


class Lab:
    """Every method raises ApiError, or KeyError where an answer lacks what it always has."""

    def __init__(self, api: Api, shell: Shell) -> None:
        """`shell` runs scripts on hosts, by their names."""
        self.api = api
        self.shell = shell

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[dict[str, Any]]:
        """A list of the API's own objects, without `kind`; `labels` and `fields` are selectors."""
        query = {name: text for name, text in (("labelSelector", labels), ("fieldSelector", fields)) if text}
        found: list[dict[str, Any]] = self.api.get(f"{path}?{urlencode(query)}" if query else path)["items"]
        return found

    def nodes(self) -> list[dict[str, Any]]:
        """Every Node."""
        return self.items("/api/v1/nodes")

    def cilium_nodes(self) -> dict[str, CiliumNode]:
        """By name. In multi-pool a node's pod CIDRs are what it has allocated from each pool."""
        return {node.name: node for node in map(decode.cilium_node, self.items(f"{_CILIUM}/ciliumnodes"))}

    def workloads(self, namespace: str = "") -> dict[str, list[dict[str, Any]]]:
        """Kind -> its objects, in one namespace or in all."""
        within = f"{_APPS}/namespaces/{namespace}" if namespace else _APPS
        kinds = {"Deployment": "deployments", "DaemonSet": "daemonsets", "StatefulSet": "statefulsets"}
        return {kind: self.items(f"{within}/{plural}") for kind, plural in kinds.items()}

    def ready_pods(self, labels: str, namespace: str = "default") -> tuple[Pod, ...]:
        """The ready pods with these labels, without those that are being deleted."""
        found = decode.pods(self.items(f"/api/v1/namespaces/{namespace}/pods", labels=labels))
        return tuple(pod for pod in found if pod.ready and not pod.terminating)

    def running_pods(self) -> list[dict[str, Any]]:
        """The API's own objects of all pods whose phase is Running."""
        return self.items("/api/v1/pods", fields="status.phase=Running")

    def agents(self) -> dict[str, Pod]:
        """Node -> its ready Cilium agent."""
        return {pod.node: pod for pod in self.ready_pods(_AGENT_LABEL, "kube-system")}

    def in_agent(self, agent: Pod, script: str) -> str:
        """Standard output of a shell script in a Cilium agent."""
        return self.api.execute(agent.namespace, agent.name, AGENT, script)

    def in_pod(self, pod: str, script: str) -> str:
        """The same in the first container of a pod of the default namespace."""
        return self.api.execute("default", pod, "", script)
