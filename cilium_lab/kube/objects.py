"""A live cluster as frozen data: what plans, conditions and invariants are functions of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any


@dataclass(frozen=True)
class Node:
    """A Kubernetes node. `pod_cidr` is spec.podCIDR, which the controller manager allocates or not."""

    name: str
    address: IPv4Address | None
    pod_cidr: IPv4Network | None
    ready: bool
    cordoned: bool
    control_plane: bool
    cpu: int
    """Allocatable, in millicores."""
    memory: int
    """Allocatable, in bytes."""
    pods: int
    """How many pods the kubelet runs at most."""


@dataclass(frozen=True)
class CiliumNode:
    """The pod CIDRs that peers have routes to, the one in use first, and the operator's error (empty: none)."""

    name: str
    pod_cidrs: tuple[IPv4Network, ...]
    error: str = ""


@dataclass(frozen=True)
class Pod:
    """A pod that is not finished. `owner` is (kind, name) of the workload that re-creates it, None for a bare pod."""

    namespace: str
    name: str
    uid: str
    node: str
    address: IPv4Address | None
    owner: tuple[str, str] | None
    host_network: bool
    ready: bool
    terminating: bool
    created: str = ""
    """RFC 3339 in UTC, so that texts compare as times do."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    cpu: int = 0
    """Requested, in millicores."""
    memory: int = 0
    """Requested, in bytes."""
    waiting_reason: str = ""
    """Why a container does not start: the reason of its waiting state, ErrImagePull or CrashLoopBackOff."""

    @property
    def key(self) -> str:
        """namespace/name"""
        return f"{self.namespace}/{self.name}"

    @property
    def on_pod_network(self) -> bool:
        """Whether it has, or will have, an address of its node's pod CIDR."""
        return not self.host_network


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet or ReplicaSet."""

    kind: str
    namespace: str
    name: str
    replicas: int
    ready: int
    complete: bool
    """The controller has observed the newest generation, and all replicas are of it and available."""
    surges: bool
    """A restart starts each new pod before it ends an old one (maxSurge above 0, maxUnavailable 0)."""
    one_per_node: bool = False
    """Required anti-affinity: no two of its pods share a node."""

    @property
    def key(self) -> str:
        """kind namespace/name"""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget: of `expected` pods, `desired` have to be healthy."""

    namespace: str
    name: str
    expected: int
    desired: int
    selector: Mapping[str, Any] | None = None
    """spec.selector: labels that its pods match; None selects no pod, an empty one every pod of the namespace."""

    def selects(self, pod: Pod) -> bool:
        """Whether the pod counts for this budget."""
        if self.selector is None or pod.namespace != self.namespace:
            return False
        wanted: Mapping[str, str] = self.selector.get("matchLabels") or {}
        rules: list[dict[str, Any]] = self.selector.get("matchExpressions") or []
        return wanted.items() <= pod.labels.items() and all(_matches(rule, pod.labels) for rule in rules)


def _matches(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """A LabelSelectorRequirement (meta/v1); a label that is missing is not in any list."""
    has = rule["key"] in labels
    match rule["operator"]:
        case "Exists":
            return has
        case "DoesNotExist":
            return not has
        case "In":
            return has and labels[rule["key"]] in rule["values"]
        case _:
            return not has or labels[rule["key"]] not in rule["values"]


@dataclass(frozen=True)
class Endpoint:
    """A CiliumEndpoint: the network end of a pod, made by the agent of its node."""

    namespace: str
    name: str
    address: IPv4Address | None
    ready: bool

    @property
    def key(self) -> str:
        """namespace/name of its pod"""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Route:
    """One of a node's routes to pod CIDRs."""

    destination: IPv4Network
    gateway: IPv4Address | None
    device: str


@dataclass(frozen=True)
class AgentView:
    """How an agent runs, as it reports itself: a ConfigMap only holds what its next start will read."""

    node: str
    mode: str | None
    """Its IPAM mode; None, like `pod_cidr`, if its status was not queried."""
    pod_cidr: IPv4Network | None
    """The pod CIDR that it allocates addresses of."""
    routes: tuple[Route, ...] = ()
    non_masquerade_cidrs: tuple[IPv4Network, ...] | None = None
    """The entries of its ip-masq-agent BPF map; None if the map was not queried."""
    drops: Mapping[str, int] | None = None
    """Reason -> packets dropped so far; None if not queried."""


@dataclass(frozen=True)
class Configured:
    """The ConfigMap cilium-config: what an agent or operator that starts now will read."""

    mode: str
    pools: tuple[IPv4Network, ...]
    mask_size: int | None
    changed: str = ""
    """When it was last changed, RFC 3339 in UTC."""


@dataclass(frozen=True)
class State:
    """What a run leaves to the next one, kept in a ConfigMap (see `cilium_lab.kube.state`)."""

    nodes: tuple[str, ...] = ()
    """Nodes whose rollout has begun and not ended."""
    pods: tuple[Mapping[str, Any], ...] = ()
    """Manifests of the bare pods that were deleted and have to be re-created."""


@dataclass(frozen=True)
class Snapshot:
    """One observation of the cluster. `views` holds the agents that were queried, by node."""

    nodes: tuple[Node, ...]
    cilium_nodes: Mapping[str, CiliumNode] = field(default_factory=dict[str, CiliumNode])
    pods: tuple[Pod, ...] = ()
    workloads: tuple[Workload, ...] = ()
    budgets: tuple[Budget, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    backends: Mapping[str, int] = field(default_factory=dict[str, int])
    """Service `namespace/name` -> its ready backends."""
    configured: Configured | None = None
    """None: Cilium is not installed."""
    state: State = field(default_factory=State)
    views: Mapping[str, AgentView] = field(default_factory=dict[str, AgentView])

    def node(self, name: str) -> Node:
        """Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def pod_cidrs(self, node: str) -> tuple[IPv4Network, ...]:
        """A node's pod CIDRs in its CiliumNode, the one in use first; empty if it has none."""
        found = self.cilium_nodes.get(node)
        return found.pod_cidrs if found else ()

    def agent(self, node: str) -> Pod | None:
        """The Cilium agent on a node that is not being deleted."""
        for pod in self.pods:
            if pod.node == node and pod.labels.get("k8s-app") == "cilium" and not pod.terminating:
                return pod
        return None

    def operator(self) -> Pod | None:
        """The ready Cilium operator that is not being deleted."""
        for pod in self.pods:
            if pod.labels.get("io.cilium/app") == "operator" and pod.ready and not pod.terminating:
                return pod
        return None

    def operator_is_stale(self) -> bool:
        """Whether the operator started before the last change of cilium-config, which it reads only when it starts."""
        operator = self.operator()
        return bool(operator and self.configured and operator.created < self.configured.changed)

    def workload(self, pod: Pod) -> Workload | None:
        """The workload that re-creates the pod elsewhere."""
        for workload in self.workloads:
            if workload.namespace == pod.namespace and (workload.kind, workload.name) == pod.owner:
                return workload
        return None
