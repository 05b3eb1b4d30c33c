"""Whether the cluster can be migrated to the desired mode: every reason why not, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations

from cilium_lab.kube.objects import Node, Pod, Snapshot
from cilium_lab.kube.state import pod_key
from cilium_lab.rollout.drain import CANARY_LABEL, drain_plan
from cilium_lab.rollout.plan import LIVE, Goal, pod_cidr_goal
from cilium_lab.rollout.request import Desired

KNOWN = (*LIVE, "multi-pool")


@dataclass(frozen=True)
class PreflightFailure:
    """Why the cluster cannot be migrated, and the remedy."""

    what: str
    remedy: str
    transient: bool = False
    """It may pass by itself: a node or an agent is still starting."""

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}"


Failures = tuple[PreflightFailure, ...]


def preflight_failures(desired: Desired, snapshot: Snapshot) -> Failures:
    """Everything that prevents the migration; empty if nothing does. Without Cilium only the ranges are checked."""
    found = (*_modes(desired, snapshot), *_ranges(desired, snapshot))
    if snapshot.configured is None or found or desired.mode not in LIVE:
        return found
    found = (*_health(snapshot), *_pod_cidrs(desired, snapshot))
    moving = nodes_to_move(desired, snapshot)
    if not moving:
        return found
    return (
        *found,
        *_bare_pods(desired, snapshot, moving),
        *_budgets(snapshot, moving),
        *_capacity(snapshot, moving),
    )


def nodes_to_move(desired: Desired, snapshot: Snapshot) -> Goal:
    """Node -> the pod CIDR that it shall have, for those that use another one."""
    view = snapshot.views
    return {
        name: cidr
        for name, cidr in pod_cidr_goal(desired, snapshot).items()
        if (view[name].pod_cidr if name in view else next(iter(snapshot.pod_cidrs(name)), None)) != cidr
    }


def ranges_in_use(desired: Desired, snapshot: Snapshot) -> tuple[IPv4Network, ...]:
    """Pod CIDRs of nodes outside every range of the configuration: a pool list that lacks one makes the operator
    reject the node's pod CIDR, and traffic to its pods is masqueraded."""
    known = desired.non_masquerade_cidrs
    used = {cidr for node in snapshot.cilium_nodes.values() for cidr in node.pod_cidrs}
    return tuple(sorted(cidr for cidr in used if not any(cidr.subnet_of(wide) for wide in known)))


def _modes(desired: Desired, snapshot: Snapshot) -> Failures:
    now = snapshot.configured.mode if snapshot.configured else desired.mode
    for mode in (now, desired.mode):
        if mode not in KNOWN:
            where = "the cluster runs in" if mode == now and snapshot.configured else "the configuration has"
            return (
                PreflightFailure(
                    f"{where} IPAM mode {mode!r}, whose addresses come from a cloud or from objects made by hand",
                    f"use one of {', '.join(KNOWN)}",
                ),
            )
    if now != desired.mode and "multi-pool" in (now, desired.mode):
        return (
            PreflightFailure(
                f"{now} -> {desired.mode} cannot be done on a live cluster: multi-pool has no pod CIDR per node that "
                "an agent could keep, it would drop every endpoint",
                "destroy the lab and bring it up in the wanted mode",
            ),
        )
    return ()


def _ranges(desired: Desired, snapshot: Snapshot) -> Failures:
    if desired.mode == "kubernetes":
        return ()
    found: list[PreflightFailure] = []
    for one, other in combinations(desired.pools, 2):
        if one.overlaps(other):
            found.append(
                PreflightFailure(f"the pools {one} and {other} overlap", "give disjoint ranges in clusterPool.cidrs")
            )
    others = {"the pod range of the mode kubernetes (podCidr)": desired.pod_cidr, **desired.other_networks}
    for pool in desired.pools:
        for name, cidr in others.items():
            if pool.overlaps(cidr) and pool != desired.pod_cidr:
                found.append(PreflightFailure(f"the pool {pool} overlaps {name} {cidr}", "choose a free range"))
    nodes = len(snapshot.nodes)
    wide = [pool for pool in desired.pools if pool.prefixlen <= desired.mask_size]
    count = sum(2 ** (desired.mask_size - pool.prefixlen) for pool in wide)
    if count < nodes:
        pools = ", ".join(map(str, desired.pools))
        found.append(
            PreflightFailure(
                f"{pools} holds {count} pod CIDRs of /{desired.mask_size}, the cluster has {nodes} nodes",
                "add a range to clusterPool.cidrs",
            )
        )
    return tuple(found)


def _health(snapshot: Snapshot) -> Failures:
    found: list[PreflightFailure] = []
    for node in snapshot.nodes:
        agent = snapshot.agent(node.name)
        if not node.ready:
            remedy = "repair it or remove it from the cluster"
            found.append(PreflightFailure(f"node {node.name} is not ready", remedy, transient=True))
        elif agent is None or not agent.ready:
            seen = "missing" if agent is None else "not ready"
            remedy = "look at its log and repair it"
            found.append(PreflightFailure(f"the Cilium agent of {node.name} is {seen}", remedy, transient=True))
        if node.cordoned and node.name not in snapshot.state.nodes:
            found.append(PreflightFailure(f"node {node.name} is cordoned, so nothing could move there", "uncordon it"))
    if snapshot.operator() is None:
        remedy = "look at the log of deployment/cilium-operator"
        found.append(PreflightFailure("no Cilium operator is ready", remedy, transient=True))
    for name, cilium in sorted(snapshot.cilium_nodes.items()):
        # With a second pod CIDR it is an interrupted run's, and goes with the operator's restart.
        if cilium.error and len(cilium.pod_cidrs) < 2:
            found.append(PreflightFailure(f"the operator reports for {name}: {cilium.error}", "solve that first"))
    return tuple(found)


