"""A cluster that behaves, as far as a migration sees, like Kubernetes with Cilium 1.17. Tests advance its time.

It follows the facts that `cilium_lab.rollout` names from Cilium's source, and keeps a list of everything that users
would have noticed: a live pod whose endpoint an agent dropped, a workload without a ready pod, a pod that nothing
re-creates.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

NODES = {"k8s-cp": "172.31.1.10", "k8s-w1": "172.31.1.11", "k8s-w2": "172.31.1.12"}
OLD = {"k8s-cp": "192.168.0.0/24", "k8s-w1": "192.168.1.0/24", "k8s-w2": "192.168.2.0/24"}
BROKEN = "broken"
"""Settings with which no agent starts."""
START, STOP, AGENT_START = 3.0, 5.0, 8.0
"""Seconds that a pod takes to be ready, to end, and that an agent takes to be ready."""


@dataclass
class Pod:
    namespace: str
    name: str
    node: str
    uid: str
    owner: tuple[str, str] | None = None
    host: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    ready_at: float = 0.0
    gone_at: float | None = None
    created: float = 0.0
    address: IPv4Address | None = None
    endpoint: bool = True
    spec: dict[str, Any] = field(default_factory=dict)
    manager: str = "tests"
    waiting_reason: str = ""
    kind: str = ""
    """Of the simulated workload that made it."""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass
class Deployment:
    """`kind` is Deployment, or one whose pods are replaced by eviction alone: ReplicaSet, ReplicationController."""

    namespace: str
    name: str
    replicas: int
    labels: dict[str, str]
    spread: bool = False
    """Required anti-affinity of its pods to one another."""
    max_unavailable: int | str = 0
    kind: str = "Deployment"
    pinned: str = ""
    """The only node that its pods may run on."""
    broken: bool = False
    """Its pods never get ready."""
    grounded: bool = False
    """The scheduler finds no node for a new pod as long as one node is cordoned, whatever the rules say."""
    quota: bool = False
    """The API server admits no pod beyond `replicas`."""
    start: float = START
    scratch: bool = False
    generation: int = 1
    stamp: str = ""
    """Value of the restart annotation; pods of another one are old."""
    noted: str = ""
    """The annotation of the rollout's own restart."""


