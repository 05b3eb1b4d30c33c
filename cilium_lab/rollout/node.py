"""The rollout of one node: drained, on its new pod CIDR, tried out, uncordoned. Every part of it may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from cilium_lab.config.versions import minor
from cilium_lab.disruption.stages import Name
from cilium_lab.kube.agent import Query
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import AgentView, Baseline, Pod, Snapshot
from cilium_lab.kube.raw import listed
from cilium_lab.kube.state import CREATED_KEY, pod_key
from cilium_lab.rollout import estimates
from cilium_lab.rollout.canary import without
from cilium_lab.rollout.changes import created_after
from cilium_lab.rollout.drain import Drain, Progress
from cilium_lab.rollout.health import expected, unsettled, words
from cilium_lab.rollout.invariants import endpoints_ready, routes_complete
from cilium_lab.rollout.kubernetes import Kubeadm, kubelet_behind
from cilium_lab.rollout.outcomes import CANARY_LABEL, RECREATED, Departure, Way, leaving
from cilium_lab.rollout.releases import release_of
from cilium_lab.rollout.request import Desired, Limits
from cilium_lab.rollout.trial import Trial

SYNCED = "CiliumNodes caches synced with Kubernetes"
"""Until 1.18 the operator logs this once elected, before it reads the pod CIDRs (operator/cmd/cilium_node.go)."""
LEADS = "Leading the operator HA deployment"
"""Since 1.19 the last line before that which it logs in every mode (operator/cmd/root.go)."""
_OPERATOR = "cilium-operator"
_SETTLE = 1.5
"""Seconds from there to an error in a CiliumNode's status: its writes are at least one second apart (podcidr.go)."""
_STARTS = 3.0
"""Seconds from LEADS until it reads the pod CIDRs: it fills its store of pods before."""


class Agents:
    """The agents and the operator of a cluster: restarts them, and waits until they run as they should."""

    def __init__(self, cluster: Cluster, waiter: Waiter, limits: Limits) -> None:
        self._cluster = cluster
        self._waiter = waiter
        self._limits = limits

    def restart(self, node: str, mode: str, pod_cidr: IPv4Network | None) -> None:
        """Restart a node's agent and wait until it runs in `mode`, on `pod_cidr` if that is given. Raises
        ConditionTimeout."""
        old = self._agent(node)
        if old is not None:
            self._cluster.delete_pod(old)
        gone, limit = old.uid if old else "", self._limits.agent
        self._waiter.wait(Condition(Name.AGENT_RESTARTED, lambda: self._restarted(node, gone), limit, node))
        self._waiter.wait(Condition(Name.AGENT_REPORTS, lambda: self._reports(node, mode, pod_cidr), limit, node))

    def restart_operator(self) -> None:
        """Restart the operator; afterwards it has read all CiliumNodes. Raises ConditionTimeout.

        Its pod is deleted rather than its Deployment changed: the chart's objects stay as Helm made them.
        """
        old = [pod for pod in self._cluster.pods() if _is_operator(pod)]
        for pod in old:
            self._cluster.delete_pod(pod)
        uids = frozenset(pod.uid for pod in old)
        synced = Condition(Name.OPERATOR_SYNCED, lambda: self._operator_synced(uids), self._limits.operator)
        self._waiter.wait(synced)
        later = any(_line(pod) == LEADS for pod in self._cluster.pods() if _is_operator(pod))
        self._waiter.clock.sleep(_SETTLE + (_STARTS if later else 0.0))

    def pooled(self) -> Result:
        """The operator has put every node's pod CIDR into the default pool (multi-pool.rst, step 3)."""
        left = [name for name, node in sorted(self._cluster.cilium_nodes().items()) if not node.pooled]
        if left:
            return unmet(
                expected="every node's pod CIDR among spec.ipam.pools.allocated of its CiliumNode",
                seen=f"not yet: {', '.join(left)}",
                next="`kubectl get ciliumpodippools`, and the operator's log",
            )
        return met("every node's pod CIDR is of a pool")

    def no_operator_error(self) -> Result:
        """No CiliumNode carries an error."""
        errors = [f"{node.name}: {node.error}" for node in self._cluster.cilium_nodes().values() if node.error]
        if errors:
            return unmet(
                expected="no error of the operator",
                seen="; ".join(errors),
                next="clusterPoolIPv4PodCIDRList in cilium-config, and the operator's log",
            )
        return met("no error")

    def _agent(self, node: str) -> Pod | None:
        return Snapshot(nodes=(), pods=self._cluster.pods()).agent(node)

    def _restarted(self, node: str, gone: str) -> Result:
        agent = self._agent(node)
        if agent is None or agent.uid == gone or not agent.ready:
            seen = "none" if agent is None else f"{agent.name}, {'the old one' if agent.uid == gone else 'not ready'}"
            return unmet(expected="a new ready agent", seen=seen, next="`kubectl describe pod`, its init containers")
        return met(agent.name)

    def _reports(self, node: str, mode: str, pod_cidr: IPv4Network | None) -> Result:
        agent = self._agent(node)
        if agent is None:
            return unmet(expected="an agent", seen="none", next="`kubectl -n kube-system get pods -o wide`")
        view = self._cluster.view(agent, Query.STATUS)
        seen = f"{view.mode} on {view.pod_cidr}" if pod_cidr else str(view.mode)
        if view.mode != mode or (pod_cidr and view.pod_cidr != pod_cidr):
            expected = f"{mode} on {pod_cidr}" if pod_cidr else mode
            return unmet(expected=expected, seen=seen, next="cilium-config and the node's CiliumNode")
        return met(seen)

    def _operator_synced(self, gone: frozenset[str]) -> Result:
        found = [pod for pod in self._cluster.pods() if _is_operator(pod) and pod.uid not in gone]
        ready = [pod for pod in found if pod.ready]
        # Of several operators one leads, and only that one reads the pod CIDRs.
        if not any(_line(pod) in self._cluster.log(pod, _OPERATOR) for pod in ready):
            seen = ", ".join(f"{pod.name} {'' if pod.ready else 'not '}ready" for pod in found) or "no new operator"
            line = _line(found[0]) if found else SYNCED
            return unmet(expected=f"a new operator that logs {line!r}", seen=seen, next="the operator's log")
        return met(", ".join(pod.name for pod in ready))


