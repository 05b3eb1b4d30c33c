"""Drains a node: everything that can run elsewhere leaves it, and no workload has fewer replicas than it tolerates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from cilium_lab.disruption.stages import Name
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Pod, Snapshot, Workload
from cilium_lab.kube.state import pod_key, pod_manifest

MOVABLE = ("Deployment", "StatefulSet", "ReplicaSet", "Job")
CANARY_LABEL = "cilium-lab/canary"


@dataclass(frozen=True)
class DrainPlan:
    """The pods of one node that have no address of its next pod CIDR, by how they leave."""

    restart: tuple[Workload, ...] = ()
    """One replica and a surging update: the new pod is ready before the old one ends."""
    evict: tuple[Pod, ...] = ()
    """The others that a controller re-creates elsewhere, DNS first."""
    daemons: tuple[Pod, ...] = ()
    """Re-created on this node by their DaemonSet, after the agent's restart."""
    bare: tuple[Pod, ...] = ()
    """Without a controller: the rollout re-creates them, on the same node."""
    terminating: tuple[Pod, ...] = ()

    @property
    def done(self) -> bool:
        """Whether everything that can run elsewhere has left."""
        return not (self.restart or self.evict or self.terminating)


def drain_plan(snapshot: Snapshot, node: str, pod_cidr: IPv4Network) -> DrainPlan:
    """What has to leave before `node` may use `pod_cidr`."""
    affected = [
        pod
        for pod in snapshot.pods
        if pod.node == node
        and pod.on_pod_network
        and CANARY_LABEL not in pod.labels
        and (pod.address is None or pod.address not in pod_cidr)
    ]
    restart: dict[str, Workload] = {}
    evict: list[Pod] = []
    daemons: list[Pod] = []
    bare: list[Pod] = []
    terminating: list[Pod] = []
    for pod in affected:
        kind = pod.owner[0] if pod.owner else None
        workload = snapshot.workload(pod)
        if pod.terminating:
            terminating.append(pod)
        elif kind == "DaemonSet":
            daemons.append(pod)
        elif kind not in MOVABLE:
            bare.append(pod)
        elif workload and workload.surges and workload.replicas == 1:
            restart[workload.key] = workload
        else:
            evict.append(pod)
    evict.sort(key=lambda pod: (not is_dns(pod), pod.key))
    return DrainPlan(tuple(restart.values()), tuple(evict), tuple(daemons), tuple(bare), tuple(terminating))


def is_dns(pod: Pod) -> bool:
    """Whether the pod is one of the cluster's DNS servers: the label that kubeadm and the kubelet's docs use."""
    return pod.labels.get("k8s-app") == "kube-dns"


def next_evictions(snapshot: Snapshot, wanted: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Of the pods to evict those that may leave now: one of each workload, and only while it has all its replicas."""
    chosen: dict[tuple[str, str, str], Pod] = {}
    for pod in wanted:
        workload = snapshot.workload(pod)
        # A pod that is not ready serves no request: it may leave now, or a broken workload keeps its node for ever.
        if pod.ready and workload is not None and not (workload.complete and workload.ready >= workload.replicas):
            continue
        kind, name = pod.owner or ("", pod.name)
        chosen.setdefault((kind, pod.namespace, name), pod)
    return tuple(chosen.values())


def unsettled(snapshot: Snapshot, keys: frozenset[str]) -> tuple[Workload, ...]:
    """Of these workloads (`Workload.key`) those that do not have all their pods, of the newest version, yet."""
    return tuple(w for w in snapshot.workloads if w.key in keys and not (w.complete and w.ready >= w.replicas))


class Drain:
    """The drain of one node that is to get `pod_cidr`. May be begun again at any time."""

    def __init__(
        self, cluster: Cluster, waiter: Waiter, node: str, pod_cidr: IPv4Network, stamp: Callable[[], str]
    ) -> None:
        self._cluster = cluster
        self._waiter = waiter
        self._node = node
        self._pod_cidr = pod_cidr
        self._stamp = stamp
        self._moved: dict[str, Workload] = {}
        self._evicted = 0

    def run(self, limit: float) -> None:
        """Cordon, drain, wait until all pods are complete elsewhere, then delete bare pods. Raises ConditionTimeout."""
        state = self._cluster.state()
        if self._node not in state.nodes:
            self._cluster.write_state(replace(state, nodes=(*state.nodes, self._node)))
        self._cluster.cordon(self._node, on=True)
        self._waiter.wait(Condition(Name.DRAINED, self._drained, limit, self._node))
        self._delete_bare()
        self._waiter.wait(Condition(Name.BARE_DELETED, self._bare_deleted, limit, self._node))

    def _drained(self) -> Result:
        """Moves the next workload that may leave now; `seen` lists what is still here."""
        snapshot = self._snapshot()
        left = drain_plan(snapshot, self._node, self._pod_cidr)
        held = self._move_one(snapshot, left)
        late = unsettled(snapshot, frozenset(self._moved))
        if left.done and not late:
            surged = sum(workload.surges and workload.replicas == 1 for workload in self._moved.values())
            return met(f"{self._evicted} evicted, {surged} surged")
        here = [pod.key for pod in (*left.evict, *left.terminating)] + [workload.key for workload in left.restart]
        elsewhere = [f"{workload.key} has {workload.ready} of {workload.replicas}" for workload in late]
        budgets = [f"{key} is held by its disruption budget" for key in held]
        return unmet(
            expected=f"nothing on {self._node} that can run elsewhere, and all of it complete there",
            seen=", ".join([*(f"{key} is here" for key in here), *elsewhere, *budgets]),
            next="`kubectl describe pod` of what is Pending, and `kubectl get pdb -A`",
        )

    def _move_one(self, snapshot: Snapshot, left: DrainPlan) -> tuple[str, ...]:
        """One per assessment: half a dozen pods that start at once starve all others of the cores for half a second.

        Restarts come first, for they take longest: the new pod has to be ready before the old one ends. Returns the
        pods that their budgets hold.
        """
        for workload in left.restart:
            if workload.key not in self._moved and workload.complete:
                self._cluster.restart(workload, self._stamp())
                self._moved[workload.key] = workload
                return ()
        held: list[str] = []
        for pod in next_evictions(snapshot, left.evict):
            if self._cluster.evict(pod):
                self._evicted += 1
                workload = snapshot.workload(pod)
                if workload and pod.ready:
                    self._moved[workload.key] = workload
                break
            held.append(pod.key)
        return tuple(held)

    def _delete_bare(self) -> None:
        """Saved first, deleted second: a run that ends between the two loses nothing."""
        bare = drain_plan(self._snapshot(), self._node, self._pod_cidr).bare
        state = self._cluster.state()
        saved = {pod_key(manifest) for manifest in state.pods}
        new = tuple(pod_manifest(self._cluster.manifest(pod)) for pod in bare if pod.key not in saved)
        if new:
            self._cluster.write_state(replace(state, pods=(*state.pods, *new)))
        for pod in bare:
            self._cluster.delete_pod(pod)

    def _bare_deleted(self) -> Result:
        plan = drain_plan(self._snapshot(), self._node, self._pod_cidr)
        left = [pod.key for pod in (*plan.bare, *plan.terminating)]
        if left:
            return unmet(expected="no bare pod", seen=", ".join(left), next="`kubectl describe pod`: its finalizers")
        return met("none left")

    def _snapshot(self) -> Snapshot:
        """Only what is needed many times a second."""
        return Snapshot(nodes=(), pods=self._cluster.pods(), workloads=self._cluster.workloads())
