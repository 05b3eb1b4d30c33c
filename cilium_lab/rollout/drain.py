"""Takes everything off a node that can run elsewhere, without any workload having fewer replicas than it bears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Snapshot, Workload
from cilium_lab.kube.pod_manifest import pod_manifest
from cilium_lab.kube.state import pod_key
from cilium_lab.rollout.drain_plan import Moves, moves, next_evictions, unsettled


class Emptying:
    """Empties one node that is to get `block`."""

    def __init__(
        self, cluster: Cluster, waiter: Waiter, node: str, block: IPv4Network, stamp: Callable[[], str]
    ) -> None:
        self._cluster = cluster
        self._waiter = waiter
        self._node = node
        self._block = block
        self._stamp = stamp
        self._moved: dict[str, Workload] = {}
        self._evicted = 0

    def run(self, limit: float) -> None:
        """Cordon, drain, wait until all pods are complete elsewhere, then delete bare pods. Raises ConditionTimeout."""
        record = self._cluster.record()
        if self._node not in record.turns:
            self._cluster.write_record(replace(record, turns=(*record.turns, self._node)))
        self._cluster.cordon(self._node, on=True)
        self._waiter.wait(Condition("emptied", self._look, limit, self._node))
        self._remove_bare()
        self._waiter.wait(Condition("bare pods off", self._bare_gone, limit, self._node))

    def _look(self) -> Result:
        """Sends the next one on its way that may go now, and tells what is still here."""
        snapshot = self._snapshot()
        leave = moves(snapshot, self._node, self._block)
        held = self._move_one(snapshot, leave)
        late = unsettled(snapshot, frozenset(self._moved))
        if leave.away and not late:
            surged = sum(workload.surges and workload.replicas == 1 for workload in self._moved.values())
            return met(f"{self._evicted} evicted, {surged} surged")
        here = [pod.key for pod in (*leave.evict, *leave.leaving)] + [workload.key for workload in leave.restart]
        elsewhere = [f"{workload.key} has {workload.ready} of {workload.replicas}" for workload in late]
        budgets = [f"{key} is held by its disruption budget" for key in held]
        return unmet(
            expected=f"nothing on {self._node} that can run elsewhere, and all of it complete there",
            seen=", ".join([*(f"{key} is here" for key in here), *elsewhere, *budgets]),
            next="`kubectl describe pod` of what is Pending, and `kubectl get pdb -A`",
        )

    def _move_one(self, snapshot: Snapshot, leave: Moves) -> tuple[str, ...]:
        """One a look: half a dozen pods that start at once take the cores from all others for half a second.

        Restarts come first, for they take longest: the new pod has to be ready before the old one goes. Returns the
        pods that their budgets hold.
        """
        for workload in leave.restart:
            if workload.key not in self._moved and workload.complete:
                self._cluster.restart(workload, self._stamp())
                self._moved[workload.key] = workload
                return ()
        held: list[str] = []
        for pod in next_evictions(snapshot, leave.evict):
            if self._cluster.evict(pod):
                self._evicted += 1
                workload = snapshot.workload(pod)
                if workload and pod.ready:
                    self._moved[workload.key] = workload
                break
            held.append(pod.key)
        return tuple(held)

    def _remove_bare(self) -> None:
        """Noted first, removed second: a run that ends between the two loses nothing."""
        bare = moves(self._snapshot(), self._node, self._block).bare
        record = self._cluster.record()
        saved = {pod_key(manifest) for manifest in record.pods}
        new = tuple(pod_manifest(self._cluster.manifest(pod)) for pod in bare if pod.key not in saved)
        if new:
            self._cluster.write_record(replace(record, pods=(*record.pods, *new)))
        for pod in bare:
            self._cluster.delete_pod(pod)

    def _bare_gone(self) -> Result:
        leave = moves(self._snapshot(), self._node, self._block)
        left = [pod.key for pod in (*leave.bare, *leave.leaving)]
        if left:
            return unmet(expected="no bare pod", seen=", ".join(left), next="`kubectl describe pod`: its finalizers")
        return met("none left")

    def _snapshot(self) -> Snapshot:
        """Only what is needed many times a second."""
        return Snapshot(nodes=(), pods=self._cluster.pods(), workloads=self._cluster.workloads())
