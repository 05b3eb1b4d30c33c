"""A live cluster as frozen data: what plans, conditions and invariants are functions of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cilium_lab.kube import selectors
from cilium_lab.kube.needs import Needs, needs
from cilium_lab.kube.rules import Rules, rules

REVISION_LABEL = "controller-revision-hash"
"""By which a DaemonSet's controller names the template that it made a pod of."""


@dataclass(frozen=True)
class Taint:
    """A taint of a node: `effect` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True)
class Node:
    """A Kubernetes node. `pod_cidr` is spec.podCIDR, which the controller manager allocates or not."""

    name: str
    address: IPv4Address | None
    pod_cidr: IPv4Network | None
    ready: bool
    cordoned: bool
    control_plane: bool
    allocatable: Mapping[str, int] = field(default_factory=dict[str, int])
    """Resource -> amount in its unit (`quantities.amount`); `pods` is how many pods the kubelet runs at most."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: tuple[Taint, ...] = ()
    """All but those of a cordon and of a rollout."""
    kubelet: str = ""
    """The release of its kubelet, x.y.z; empty where it has not reported one."""
    images: frozenset[str] | None = None
    """Names of the images that it has (`needs.full_name`); None: it does not tell all of them."""


@dataclass(frozen=True)
class CiliumNode:
    """The pod CIDRs that peers have routes to, the one in use first, and the operator's error (empty: none)."""

    name: str
    pod_cidrs: tuple[IPv4Network, ...]
    error: str = ""
    pooled: bool = False
    """They are of pools (the mode multi-pool), and none is the node's own."""


@dataclass(frozen=True)
class Pod:
    """A pod that is not finished. `owner` is (kind, name) of the workload that re-creates it, None for a bare pod.

    The kind of an owner outside Kubernetes' own API groups has its group behind it: Cluster.postgresql.example.com.
    """

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
    waiting_reason: str = ""
    """Why a container does not start: the reason of its waiting state, ErrImagePull or CrashLoopBackOff."""
    spec: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """As the API has it."""
    unscheduled: str = ""
    """Why the scheduler has found no node for it, in its own words."""
    finalizers: tuple[str, ...] = ()
    """It stays, and keeps its name, until other programs have removed these."""
    took: int = 0
    """Seconds from its start to ready; 0: not ready, or it has not been ready all the time since."""

    @property
    def key(self) -> str:
        """namespace/name"""
        return f"{self.namespace}/{self.name}"

    @property
    def group(self) -> str:
        """What re-creates it, `kind namespace/name` like `Workload.key`; its own key for a bare pod."""
        return f"{self.owner[0]} {self.namespace}/{self.owner[1]}" if self.owner else self.key

    @cached_property
    def rules(self) -> Rules:
        """What its specification says about where it may run."""
        return rules(self.spec)

    @cached_property
    def needs(self) -> Needs:
        """What its specification needs besides a node."""
        return needs(self.spec)

    @property
    def slowest(self) -> int:
        """Seconds that one like it takes from its start to ready, at most: by its probes, or as this one took."""
        return max(self.rules.slowest, self.took)

    @property
    def on_pod_network(self) -> bool:
        """Whether it has, or will have, an address of its node's pod CIDR."""
        return not self.host_network


@dataclass(frozen=True)
class Workload:
    """A Deployment, StatefulSet, ReplicaSet or ReplicationController."""

    kind: str
    namespace: str
    name: str
    replicas: int
    ready: int
    complete: bool
    """The controller has observed the newest generation, has all replicas, and replaces none of them just now."""
    surges: bool
    """A restart starts each new pod before it ends an old one (maxSurge above 0, maxUnavailable 0, not paused)."""
    template: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Of its pods, as the API has it."""
    failure: str = ""
    """Why its controller cannot make a pod, in the API server's words."""
    unavailable: int = 1
    """How many of its pods may be missing at once, by its strategy; one at least, or none could ever be evicted."""
    ordered: bool = False
    """A StatefulSet that makes a pod only when all of lower numbers are ready."""
    settling: int = 0
    """Seconds for which a ready pod does not count as available yet (minReadySeconds)."""
    restarted: str = ""
    """When it was restarted last, as its template says; empty: never."""
    undo: str | None = None
    """If that was a restart of this program: what the template said before it; None: it was not."""

    @property
    def key(self) -> str:
        """kind namespace/name"""
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def restarting(self) -> bool:
        """A restart of this program, perhaps by a run that was killed, has begun and not ended."""
        return self.undo is not None and not self.complete


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget: of `expected` pods, `desired` have to be healthy."""

    namespace: str
    name: str
    expected: int
    desired: int
    selector: Mapping[str, Any] | None = None
    """spec.selector: labels that its pods match; None selects no pod, an empty one every pod of the namespace."""
    error: str = ""
    """Why its controller cannot count its pods, in its own words: no eviction is allowed then."""

    @property
    def key(self) -> str:
        """namespace/name"""
        return f"{self.namespace}/{self.name}"

    @property
    def forbids(self) -> bool:
        """Whether none of its pods may ever be evicted."""
        return 0 < self.expected <= self.desired

    def selects(self, pod: Pod) -> bool:
        """Whether the pod counts for this budget."""
        return pod.namespace == self.namespace and selectors.matches(self.selector, pod.labels)

    def allowed(self, pods: Iterable[Pod]) -> int:
        """How many of these pods may be evicted now. Of several budgets of one pod the controller keeps the status of
        one alone up to date (k8s.io/kubernetes pkg/controller/disruption, getPdbForPod), so pods are counted here."""
        healthy = sum(pod.ready and not pod.terminating and self.selects(pod) for pod in pods)
        return max(0, healthy - self.desired)


@dataclass(frozen=True)
class Claim:
    """A PersistentVolumeClaim. `node_terms` are its volume's NodeSelectorTerms: where it can be mounted."""

    key: str
    """namespace/name"""
    node_terms: tuple[Mapping[str, Any], ...] | None = None
    """None: on every node, or it has no volume yet."""
    one_pod: bool = False
    """ReadWriteOncePod: no second pod may use it."""
    terminating: bool = False
    """It is deleted as soon as no pod uses it any more."""
    lost: bool = False
    """Its volume is gone."""


