"""Whether the road to the desired mode can be gone at all: every reason why not, before anything is changed."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations

from cilium_lab.kube.objects import Snapshot
from cilium_lab.kube.state import pod_key
from cilium_lab.rollout.capacity import room_for
from cilium_lab.rollout.drain_plan import moves
from cilium_lab.rollout.plan import LIVE, turns
from cilium_lab.rollout.pod_cidrs import targets
from cilium_lab.rollout.preflight_failure import Refusal, Refusals
from cilium_lab.rollout.request import Desired

KNOWN = (*LIVE, "multi-pool")


def refusals(desired: Desired, snapshot: Snapshot) -> Refusals:
    """Everything that stands in the way; empty if the road is open. A cluster without Cilium has its ranges checked."""
    found = (*_modes(desired, snapshot), *_ranges(desired, snapshot))
    if snapshot.configured is None or found or desired.mode not in LIVE:
        return found
    found = (*_health(snapshot), *_blocks(desired, snapshot))
    moving = nodes_to_move(desired, snapshot)
    if not moving:
        return found
    return (
        *found,
        *_movable(desired, snapshot, moving),
        *_budgets(snapshot, moving),
        *room_for(snapshot, moving),
    )


def nodes_to_move(desired: Desired, snapshot: Snapshot) -> dict[str, IPv4Network]:
    """Node -> the block that it shall get, for those that are on another one."""
    goal = targets(desired, snapshot)
    view = snapshot.views
    return {
        name: block
        for name, block in goal.items()
        if (view[name].block if name in view else next(iter(snapshot.blocks(name)), None)) != block
    }


def ranges_in_use(desired: Desired, snapshot: Snapshot) -> tuple[IPv4Network, ...]:
    """Blocks of nodes outside every range of the configuration: a list that lacked one would make the operator refuse
    the node's block, and traffic to its pods would be masqueraded."""
    known = desired.masqueraded_not
    blocks = {block for node in snapshot.cilium_nodes.values() for block in node.blocks}
    return tuple(sorted(block for block in blocks if not any(block.subnet_of(wide) for wide in known)))


def _modes(desired: Desired, snapshot: Snapshot) -> Refusals:
    now = snapshot.configured.mode if snapshot.configured else desired.mode
    for mode in (now, desired.mode):
        if mode not in KNOWN:
            where = "the cluster runs in" if mode == now and snapshot.configured else "the configuration asks for"
            return (
                Refusal(
                    f"{where} IPAM mode {mode!r}, whose addresses come from a cloud or from objects made by hand",
                    f"use one of {', '.join(KNOWN)}",
                ),
            )
    if now != desired.mode and "multi-pool" in (now, desired.mode):
        return (
            Refusal(
                f"{now} -> {desired.mode} cannot be done on a live cluster: multi-pool has no block per node that an "
                "agent could adopt, it would drop every endpoint",
                "destroy the lab and bring it up in the wanted mode",
            ),
        )
    return ()


def _ranges(desired: Desired, snapshot: Snapshot) -> Refusals:
    if desired.mode == "kubernetes":
        return ()
    found: list[Refusal] = []
    for one, other in combinations(desired.pools, 2):
        if one.overlaps(other):
            found.append(Refusal(f"the pools {one} and {other} overlap", "give disjoint ranges in clusterPool.cidrs"))
    others = {"the pod range of the mode kubernetes (podCidr)": desired.pod_cidr, **desired.foreign}
    for pool in desired.pools:
        for name, cidr in others.items():
            if pool.overlaps(cidr) and pool != desired.pod_cidr:
                found.append(Refusal(f"the pool {pool} overlaps {name} {cidr}", "choose a range that nobody uses"))
    nodes = len(snapshot.nodes)
    wide = [pool for pool in desired.pools if pool.prefixlen <= desired.mask_size]
    capacity = sum(2 ** (desired.mask_size - pool.prefixlen) for pool in wide)
    if capacity < nodes:
        pools = ", ".join(map(str, desired.pools))
        found.append(
            Refusal(
                f"{pools} has room for {capacity} blocks of /{desired.mask_size}, the cluster has {nodes} nodes",
                "add a range to clusterPool.cidrs",
            )
        )
    return tuple(found)


