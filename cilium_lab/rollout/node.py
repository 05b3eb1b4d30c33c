"""The rollout of one node: drained, on its new pod CIDR, tried out, uncordoned. Every part of it may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

from cilium_lab.disruption.stages import Name
from cilium_lab.kube.agent import Query
from cilium_lab.kube.client import APPLY
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Pod, Snapshot
from cilium_lab.kube.state import pod_key
from cilium_lab.rollout import canary as trial
from cilium_lab.rollout.drain import CANARY_LABEL, Drain, drain_plan
from cilium_lab.rollout.invariants import endpoints_ready, routes_complete
from cilium_lab.rollout.request import Desired, Limits

SYNCED = "CiliumNodes caches synced with Kubernetes"
"""The operator logs this after it was elected, before it reads the pod CIDRs (operator/cmd/cilium_node.go)."""
_OPERATOR = "cilium-operator"
_SETTLE = 1.5
"""Seconds from there to an error in a CiliumNode's status: its writes are at least one second apart (podcidr.go)."""


class Agents:
    """The agents and the operator of a cluster: restarts them, and waits until they run as they should."""

    def __init__(self, cluster: Cluster, waiter: Waiter, limits: Limits) -> None:
        self._cluster = cluster
        self._waiter = waiter
        self._limits = limits

    def restart(self, node: str, mode: str, pod_cidr: IPv4Network) -> None:
        """Restart a node's agent and wait until it runs in `mode` on `pod_cidr`. Raises ConditionTimeout."""
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
        self._waiter.clock.sleep(_SETTLE)

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

    def _reports(self, node: str, mode: str, pod_cidr: IPv4Network) -> Result:
        agent = self._agent(node)
        if agent is None:
            return unmet(expected="an agent", seen="none", next="`kubectl -n kube-system get pods -o wide`")
        view = self._cluster.view(agent, Query.STATUS)
        seen = f"{view.mode} on {view.pod_cidr}"
        if view.mode != mode or view.pod_cidr != pod_cidr:
            return unmet(expected=f"{mode} on {pod_cidr}", seen=seen, next="cilium-config and the node's CiliumNode")
        return met(seen)

    def _operator_synced(self, gone: frozenset[str]) -> Result:
        found = [pod for pod in self._cluster.pods() if _is_operator(pod) and pod.uid not in gone]
        ready = [pod for pod in found if pod.ready]
        # Of several operators one leads, and only that one reads the pod CIDRs.
        if not any(SYNCED in self._cluster.log(pod, _OPERATOR) for pod in ready):
            seen = ", ".join(f"{pod.name} {'' if pod.ready else 'not '}ready" for pod in found) or "no new operator"
            return unmet(expected=f"a new operator that logs {SYNCED!r}", seen=seen, next="the operator's log")
        return met(", ".join(pod.name for pod in ready))


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
        stamp: Callable[[], str],
    ) -> None:
        self._desired = desired
        self._limits = desired.limits
        self._cluster = cluster
        self._waiter = waiter
        self._agents = agents
        self._node = node
        self._stamp = stamp

    def run(self, pod_cidr: IPv4Network) -> None:
        """From wherever an earlier run left the node, to pods on `pod_cidr` alone."""
        Drain(self._cluster, self._waiter, self._node, pod_cidr, self._stamp).run(self._limits.drain)
        snapshot = self._cluster.snapshot()
        agent = snapshot.agent(self._node)
        view = self._cluster.view(agent) if agent and agent.ready else None
        if view is None or view.pod_cidr != pod_cidr or view.mode != self._desired.mode:
            if self._desired.mode == "cluster-pool":
                others = tuple(other for other in snapshot.pod_cidrs(self._node) if other != pod_cidr)
                self._cluster.set_pod_cidrs(self._node, (pod_cidr, *others))
            self._agents.restart(self._node, self._desired.mode, pod_cidr)
        self._start_canary()
        self._recreate_bare()
        daemons = self._delete_cut_off(pod_cidr)
        self._wait(Name.PODS_BACK, lambda: self._pods_back(pod_cidr, daemons), self._limits.pods)
        self._cluster.set_pod_cidrs(self._node, (pod_cidr,))
        self._wait(Name.ROUTES, self._routes, self._limits.routes)
        self._try_out()
        self._uncordon()

    def _wait(self, name: str, assess: Callable[[], Result], limit: float) -> None:
        self._waiter.wait(Condition(name, assess, limit, self._node))

    def _recreate_bare(self) -> None:
        """Re-create the saved bare pods, then remove them from the state."""
        state = self._cluster.state()
        mine = [manifest for manifest in state.pods if manifest["spec"]["nodeName"] == self._node]
        for manifest in mine:
            self._cluster.recreate_pod(manifest)
        if mine:
            kept = tuple(manifest for manifest in state.pods if manifest not in mine)
            self._cluster.write_state(replace(state, pods=kept))
            self._waiter.report(Name.BARE_CREATED, self._node, 0.0, ", ".join(map(pod_key, mine)))

    def _delete_cut_off(self, pod_cidr: IPv4Network) -> frozenset[tuple[str, str]]:
        """Delete what a restart of the agent has cut off: older pods outside `pod_cidr` or without an endpoint.

        Their controllers re-create them; returned are the DaemonSets, which have to do that on this node.
        """
        snapshot = self._cluster.snapshot()
        cut_off = {violation.subject for violation in endpoints_ready(snapshot)}
        agent = snapshot.agent(self._node)
        since = agent.created if agent else ""
        here = [pod for pod in snapshot.pods if pod.node == self._node and pod.owner and pod.created < since]
        old = {pod.key: pod for pod in drain_plan(snapshot, self._node, pod_cidr).daemons}
        old |= {pod.key: pod for pod in here if pod.key in cut_off}
        for pod in old.values():
            self._cluster.delete_pod(pod)
        owners = [(pod.namespace, pod.owner) for pod in old.values() if pod.owner]
        return frozenset((namespace, name) for namespace, (kind, name) in owners if kind == "DaemonSet")

    def _pods_back(self, pod_cidr: IPv4Network, daemons: frozenset[tuple[str, str]]) -> Result:
        snapshot = self._cluster.snapshot()
        mine = [pod for pod in snapshot.pods if pod.node == self._node and pod.on_pod_network]
        here = [pod for pod in mine if CANARY_LABEL not in pod.labels]
        late = [f"{pod.key} ({_state(pod)})" for pod in here if not _settled(pod, pod_cidr)]
        there = {(pod.namespace, pod.owner[1]) for pod in here if pod.owner}
        late += [f"DaemonSet {namespace}/{name}" for namespace, name in sorted(daemons - there)]
        keys = {pod.key for pod in here}
        late += [str(v) for v in endpoints_ready(snapshot) if v.subject in keys]
        if late:
            return unmet(
                expected=f"every pod of {self._node} ready with an address of {pod_cidr}",
                seen=", ".join(late),
                next="`kubectl describe pod`, and the agent's log",
            )
        return met(f"{len(here)} pods on {pod_cidr}")

    def _routes(self) -> Result:
        snapshot = self._cluster.observe(Query.ROUTES)
        found = routes_complete(snapshot, direct=self._desired.direct_routes)
        if found:
            return unmet(
                expected=found[0].expected, seen=f"{found[0].subject}: {found[0].seen}", next="`ip route` on that node"
            )
        return met(f"on {len(snapshot.views)} nodes")

    def _uncordon(self) -> None:
        """First the node, then the state: a run that ends between the two uncordons again."""
        self._cluster.cordon(self._node, on=False)
        state = self._cluster.state()
        kept = tuple(name for name in state.nodes if name != self._node)
        self._cluster.write_state(replace(state, nodes=kept))

    # -- canary ----------------------------------------------------------------------------------------------------

    def _start_canary(self) -> None:
        """One of an earlier run is deleted first: a pod that runs cannot be changed."""
        if self._desired.canary is None:
            return
        for pod in self._cluster.pods():
            if pod.namespace == trial.NAMESPACE and pod.name == trial.name(self._node):
                self._cluster.delete_pod(pod)
        self._wait(Name.CANARY_NAME_FREE, self._no_canary, self._limits.canary)
        path = f"/api/v1/namespaces/{trial.NAMESPACE}/pods/{trial.name(self._node)}?fieldManager=cilium-lab&force=true"
        self._cluster.api.send("PATCH", path, trial.pod(self._desired.canary, self._node), APPLY)

    def _try_out(self) -> None:
        if self._desired.canary is None:
            return
        self._wait(Name.CANARY_READY, self._canary_ready, self._limits.canary)
        self._wait(Name.CANARY_REACHES, self._canary_reaches, self._limits.canary)
        pod = self._canary()
        if pod is not None:
            self._cluster.delete_pod(pod)

    def _canary(self) -> Pod | None:
        keys = (f"{trial.NAMESPACE}/{trial.name(self._node)}",)
        return next((pod for pod in self._cluster.pods() if pod.key in keys), None)

    def _no_canary(self) -> Result:
        pod = self._canary()
        return unmet(expected="no canary of an earlier run", seen=pod.key, next="delete it") if pod else met("free")

    def _canary_ready(self) -> Result:
        pod = self._canary()
        if pod is None or not pod.ready or pod.address is None:
            return unmet(
                expected="a ready canary",
                seen=f"{pod.key} ({_state(pod)})" if pod else "none",
                next=f"`kubectl -n {trial.NAMESPACE} describe pod {trial.name(self._node)}`",
            )
        return met(str(pod.address))

    def _canary_reaches(self) -> Result:
        canary, pod = self._desired.canary, self._canary()
        if canary is None or pod is None or pod.address is None:
            return unmet(expected="a canary with an address", seen="none", next="another program that deletes pods")
        echoes = trial.echo_pods(canary, self._cluster.snapshot())
        output = self._cluster.api.execute(pod.namespace, pod.name, trial.CONTAINER, trial.script(canary, echoes))
        found = trial.judge(canary, echoes, output, pod.address)
        if found.failed:
            return unmet(
                expected=f"{found.tried} answers to {pod.address}",
                seen="; ".join(found.failed),
                next="Cilium's routes and policies on this node, `cilium-dbg monitor --type drop`",
            )
        return met(f"{pod.address} reaches {found.tried} of {found.tried}")


def _settled(pod: Pod, pod_cidr: IPv4Network) -> bool:
    return pod.ready and not pod.terminating and pod.address is not None and pod.address in pod_cidr


def _state(pod: Pod) -> str:
    words = "terminating" if pod.terminating else "ready" if pod.ready else "not ready"
    return ", ".join(filter(None, (str(pod.address or "no address"), words, pod.waiting_reason)))