@dataclass(frozen=True)
class Service:
    """A Service that is answered on each node by the pods of that node alone, for one of its traffic policies."""

    namespace: str
    name: str
    selector: Mapping[str, str]
    policies: tuple[str, ...]
    """The fields that say Local: externalTrafficPolicy, internalTrafficPolicy."""

    @property
    def key(self) -> str:
        """namespace/name"""
        return f"{self.namespace}/{self.name}"


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
    """The entries of its ip-masq-agent BPF map, none where it has none; None if the map was not queried."""
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
class Release:
    """What Helm last deployed of Cilium's chart."""

    version: str
    """Of the chart, x.y.z."""
    values: Mapping[str, Any] = field(repr=False)
    """Those that were given; all others are the chart's own."""


@dataclass(frozen=True)
class Baseline:
    """What was not well before the first change, and is not waited for afterwards."""

    ready: Mapping[str, int] = field(default_factory=dict[str, int])
    """`Workload.key` -> ready pods, of those that had fewer than their replicas."""
    unready: tuple[str, ...] = ()
    """`place` of each other pod that was not ready."""
    violated: tuple[str, ...] = ()
    """Invariant and subject of what did not hold, for example `I7 default/web`."""
    unanswered: tuple[str, ...] = ()
    """Questions of the canary that had no answer."""

    def excuses(self, pod: Pod) -> bool:
        """Whether the pod need not be ready."""
        return pod.group in self.ready or place(pod) in self.unready


def place(pod: Pod) -> str:
    """A pod that is re-created on its node, whatever its next name: group and node."""
    return f"{pod.group} on {pod.node}"


@dataclass(frozen=True)
class State:
    """What a run leaves to the next one, kept in a ConfigMap (see `cilium_lab.kube.state`)."""

    nodes: tuple[str, ...] = ()
    """Nodes whose rollout has begun and not ended."""
    pods: tuple[Mapping[str, Any], ...] = ()
    """Manifests of the pods that were deleted and that the rollout has to re-create."""
    baseline: Baseline | None = None
    """None: no run has begun."""


@dataclass(frozen=True)
class Snapshot:
    """One observation of the cluster. `views` holds the agents that were queried, by node."""

    nodes: tuple[Node, ...]
    cilium_nodes: Mapping[str, CiliumNode] = field(default_factory=dict[str, CiliumNode])
    pods: tuple[Pod, ...] = ()
    workloads: tuple[Workload, ...] = ()
    budgets: tuple[Budget, ...] = ()
    pending: tuple[Pod, ...] = ()
    """Pods that have no node yet."""
    claims: Mapping[str, Claim] = field(default_factory=dict[str, Claim])
    """By key; only a survey (`Cluster.survey`) has them and the six that follow."""
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Name -> labels."""
    services: tuple[Service, ...] = ()
    network_policies: tuple[str, ...] = ()
    """`kind namespace/name` of what may keep pods from one another."""
    inadmissible: Mapping[str, str] = field(default_factory=dict[str, str])
    """`Workload.key`, or the key of a pod that is saved and re-created -> why the API server would admit no further pod
    of it now, in its words."""
    contents: Mapping[str, frozenset[str] | None] = field(default_factory=dict[str, frozenset[str] | None])
    """`Reference.title` -> the keys of the Secret or ConfigMap; None: there is none."""
    schedulers: frozenset[str] = frozenset()
    """Names of the leases that are renewed: a scheduler of that name, for one, is at work."""
    endpoints: tuple[Endpoint, ...] = ()
    backends: Mapping[str, int] = field(default_factory=dict[str, int])
    """Service `namespace/name` -> its ready backends."""
    configured: Configured | None = None
    """None: Cilium is not installed."""
    revision: str = ""
    """Of the newest template of the agents' DaemonSet; empty: its controller has not seen the newest one yet."""
    release: Release | None = None
    """Only what is observed before Helm runs has it: until then the cluster does not know what it shall become."""
    networking: Mapping[str, IPv4Network] = field(default_factory=dict[str, IPv4Network])
    """kubeadm's ranges, `podSubnet` and `serviceSubnet`; observed with the release."""
    kubeadm: str = ""
    """The release of the control plane that kubeadm has noted, x.y.z; empty where it has noted none."""
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

    def is_behind(self, node: str) -> bool:
        """Whether the node's agent was made of an earlier template: it started with an earlier configuration."""
        agent = self.agent(node)
        return bool(agent and self.revision and agent.labels.get(REVISION_LABEL) != self.revision)

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
        return next((workload for workload in self.workloads if workload.key == pod.group), None)