def _health(snapshot: Snapshot) -> Refusals:
    found: list[Refusal] = []
    for node in snapshot.nodes:
        agent = snapshot.agent(node.name)
        if not node.ready:
            found.append(
                Refusal(f"node {node.name} is not ready", "repair it or remove it from the cluster", passing=True)
            )
        elif agent is None or not agent.ready:
            seen = "missing" if agent is None else "not ready"
            found.append(
                Refusal(f"the Cilium agent of {node.name} is {seen}", "look at its log and repair it", passing=True)
            )
        if node.cordoned and node.name not in snapshot.record.turns:
            found.append(Refusal(f"node {node.name} is cordoned, so nothing could move there", "uncordon it"))
    if snapshot.operator() is None:
        found.append(
            Refusal("no Cilium operator is ready", "look at the log of deployment/cilium-operator", passing=True)
        )
    for name, cilium in sorted(snapshot.cilium_nodes.items()):
        # With a second block it is an interrupted run's, and goes away with the operator's restart.
        if cilium.error and len(cilium.blocks) < 2:
            found.append(Refusal(f"the operator reports for {name}: {cilium.error}", "solve that first"))
    return tuple(found)


def _blocks(desired: Desired, snapshot: Snapshot) -> Refusals:
    found: list[Refusal] = []
    for node in snapshot.nodes:
        blocks = snapshot.blocks(node.name)
        for block in blocks:
            if block.prefixlen != desired.mask_size:
                found.append(
                    Refusal(
                        f"node {node.name} has {block}, and clusterPool.maskSize is {desired.mask_size}: the operator "
                        "adopts no block of another size",
                        f"set it to {block.prefixlen}, or bring the lab up anew",
                    )
                )
        view = snapshot.views.get(node.name)
        if view and view.mode == "kubernetes" and node.block not in blocks:
            seen = ", ".join(map(str, blocks)) or "none"
            found.append(
                Refusal(f"node {node.name} has block {node.block}, its CiliumNode {seen}", "restart that node's agent")
            )
        if desired.mode == "kubernetes" and node.block is None:
            found.append(
                Refusal(
                    f"node {node.name} has no block from the controller manager (spec.podCIDR)",
                    "run it with --allocate-node-cidrs and --cluster-cidr",
                )
            )
    if not desired.masquerade_list and nodes_to_move(desired, snapshot):
        # iptables spares one destination range (pkg/datapath/iptables/iptables.go, installMasqueradeRules).
        direct = (
            "iptables spares one range, so pods of the old and of the new one would see node addresses of each other"
        )
        tunnel = "with iptables in a tunnel nobody has tried pods of two ranges"
        found.append(
            Refusal(
                f"nodes cannot move without the ip-masq-agent: {direct if desired.direct_routes else tunnel}",
                "set masquerade to bpf first, or bring the lab up anew",
            )
        )
    return tuple(found)


def _movable(desired: Desired, snapshot: Snapshot, moving: dict[str, IPv4Network]) -> Refusals:
    saved = {pod_key(manifest) for manifest in snapshot.record.pods}
    return tuple(
        Refusal(
            f"pod {pod.key} on {name} has no controller, so nothing brings it back after its node's turn",
            f"delete it, or add {pod.key} to migration.recreate and it is made again with a new address",
        )
        for name, block in sorted(moving.items())
        for pod in moves(snapshot, name, block).bare
        if pod.key not in desired.recreate and pod.key not in saved
    )


def _budgets(snapshot: Snapshot, moving: dict[str, IPv4Network]) -> Refusals:
    """Budgets of pods that have to be evicted; one that is moved by a surging restart needs none."""
    going = [pod for name, block in moving.items() for pod in moves(snapshot, name, block).evict]
    return tuple(
        Refusal(
            f"the disruption budget {budget.namespace}/{budget.name} wants {budget.desired} of {budget.expected} pods "
            "healthy, so none of them may ever move",
            "raise the replicas or lower minAvailable",
        )
        for budget in snapshot.budgets
        if 0 < budget.expected <= budget.desired and any(budget.holds(pod) for pod in going)
    )


def describe(desired: Desired, snapshot: Snapshot) -> str:
    """What will happen, in one line."""
    now = snapshot.configured
    if now is None:
        return f"Cilium is not installed yet; it will be, in {desired.mode}"
    moving = nodes_to_move(desired, snapshot)
    order = [f"{node.name} -> {moving[node.name]}" for node in turns(snapshot.nodes) if node.name in moving]
    return f"{now.mode} -> {desired.mode}; nodes that get a new block: {', '.join(order) or 'none'}"


def outages(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """What will be away for a moment however careful one is: told before anything happens, not refused."""
    found: list[str] = []
    for name, block in sorted(nodes_to_move(desired, snapshot).items()):
        leave = moves(snapshot, name, block)
        found += [f"bare pod {pod.key} is removed and made again on {name}" for pod in leave.bare]
        found += [f"pod {pod.key} of a DaemonSet is made again on {name}" for pod in leave.daemons]
        for pod in leave.evict:
            workload = snapshot.workload(pod)
            if workload is None or workload.replicas == 1:
                found.append(
                    f"{pod.key} is the only replica of a workload that cannot surge; it moves away from {name}"
                )
    return tuple(found)
