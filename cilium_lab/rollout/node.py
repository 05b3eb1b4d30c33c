"""One node's turn: emptied, put on its new block, tried out, given back. Every part of it may be done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

from cilium_lab.kube.agent import Ask
from cilium_lab.kube.client import APPLY
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Pod
from cilium_lab.kube.state import pod_key
from cilium_lab.rollout import canary as trial
from cilium_lab.rollout.agents import Agents
from cilium_lab.rollout.drain import Emptying
from cilium_lab.rollout.drain_plan import moves
from cilium_lab.rollout.invariants import endpoints_ready, routes_complete
from cilium_lab.rollout.request import Desired


class Turn:
    """The turn of `node`. Raises ConditionTimeout or ApiError and may be begun again at any time."""

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

    def run(self, block: IPv4Network) -> None:
        """From wherever an earlier run left the node, to pods on `block` alone."""
        Emptying(self._cluster, self._waiter, self._node, block, self._stamp).run(self._limits.empty)
        snapshot = self._cluster.snapshot()
        agent = snapshot.agent(self._node)
        view = self._cluster.view(agent) if agent and agent.ready else None
        if view is None or view.block != block or view.mode != self._desired.mode:
            if self._desired.mode == "cluster-pool":
                others = tuple(other for other in snapshot.blocks(self._node) if other != block)
                self._cluster.set_blocks(self._node, (block, *others))
            self._agents.restart(self._node, self._desired.mode, block)
        self._start_canary()
        self._make_bare()
        daemons = self._remake(block)
        self._waiter.wait(
            Condition("pods back", lambda: self._back(block, daemons), self._limits.workloads, self._node)
        )
        self._cluster.set_blocks(self._node, (block,))
        self._waiter.wait(Condition("routes", self._routes, self._limits.routes, self._node))
        self._try_out()
        self._uncordon()

    def _make_bare(self) -> None:
        """Make the noted bare pods again, then strike them off the note."""
        record = self._cluster.record()
        mine = [manifest for manifest in record.pods if manifest["spec"]["nodeName"] == self._node]
        for manifest in mine:
            self._cluster.make_pod(manifest)
        if mine:
            kept = tuple(manifest for manifest in record.pods if manifest not in mine)
            self._cluster.write_record(replace(record, pods=kept))
            self._waiter.report("bare pods made again", self._node, 0.0, ", ".join(map(pod_key, mine)))

    def _remake(self, block: IPv4Network) -> frozenset[tuple[str, str]]:
        """Delete what a restart of the agent has cut off: older pods with another block's address or without endpoint.

        Their controllers make them again; returned are the DaemonSets, which have to do that here.
        """
        snapshot = self._cluster.snapshot()
        cut_off = {violation.subject for violation in endpoints_ready(snapshot)}
        agent = snapshot.agent(self._node)
        since = agent.created if agent else ""
        here = [pod for pod in snapshot.pods if pod.node == self._node and pod.owner and pod.created < since]
        old = {pod.key: pod for pod in moves(snapshot, self._node, block).daemons}
        old |= {pod.key: pod for pod in here if pod.key in cut_off}
        for pod in old.values():
            self._cluster.delete_pod(pod)
        owners = [(pod.namespace, pod.owner) for pod in old.values() if pod.owner]
        return frozenset((namespace, name) for namespace, (kind, name) in owners if kind == "DaemonSet")

    def _back(self, block: IPv4Network, daemons: frozenset[tuple[str, str]]) -> Result:
        snapshot = self._cluster.snapshot()
        mine = [pod for pod in snapshot.pods if pod.node == self._node and pod.on_pod_network]
        here = [pod for pod in mine if trial.CANARY_LABEL not in pod.labels]
        late = [f"{pod.key} ({_state(pod)})" for pod in here if not _settled(pod, block)]
        there = {(pod.namespace, pod.owner[1]) for pod in here if pod.owner}
        late += [f"DaemonSet {namespace}/{name}" for namespace, name in sorted(daemons - there)]
        keys = {pod.key for pod in here}
        late += [str(v) for v in endpoints_ready(snapshot) if v.subject in keys]
        if late:
            return unmet(
                expected=f"every pod of {self._node} ready with an address of {block}",
                seen=", ".join(late),
                next="`kubectl describe pod`, and the agent's log",
            )
        return met(f"{len(here)} pods on {block}")

    def _routes(self) -> Result:
        snapshot = self._cluster.look(Ask.ROUTES)
        found = routes_complete(snapshot, direct=self._desired.direct_routes)
        if found:
            return unmet(
                expected=found[0].expected, seen=f"{found[0].subject}: {found[0].seen}", next="`ip route` on that node"
            )
        return met(f"on {len(snapshot.views)} nodes")

    # -- canary ----------------------------------------------------------------------------------------------------

    def _start_canary(self) -> None:
        """One of an earlier run goes first: a pod that runs cannot be changed."""
        if self._desired.canary is None:
            return
        for pod in self._cluster.pods():
            if pod.namespace == trial.NAMESPACE and pod.name == trial.name(self._node):
                self._cluster.delete_pod(pod)
        self._waiter.wait(Condition("canary's name is free", self._no_canary, self._limits.canary, self._node))
        path = f"/api/v1/namespaces/{trial.NAMESPACE}/pods/{trial.name(self._node)}?fieldManager=cilium-lab&force=true"
        self._cluster.api.send("PATCH", path, trial.pod(self._desired.canary, self._node), APPLY)

    def _try_out(self) -> None:
        if self._desired.canary is None:
            return
        self._waiter.wait(Condition("canary runs", self._canary_ready, self._limits.canary, self._node))
        self._waiter.wait(Condition(trial.GATE, self._trial, self._limits.canary, self._node))
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

    def _trial(self) -> Result:
        canary, pod = self._desired.canary, self._canary()
        if canary is None or pod is None or pod.address is None:
            return unmet(expected="a canary with an address", seen="none", next="who else deletes pods")
        echoes = trial.echo_pods(canary, self._cluster.snapshot())
        answer = self._cluster.api.execute(pod.namespace, pod.name, trial.CONTAINER, trial.script(canary, echoes))
        found = trial.judge(canary, echoes, answer, pod.address)
        if found.failed:
            return unmet(
                expected=f"{found.tried} answers to {pod.address}",
                seen="; ".join(found.failed),
                next="Cilium's routes and lists on this node, `cilium-dbg monitor --type drop`",
            )
        return met(f"{pod.address} reaches {found.tried} of {found.tried}")

    def _uncordon(self) -> None:
        """First the node, then the note: a run that ends between the two uncordons again."""
        self._cluster.cordon(self._node, on=False)
        record = self._cluster.record()
        kept = tuple(name for name in record.turns if name != self._node)
        self._cluster.write_record(replace(record, turns=kept))


def _settled(pod: Pod, block: IPv4Network) -> bool:
    return pod.ready and not pod.terminating and pod.address is not None and pod.address in block


def _state(pod: Pod) -> str:
    words = "terminating" if pod.terminating else "ready" if pod.ready else "not ready"
    return ", ".join(filter(None, (str(pod.address or "no address"), words, pod.trouble)))