class SimulatedCluster:
    """State and controllers. Changes come in through `simulated_api`."""

    def __init__(self, mode: str = "kubernetes") -> None:
        self.now = 0.0
        self._numbers = itertools.count(1)
        self.nodes = {name: {"cordoned": False, "ready": True, "pod_cidr": OLD[name]} for name in NODES}
        self.pod_cidrs: dict[str, list[str]] = {name: [cidr] for name, cidr in OLD.items()}
        self.errors: dict[str, str] = dict.fromkeys(NODES, "")
        self.config = {"ipam": mode}
        self.config_changed = 0.0
        self.operator_mode = mode
        self.settings = ""
        """Of the agents, besides the mode."""
        self.release = "1.17.0"
        """Of the operator's image."""
        self.kubelets: dict[str, str] = {}
        """Node -> the release of its kubelet; empty: none reports one."""
        self.components: dict[str, str] = {}
        """Part of the control plane -> its release."""
        self.kubeadm = ""
        """The release that kubeadm has noted."""
        self.pooled: set[str] = set()
        """Nodes whose pod CIDRs are of a pool: the operator does that in multi-pool when it starts."""
        self.helm: dict[str, Any] = {}
        """Helm's record of the release: the values that it was given."""
        self.masquerade = ["172.20.0.0/16", "192.168.0.0/16"]
        self.maps = {name: list(self.masquerade) for name in NODES}
        self.config_maps: dict[str, dict[str, Any]] = {}
        self.budgets: list[dict[str, Any]] = []
        self.drops: dict[str, int] = {}
        self.canary_pulls = self.canary_reaches = True
        self.noticed: list[str] = []
        self.waiting: list[Pod] = []
        """Ended pods of DaemonSets that a taint keeps from being re-created."""
        self.allocated: dict[str, set[str]] | None = None
        self.running: dict[str, tuple[str, str]] = {name: (mode, OLD[name]) for name in NODES}
        self.pods: dict[str, Pod] = {}
        self.deployments = [
            Deployment("kube-system", "coredns", 2, {"k8s-app": "kube-dns"}, max_unavailable=1),
            Deployment("default", "webpod", 2, {"app": "webpod"}, spread=True),
            Deployment("monitoring", "prometheus", 1, {"app": "prometheus"}, max_unavailable="25%"),
        ]
        for node in NODES:
            self.add_pod(Pod("kube-system", f"cilium-{node}", node, self._uid(), ("DaemonSet", "cilium"), True,
                             {"k8s-app": "cilium", "controller-revision-hash": self.revision()}))  # fmt: skip
            self.add_pod(Pod("logs", f"logger-{node}", node, self._uid(), ("DaemonSet", "logger")))
        self.start_operator()
        self.now = START
        for deployment in self.deployments:
            for _ in range(deployment.replicas):
                self._add_replica(deployment, at=0.0)
        self.add_pod(Pod("default", "curl-pod", "k8s-cp", self._uid(), labels={"app": "curl"}))

    # -- time ------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps that are small against everything that happens."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(until, self.now + 0.5)
            self._controllers()

    def _controllers(self) -> None:
        for pod in [pod for pod in self.waiting if not self.nodes[pod.node].get("taints")]:
            self.waiting.remove(pod)
            self.add_pod(Pod(pod.namespace, pod.name, pod.node, self._uid(), pod.owner, ready_at=self.now + START))
        for pod in list(self.pods.values()):
            if pod.gone_at is not None and self.now >= pod.gone_at:
                self._gone(pod)
        for pod in self.pods.values():
            if not pod.node:
                pod.node = self._place(next(d for d in self.deployments if pod in self.pods_of(d)))
            if pod.address is None and not pod.host and pod.node in self.running:
                self._give_address(pod)
        for deployment in self.deployments:
            self._reconcile(deployment)
            if not deployment.broken and not any(self.is_ready(pod) for pod in self.pods_of(deployment)):
                self.noticed.append(f"{self.now:.1f}: no ready pod of {deployment.name}")

    def _reconcile(self, deployment: Deployment) -> None:
        live = [pod for pod in self.pods_of(deployment) if pod.gone_at is None]
        new = [pod for pod in live if pod.labels["stamp"] == deployment.stamp]
        most = deployment.replicas + (0 if deployment.quota or deployment.kind != "Deployment" else 1)
        if len(new) < deployment.replicas and len(live) < most:
            self._add_replica(deployment, at=self.now)
        old = [pod for pod in live if pod not in new]
        if old and new and all(self.is_ready(pod) for pod in new) and len(live) > deployment.replicas:
            self.end(old[0])

    def _gone(self, pod: Pod) -> None:
        del self.pods[pod.key]
        match pod.owner:
            case ("DaemonSet", "cilium"):
                del self.running[pod.node]
                self._start_agent(pod)
            case ("DaemonSet", _) if self.nodes[pod.node].get("taints"):
                self.waiting.append(pod)
            case ("DaemonSet", _):
                self.add_pod(Pod(pod.namespace, pod.name, pod.node, self._uid(), pod.owner, ready_at=self.now + START))
            case None if f'"name": "{pod.name}"' not in str(self.config_maps) and "canary" not in pod.name:
                self.noticed.append(f"{self.now:.1f}: nothing re-creates {pod.key}")
            case _:
                pass

    def revision(self) -> str:
        """The name of the newest template of the agents' DaemonSet: Helm puts a checksum of cilium-config into it."""
        return hashlib.sha256(f"{sorted(self.config.items())} {self.settings}".encode()).hexdigest()[:10]

    # -- Cilium ----------------------------------------------------------------------------------------------------

    def _start_agent(self, old: Pod) -> None:
        """Mode from cilium-config, pod CIDR from Node or CiliumNode; endpoints outside it are dropped."""
        mode, node = self.config["ipam"], old.node
        if mode == "kubernetes":
            self.pod_cidrs[node] = [str(self.nodes[node]["pod_cidr"])]
        if mode == "multi-pool" and node not in self.pooled:
            self.noticed.append(f"{self.now:.1f}: the agent of {node} has no pod CIDR of a pool")
        self.running[node] = (mode, self.pod_cidrs[node][0])
        labels = {**old.labels, "controller-revision-hash": self.revision()}
        ready_at = float("inf") if self.settings == BROKEN else self.now + AGENT_START
        self.add_pod(Pod(old.namespace, old.name, node, self._uid(), old.owner, True, labels, ready_at))
        pod_cidr = IPv4Network(self.pod_cidrs[node][0])
        for pod in self.pods.values():
            if pod.node == node and not pod.host and pod.address and pod.address not in pod_cidr:
                pod.endpoint = False
                if pod.owner != ("DaemonSet", "logger") and "canary" not in pod.name:
                    self.noticed.append(f"{self.now:.1f}: {pod.key} was cut off")

    def start_operator(self) -> None:
        """In cluster-pool it accepts the pod CIDRs that lie in its list; others are an error."""
        name = f"cilium-operator-{next(self._numbers)}"
        self.add_pod(Pod("kube-system", name, "k8s-w1", self._uid(), ("Deployment", "cilium-operator"), True,
                         {"io.cilium/app": "operator"}, self.now + START))  # fmt: skip
        self.allocated = None
        self.operator_mode = self.config["ipam"]
        if self.config["ipam"] == "multi-pool":
            self.pooled = set(self.nodes)
        if self.config["ipam"] != "cluster-pool":
            return
        self.allocated = {}
        pools = [IPv4Network(pool) for pool in self.config["cluster-pool-ipv4-cidr"].split()]
        for node, pod_cidrs in self.pod_cidrs.items():
            outside = [cidr for cidr in pod_cidrs if not any(IPv4Network(cidr).subnet_of(pool) for pool in pools)]
            self.errors[node] = f"allocator not configured for the requested CIDR {outside[0]}" if outside else ""
            self.allocated[node] = set() if outside else set(pod_cidrs)

    def write_pod_cidrs(self, node: str, pod_cidrs: list[str]) -> None:
        """A running operator accepts any part of what it has given, and nothing new."""
        self.pod_cidrs[node] = list(pod_cidrs)
        if self.allocated is not None and not set(pod_cidrs) <= self.allocated[node]:
            self.errors[node] = f"node has CIDRs allocated that conflict with requested CIDRs {pod_cidrs}"

    # -- pods ------------------------------------------------------------------------------------------------------

    def add_pod(self, pod: Pod) -> None:
        pod.created = self.now
        self.pods[pod.key] = pod
        if pod.host:
            pod.address = IPv4Address(NODES[pod.node])
        elif pod.node in self.running:
            self._give_address(pod)

    def start_control_plane(self, release: str) -> None:
        """Kubernetes of that release on every node, its control plane as static pods."""
        self.kubelets, self.kubeadm = dict.fromkeys(self.nodes, release), release
        for part in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
            self.components[part] = release
            labels = {"component": part, "tier": "control-plane"}
            owner = ("Node", "k8s-cp")
            self.add_pod(Pod("kube-system", f"{part}-k8s-cp", "k8s-cp", self._uid(), owner, True, labels))

    def add_deployment(self, deployment: Deployment) -> None:
        """A workload that has been there for a while."""
        self.deployments.append(deployment)
        for _ in range(deployment.replicas):
            self._add_replica(deployment, at=0.0)

    def _give_address(self, pod: Pod) -> None:
        pod_cidr = IPv4Network(self.running[pod.node][1])
        used = {other.address for other in self.pods.values()}
        pod.address = next(pod_cidr[number] for number in range(10, 250) if pod_cidr[number] not in used)
        if pod.ready_at != float("inf"):
            pod.ready_at = max(pod.ready_at, self.now + START) if self.now > START else 0.0

    def _place(self, deployment: Deployment) -> str:
        """The scheduler: a node for a new pod, empty if there is none."""
        if deployment.grounded and any(node["cordoned"] for node in self.nodes.values()):
            return ""
        mine = {pod.node for pod in self.pods_of(deployment) if pod.node}
        free = [name for name, node in sorted(self.nodes.items(), reverse=True) if not node["cordoned"]]
        free = [name for name in free if deployment.pinned in ("", name)]
        free = [name for name in free if name not in mine] or ([] if deployment.spread else free)
        return free[0] if free else ""

    def _add_replica(self, deployment: Deployment, at: float) -> None:
        labels = {**deployment.labels, "stamp": deployment.stamp}
        owner = (deployment.kind, deployment.name)
        if deployment.kind == "Deployment":
            labels["pod-template-hash"] = "abc"
            owner = ("ReplicaSet", f"{deployment.name}-abc")
        pod = Pod(deployment.namespace, f"{deployment.name}-abc-{next(self._numbers)}", self._place(deployment),
                  self._uid(), owner, labels=labels, spec=template(deployment), kind=deployment.kind)  # fmt: skip
        pod.ready_at = float("inf") if deployment.broken else at + deployment.start if at else 0.0
        self.add_pod(pod)

    def end(self, pod: Pod) -> None:
        """Begin to delete a pod."""
        if pod.gone_at is None:
            pod.gone_at = self.now + (0.5 if pod.owner is None else STOP)
            if pod.labels.get("io.cilium/app") == "operator":
                self.start_operator()

    def pods_of(self, deployment: Deployment) -> list[Pod]:
        owner = ("ReplicaSet", f"{deployment.name}-abc")
        if deployment.kind != "Deployment":
            owner = (deployment.kind, deployment.name)
        return [pod for pod in self.pods.values() if pod.namespace == deployment.namespace and pod.owner == owner]

    def is_ready(self, pod: Pod) -> bool:
        return pod.gone_at is None and pod.endpoint and pod.address is not None and self.now >= pod.ready_at

    def _uid(self) -> str:
        return f"uid-{next(self._numbers)}"


def template(deployment: Deployment) -> dict[str, Any]:
    """The specification of its pods: the rules that the simulated scheduler follows, as the API writes them."""
    spec: dict[str, Any] = {"terminationGracePeriodSeconds": int(STOP)}
    if deployment.pinned:
        spec["nodeSelector"] = {"kubernetes.io/hostname": deployment.pinned}
    if deployment.spread:
        term = {"labelSelector": {"matchLabels": deployment.labels}, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return spec