def _line(operator: Pod) -> str:
    """What an operator of that release logs before it reads the pod CIDRs."""
    version = release_of(operator, _OPERATOR)
    return LEADS if version and minor(version) >= 19 else SYNCED


def _is_operator(pod: Pod) -> bool:
    return pod.labels.get("io.cilium/app") == "operator" and not pod.terminating


class NodeRollout:
    """The rollout of `node`. Raises ConditionTimeout or ApiError and may be begun again at any time."""

    def __init__(
        self,
        desired: Desired,
        cluster: Cluster,
        waiter: Waiter,
        agents: Agents,
        node: str,
        before: Baseline,
        stamp: Callable[[], str],
        progress: Progress,
        kubeadm: Kubeadm | None = None,
    ) -> None:
        self._desired = desired
        self._limits = desired.limits
        self._cluster = cluster
        self._waiter = waiter
        self._agents = agents
        self._node = node
        self._before = before
        self._stamp = stamp
        self._progress = progress
        self._kubeadm = kubeadm
        self._known: set[str] = set()
        """Groups of the pods that there were before the drain: others have their own makers to wait for them."""

    def run(self, pod_cidr: IPv4Network | None) -> None:
        """From wherever an earlier run left the node, to pods on `pod_cidr` alone, or on whatever it is given."""
        drain = Drain(
            self._desired,
            self._cluster,
            self._waiter,
            self._node,
            pod_cidr,
            self._before,
            self._stamp,
            self._progress,
        )
        known = self._cluster.workload_snapshot()
        self._known = {pod.group for pod in (*known.pods, *known.pending)}
        departed = drain.run()
        left_at = self._waiter.clock.now()
        self._upgrade_kubelet()
        self._restart_agent(pod_cidr)
        self._cluster.taint(self._node, on=False)
        trial = self._trial()
        if trial:
            trial.start()
        self._recreate_saved()
        daemons = self._delete_cut_off(pod_cidr, departed) | {
            (one.pod.namespace, one.pod.owner[1])
            for one in departed
            if one.way in (Way.DAEMON, Way.DAEMON_AFTER) and one.pod.owner
        }
        self._wait(Name.ROUTES, self._routes, self._limits.routes)
        if trial:
            trial.wait_until_ready()
            trial.wait_for_answers()
            trial.end()
        self._cluster.cordon(self._node, on=False)
        groups = frozenset(one.pod.group for one in departed if one.way in RECREATED)
        limit = estimates.back_limit(self._limits, departed)
        self._wait(Name.PODS_BACK, lambda: self._pods_back(pod_cidr, daemons, groups, left_at), limit)
        if pod_cidr:
            self._cluster.set_pod_cidrs(self._node, (pod_cidr,))
        self._wait(Name.ROUTES, self._routes, self._limits.routes)
        self._end()

    def _wait(self, name: str, assess: Callable[[], Result], limit: float) -> None:
        self._waiter.wait(Condition(name, assess, limit, self._node))

    def _trial(self) -> Trial | None:
        if self._desired.canary is None:
            return None
        canary = without(self._desired.canary, self._before.unanswered)
        return Trial(canary, self._cluster, self._waiter, self._node, self._limits.canary)

    def _upgrade_kubelet(self) -> None:
        if self._kubeadm is None or not kubelet_behind(self._desired, self._cluster.snapshot(), self._node):
            return
        self._kubeadm.kubelet(self._node, self._desired.kubernetes, Name.KUBELET_UPGRADED)
        self._wait(Name.KUBELET_UPGRADED, self._kubelet_upgraded, self._limits.nodes)

    def _kubelet_upgraded(self) -> Result:
        node = self._cluster.snapshot().node(self._node)
        if not node.ready or node.kubelet != self._desired.kubernetes:
            return unmet(
                expected=f"a ready node with kubelet {self._desired.kubernetes}",
                seen=f"{'' if node.ready else 'not '}ready, {node.kubelet}",
                next=f"`journalctl -u kubelet` on {self._node}",
            )
        return met(f"{node.kubelet}, ready")

    def _restart_agent(self, pod_cidr: IPv4Network | None) -> None:
        snapshot = self._cluster.snapshot()
        agent = snapshot.agent(self._node)
        view = self._view(agent) if agent and agent.ready else None
        here = view is not None and view.mode == self._desired.mode and pod_cidr in (None, view.pod_cidr)
        if not here or snapshot.is_behind(self._node):
            if pod_cidr and self._desired.mode == "cluster-pool":
                others = tuple(other for other in snapshot.pod_cidrs(self._node) if other != pod_cidr)
                self._cluster.set_pod_cidrs(self._node, (pod_cidr, *others))
            self._agents.restart(self._node, self._desired.mode, pod_cidr)

    def _view(self, agent: Pod) -> AgentView | None:
        """None of one that does not answer: it is restarted, on a node that is drained, rather than the run ended."""
        try:
            return self._cluster.view(agent)
        except ApiError:
            return None

    def _recreate_saved(self) -> None:
        """Re-create the saved pods, then remove them from the state. One whose controller has made another is not."""
        state = self._cluster.state()
        mine = [manifest for manifest in state.pods if manifest["spec"]["nodeName"] == self._node]
        lacking = [manifest for manifest in mine if not self._has_successor(manifest)]
        if lacking:
            self._wait(Name.NAMES_FREE, lambda: self._names_free(lacking), self._limits.nodes)
        for manifest in lacking:
            self._cluster.recreate_pod(manifest)
        if mine:
            kept = tuple(manifest for manifest in state.pods if manifest not in mine)
            self._cluster.write_state(replace(state, pods=kept))
            self._waiter.report(Name.BARE_CREATED, self._node, 0.0, ", ".join(map(pod_key, lacking)) or "none")

    def _names_free(self, manifests: Iterable[Mapping[str, Any]]) -> Result:
        """None of these pods is still ending, as one with a finalizer may be: what is applied then goes with it."""
        ending: list[str] = []
        for manifest in manifests:
            pod = self._cluster.find_pod(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
            if pod and pod["metadata"].get("deletionTimestamp"):
                finalizers = ", ".join(pod["metadata"].get("finalizers") or ["its kubelet"])
                ending.append(f"{pod_key(manifest)} is ending and waits for {finalizers}")
        if ending:
            return unmet(expected="no pod of the saved names", seen="; ".join(ending), next="whoever set the finalizer")
        return met("free")

    def _has_successor(self, manifest: Mapping[str, Any]) -> bool:
        """Whether the controller of a saved pod, of a kind unknown here, has made a newer one since."""
        uids = {one.get("uid") for one in listed(manifest, "metadata", "ownerReferences") if one.get("controller")}
        created = manifest["metadata"].get("annotations", {}).get(CREATED_KEY, "")
        return bool(uids) and any(
            uids & {one.get("uid") for one in listed(item, "metadata", "ownerReferences")}
            and item["metadata"].get("creationTimestamp", "") > created
            for item in self._cluster.pod_objects(manifest["metadata"]["namespace"])
        )

    def _delete_cut_off(
        self, pod_cidr: IPv4Network | None, departed: Iterable[Departure]
    ) -> frozenset[tuple[str, str]]:
        """Delete what a restart of the agent has cut off: older pods outside `pod_cidr` or without an endpoint.

        And what leaves only now, because no cordon keeps its successor from the node.

        Their controllers re-create them; returned are the DaemonSets, which have to do that on this node.
        """
        snapshot = self._cluster.snapshot()
        cut_off = {violation.subject for violation in endpoints_ready(snapshot)}
        agent = snapshot.agent(self._node)
        since = agent.created if agent else ""
        here = [pod for pod in snapshot.pods if pod.node == self._node and pod.owner and pod.created < since]
        astray = leaving(snapshot, self._node, pod_cidr, created_after(self._desired, snapshot, self._node))
        old = {pod.key: pod for pod in astray if pod.owner and pod.address is not None and not pod.terminating}
        old |= {pod.key: pod for pod in here if pod.key in cut_off}
        late = {one.pod.uid for one in departed if one.way in (Way.AFTER, Way.DAEMON_AFTER)}
        old |= {pod.key: pod for pod in snapshot.pods if pod.uid in late and not pod.terminating}
        for pod in old.values():
            self._cluster.delete_pod(pod)
        owners = [(pod.namespace, pod.owner) for pod in old.values() if pod.owner]
        return frozenset((namespace, name) for namespace, (kind, name) in owners if kind == "DaemonSet")

    def _pods_back(
        self, pod_cidr: IPv4Network | None, daemons: frozenset[tuple[str, str]], groups: frozenset[str], since: float
    ) -> Result:
        """`groups` are those of which pods were re-created in place; `since` is when the last of them had left."""
        snapshot = self._cluster.snapshot()
        cidrs = (pod_cidr,) if pod_cidr else snapshot.pod_cidrs(self._node)
        mine = [pod for pod in snapshot.pods if pod.node == self._node and pod.on_pod_network]
        here = [pod for pod in mine if CANARY_LABEL not in pod.labels]
        late = [f"{pod.key} ({words(pod)})" for pod in here if not self._back(pod, cidrs)]
        there = {(pod.namespace, pod.owner[1]) for pod in here if pod.owner}
        late += [f"DaemonSet {namespace}/{name}" for namespace, name in sorted(daemons - there)]
        for workload in unsettled(snapshot, self._before, groups):
            late.append(f"{workload.key} has {workload.ready} of {expected(workload, self._before)}")
            late += [f"{pod.key} ({words(pod)})" for pod in snapshot.pending if pod.group == workload.key]
        keys = {pod.key for pod in here if pod.ready}
        late += [str(v) for v in endpoints_ready(snapshot) if v.subject in keys]
        if late:
            return unmet(
                expected=f"every pod of {self._node} ready with an address of {_join(cidrs)}, as before",
                seen=", ".join(late),
                next="`kubectl describe pod`, and the agent's log",
            )
        away = f", {len(groups)} workloads re-created in place in {self._waiter.clock.now() - since:.0f} s"
        return met(f"{len(here)} pods on {_join(cidrs)}{away if groups else ''}")

    def _back(self, pod: Pod, cidrs: tuple[IPv4Network, ...]) -> bool:
        address = pod.address
        inside = address is not None and any(address in cidr for cidr in cidrs)
        if not pod.ready and not pod.terminating and (self._before.excuses(pod) or self._is_new(pod)):
            return address is None or inside
        return pod.ready and not pod.terminating and inside

    def _is_new(self, pod: Pod) -> bool:
        return bool(pod.owner) and pod.group not in self._known

    def _routes(self) -> Result:
        snapshot = self._cluster.observe(Query.ROUTES)
        found = routes_complete(snapshot, direct=self._desired.direct_routes)
        if found:
            return unmet(
                expected=found[0].expected, seen=f"{found[0].subject}: {found[0].seen}", next="`ip route` on that node"
            )
        return met(f"on {len(snapshot.views)} nodes")

    def _end(self) -> None:
        """The node was uncordoned before: a run that ends between the two does its rollout again."""
        state = self._cluster.state()
        self._cluster.write_state(replace(state, nodes=tuple(name for name in state.nodes if name != self._node)))


def _join(cidrs: Iterable[IPv4Network]) -> str:
    return ", ".join(map(str, cidrs)) or "none"
