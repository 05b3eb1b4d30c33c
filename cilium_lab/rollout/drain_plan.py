"""How a node is emptied: what is restarted, what evicted, what belongs to the node and comes back to it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from cilium_lab.kube.objects import Pod, Snapshot, Workload

MOVABLE = ("Deployment", "StatefulSet", "ReplicaSet", "Job")
CANARY_LABEL = "cilium-lab/canary"


@dataclass(frozen=True)
class Moves:
    """The pods of one node that have an address of another block than its next one, by how they go."""

    restart: tuple[Workload, ...] = ()
    """One replica and a rolling update: the new pod is up before the old one goes."""
    evict: tuple[Pod, ...] = ()
    """The others that a controller brings back elsewhere, DNS first."""
    daemons: tuple[Pod, ...] = ()
    """Made again on this node by their DaemonSet, after the agent's restart."""
    bare: tuple[Pod, ...] = ()
    """Nobody brings them back, so the program does, on the same node."""
    leaving: tuple[Pod, ...] = ()
    """On their way out already."""

    @property
    def away(self) -> bool:
        """Whether everything that can go elsewhere has gone."""
        return not (self.restart or self.evict or self.leaving)


def moves(snapshot: Snapshot, node: str, block: IPv4Network) -> Moves:
    """What has to go before `node` may take `block`."""
    affected = [
        pod
        for pod in snapshot.pods
        if pod.node == node
        and pod.on_pod_network
        and CANARY_LABEL not in pod.labels
        and (pod.address is None or pod.address not in block)
    ]
    restart: dict[str, Workload] = {}
    evict: list[Pod] = []
    daemons: list[Pod] = []
    bare: list[Pod] = []
    leaving: list[Pod] = []
    for pod in affected:
        kind = pod.owner[0] if pod.owner else None
        workload = snapshot.workload(pod)
        if pod.terminating:
            leaving.append(pod)
        elif kind == "DaemonSet":
            daemons.append(pod)
        elif kind not in MOVABLE:
            bare.append(pod)
        elif workload and workload.surges and workload.replicas == 1:
            restart[workload.key] = workload
        else:
            evict.append(pod)
    evict.sort(key=lambda pod: (not is_dns(pod), pod.key))
    return Moves(tuple(restart.values()), tuple(evict), tuple(daemons), tuple(bare), tuple(leaving))


def is_dns(pod: Pod) -> bool:
    """Whether the pod is one of the cluster's DNS servers: the label that kubeadm and the kubelet's docs use."""
    return pod.labels.get("k8s-app") == "kube-dns"


def next_evictions(snapshot: Snapshot, wanted: tuple[Pod, ...]) -> tuple[Pod, ...]:
    """Of the pods to evict those that may go now: one of each workload, and only while it has all its replicas."""
    chosen: dict[tuple[str, str, str], Pod] = {}
    for pod in wanted:
        workload = snapshot.workload(pod)
        # A pod that is not ready serves nobody: it may go at once, or a broken workload would hold its node for ever.
        if pod.ready and workload is not None and not (workload.complete and workload.ready >= workload.replicas):
            continue
        kind, name = pod.owner or ("", pod.name)
        chosen.setdefault((kind, pod.namespace, name), pod)
    return tuple(chosen.values())


def unsettled(snapshot: Snapshot, keys: frozenset[str]) -> tuple[Workload, ...]:
    """Of these workloads (`Workload.key`) those that do not have all their pods, of the newest version, yet."""
    return tuple(w for w in snapshot.workloads if w.key in keys and not (w.complete and w.ready >= w.replicas))