def _pod_cidrs(desired: Desired, snapshot: Snapshot) -> Failures:
    found: list[PreflightFailure] = []
    for node in snapshot.nodes:
        pod_cidrs = snapshot.pod_cidrs(node.name)
        for cidr in pod_cidrs:
            if cidr.prefixlen != desired.mask_size:
                found.append(
                    PreflightFailure(
                        f"node {node.name} has {cidr}, and clusterPool.maskSize is {desired.mask_size}: the operator "
                        "accepts no pod CIDR of another size",
                        f"set it to {cidr.prefixlen}, or destroy the lab and bring it up with the new size",
                    )
                )
        view = snapshot.views.get(node.name)
        if view and view.mode == "kubernetes" and node.pod_cidr not in pod_cidrs:
            seen = ", ".join(map(str, pod_cidrs)) or "none"
            found.append(
                PreflightFailure(
                    f"node {node.name} has pod CIDR {node.pod_cidr}, its CiliumNode {seen}",
                    "restart that node's agent",
                )
            )
        if desired.mode == "kubernetes" and node.pod_cidr is None:
            found.append(
                PreflightFailure(
                    f"node {node.name} has no pod CIDR from the controller manager (spec.podCIDR)",
                    "run it with --allocate-node-cidrs and --cluster-cidr",
                )
            )
    if not desired.ip_masq_agent and nodes_to_move(desired, snapshot):
        # iptables spares one destination range (pkg/datapath/iptables/iptables.go, installMasqueradeRules).
        direct = (
            "iptables spares one range, so pods of the old and of the new one would see node addresses of each other"
        )
        tunnel = "with iptables in a tunnel, pods of two ranges are untested"
        found.append(
            PreflightFailure(
                f"nodes cannot move without the ip-masq-agent: {direct if desired.direct_routes else tunnel}",
                "set masquerade to bpf first, or destroy the lab and bring it up in the wanted mode",
            )
        )
    return tuple(found)


def _bare_pods(desired: Desired, snapshot: Snapshot, moving: Goal) -> Failures:
    saved = {pod_key(manifest) for manifest in snapshot.state.pods}
    return tuple(
        PreflightFailure(
            f"pod {pod.key} on {name} has no controller, so nothing re-creates it after its node's rollout",
            f"delete it, or add {pod.key} to migration.recreate and it is re-created with a new address",
        )
        for name, cidr in sorted(moving.items())
        for pod in drain_plan(snapshot, name, cidr).bare
        if pod.key not in desired.recreate and pod.key not in saved
    )


def _budgets(snapshot: Snapshot, moving: Goal) -> Failures:
    """Budgets of pods that have to be evicted; one that is moved by a surging restart needs none."""
    evicted = [pod for name, cidr in moving.items() for pod in drain_plan(snapshot, name, cidr).evict]
    return tuple(
        PreflightFailure(
            f"the disruption budget {budget.namespace}/{budget.name} requires {budget.desired} of {budget.expected} "
            "pods healthy, so none of them may ever move",
            "raise the replicas or lower minAvailable",
        )
        for budget in snapshot.budgets
        if 0 < budget.expected <= budget.desired and any(budget.selects(pod) for pod in evicted)
    )


# -- capacity ----------------------------------------------------------------------------------------------------------


def _capacity(snapshot: Snapshot, moving: Goal) -> Failures:
    """Whether what leaves each node fits on the others, by requests and by required anti-affinity."""
    found: list[PreflightFailure] = []
    for name, cidr in sorted(moving.items()):
        plan = drain_plan(snapshot, name, cidr)
        restarted = [pod for w in plan.restart for pod in _pods_of(snapshot, w.namespace, w.kind, w.name)]
        leaving = [*plan.evict, *restarted]
        others = [node for node in snapshot.nodes if node.name != name]
        for what, needs, free, unit in (
            ("CPU", sum(pod.cpu for pod in leaving), sum(_free_cpu(snapshot, n) for n in others), "m"),
            ("memory", sum(pod.memory for pod in leaving), sum(_free_memory(snapshot, n) for n in others), " bytes"),
            ("pods", len(leaving), sum(n.pods - len(_on(snapshot, n)) for n in others), ""),
        ):
            if needs > free:
                found.append(
                    PreflightFailure(
                        f"the other nodes lack capacity for what runs on {name}: {what} {needs}{unit}, "
                        f"free {free}{unit}",
                        "add a node, or lower the requests",
                    )
                )
    for workload in snapshot.workloads:
        if workload.one_per_node and workload.replicas >= len(snapshot.nodes) and moving:
            found.append(
                PreflightFailure(
                    f"{workload.key} requires {workload.replicas} nodes for its replicas, so no node can be drained",
                    "lower its replicas or prefer instead of require its anti-affinity",
                )
            )
    return tuple(found)


def _pods_of(snapshot: Snapshot, namespace: str, kind: str, name: str) -> list[Pod]:
    return [pod for pod in snapshot.pods if pod.namespace == namespace and pod.owner == (kind, name)]


def _on(snapshot: Snapshot, node: Node) -> list[Pod]:
    return [pod for pod in snapshot.pods if pod.node == node.name and CANARY_LABEL not in pod.labels]


def _free_cpu(snapshot: Snapshot, node: Node) -> int:
    return node.cpu - sum(pod.cpu for pod in _on(snapshot, node))


def _free_memory(snapshot: Snapshot, node: Node) -> int:
    return node.memory - sum(pod.memory for pod in _on(snapshot, node))
