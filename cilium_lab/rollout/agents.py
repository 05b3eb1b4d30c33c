"""Restarts an agent or the operator, and waits until it is what it should be."""

from __future__ import annotations

from ipaddress import IPv4Network

from cilium_lab.kube.agent import Ask
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Pod, Snapshot
from cilium_lab.rollout.request import Limits

SYNCED = "CiliumNodes caches synced with Kubernetes"
"""The operator logs this after it was elected, before it reads the blocks (operator/cmd/cilium_node.go)."""
_OPERATOR = "cilium-operator"
_SETTLE = 1.5
"""Seconds from there to an error in a CiliumNode's status: its writes are at least one second apart (podcidr.go)."""


class Agents:
    """The agents and the operator of a cluster."""

    def __init__(self, cluster: Cluster, waiter: Waiter, limits: Limits) -> None:
        self._cluster = cluster
        self._waiter = waiter
        self._limits = limits

    def restart(self, node: str, mode: str, block: IPv4Network) -> None:
        """Restart a node's agent and wait until it runs in `mode` on `block`. Raises ConditionTimeout."""
        old = self._agent(node)
        if old is not None:
            self._cluster.delete_pod(old)
        gone = old.uid if old else ""
        self._waiter.wait(Condition("agent restarted", lambda: self._restarted(node, gone), self._limits.agent, node))
        self._waiter.wait(
            Condition("agent reports", lambda: self._reports(node, mode, block), self._limits.agent, node)
        )

    def restart_operator(self) -> None:
        """Restart the operator; afterwards it has read all CiliumNodes. Raises ConditionTimeout.

        Its pod is deleted rather than its Deployment changed: the chart's objects stay as Helm made them.
        """
        old = [pod for pod in self._cluster.pods() if _is_operator(pod)]
        for pod in old:
            self._cluster.delete_pod(pod)
        uids = frozenset(pod.uid for pod in old)
        self._waiter.wait(
            Condition("operator read the blocks", lambda: self._operator_synced(uids), self._limits.operator)
        )
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

    def _reports(self, node: str, mode: str, block: IPv4Network) -> Result:
        agent = self._agent(node)
        if agent is None:
            return unmet(expected="an agent", seen="none", next="`kubectl -n kube-system get pods -o wide`")
        view = self._cluster.view(agent, Ask.STATUS)
        seen = f"{view.mode} on {view.block}"
        if view.mode != mode or view.block != block:
            return unmet(expected=f"{mode} on {block}", seen=seen, next="cilium-config and the node's CiliumNode")
        return met(seen)

    def _operator_synced(self, gone: frozenset[str]) -> Result:
        found = [pod for pod in self._cluster.pods() if _is_operator(pod) and pod.uid not in gone]
        ready = [pod for pod in found if pod.ready]
        # Of several operators one leads, and only that one reads the blocks.
        if not any(SYNCED in self._cluster.log(pod, _OPERATOR) for pod in ready):
            seen = ", ".join(f"{pod.name} {'' if pod.ready else 'not '}ready" for pod in found) or "no new operator"
            return unmet(expected=f"a new operator that says {SYNCED!r}", seen=seen, next="the operator's log")
        return met(", ".join(pod.name for pod in ready))


def _is_operator(pod: Pod) -> bool:
    return pod.labels.get("io.cilium/app") == "operator" and not pod.terminating
