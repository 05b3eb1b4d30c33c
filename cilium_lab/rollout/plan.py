"""Which pod CIDR each node shall have, and the steps that are left to get there: the same snapshot, the same plan.

A run does the first step, observes the cluster, and plans again. So it does not matter which run did what, or where
one ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import chain

from cilium_lab.disruption.stages import Stage
from cilium_lab.kube.objects import Node, Snapshot
from cilium_lab.rollout.kubernetes import control_plane_behind, kubelet_behind, upgrades
from cilium_lab.rollout.request import MULTI_POOL, Desired

ONE_EACH = ("kubernetes", "cluster-pool")
"""The modes in which each node has one pod CIDR, and between which a live cluster goes either way."""
Goal = dict[str, IPv4Network | None]
"""Node -> the pod CIDR that it shall have; None: those that it is given, in the mode multi-pool."""


@dataclass(frozen=True)
class Step:
    """One step. `pod_cidrs` is what CiliumNodes shall hold after it: node -> pod CIDRs, the one in use first."""

    stage: Stage
    reason: str
    node: str = ""
    """Empty: not about one node."""
    pod_cidrs: tuple[tuple[str, tuple[IPv4Network, ...]], ...] = ()

    @property
    def pod_cidr(self) -> IPv4Network | None:
        """Of a node's rollout: what its pods shall have addresses of; None: of whatever the node is given."""
        return next((cidr for _, cidrs in self.pod_cidrs for cidr in cidrs), None)

    def __str__(self) -> str:
        return f"stage {self.stage} {self.node}: {self.reason}".replace(" :", ":")


def plan(desired: Desired, snapshot: Snapshot) -> tuple[Step, ...]:
    """All steps, in order. `snapshot.views` must hold every agent. Empty: the cluster is as desired."""
    goal = pod_cidr_goal(desired, snapshot)
    known = snapshot.views.keys() | {*snapshot.state.nodes}
    order = [node.name for node in rollout_order(snapshot.nodes) if node.name in goal and node.name in known]
    moving = [name for name in order if has_to_move(desired, snapshot, name, goal[name])]
    # A node whose rollout an earlier run began comes first: the others need its capacity.
    moving.sort(key=lambda name: name not in snapshot.state.nodes)
    staying = [name for name in order if name not in moving]
    return (
        *_control_plane(desired, snapshot),
        *_operator(desired, snapshot),
        *_drop_cidrs(snapshot, staying, goal),
        *_add_cidrs(snapshot, moving, goal),
        *(_move_node(desired, snapshot, name, goal[name]) for name in moving),
    )


def rollout_order(nodes: tuple[Node, ...]) -> list[Node]:
    """The order in which nodes are rolled out: workers first, the control plane last, by name."""
    return sorted(nodes, key=lambda node: (node.control_plane, node.name))


def has_to_move(desired: Desired, snapshot: Snapshot, name: str, pod_cidr: IPv4Network | None) -> bool:
    """Whether a node is not as it should be: its agent or kubelet is behind, its agent in another mode or on another
    pod CIDR, a pod of it has another address, or its rollout has not ended."""
    saved = {str(pod["spec"]["nodeName"]) for pod in snapshot.state.pods}
    if name in snapshot.state.nodes or name in saved or snapshot.is_behind(name):
        return True
    if kubelet_behind(desired, snapshot, name):
        return True
    view = snapshot.views[name]
    if view.mode != desired.mode:
        return True
    return pod_cidr is not None and (view.pod_cidr != pod_cidr or _astray(snapshot, name, pod_cidr))


def _astray(snapshot: Snapshot, name: str, pod_cidr: IPv4Network) -> bool:
    return any(
        pod.node == name and pod.on_pod_network and pod.address is not None and pod.address not in pod_cidr
        for pod in snapshot.pods
    )


# -- pod CIDRs ---------------------------------------------------------------------------------------------------------


def pod_cidr_goal(desired: Desired, snapshot: Snapshot) -> Goal:
    """Node -> the pod CIDR that it shall have. A node for which there is none is left out.

    In `kubernetes` it is the controller manager's. In `cluster-pool` a node keeps a pod CIDR of the pool that it has,
    also one that an earlier run has put beside its old one; else it gets the lowest free one, nodes by name, so that
    another run comes to the same answer. In multi-pool the operator decides it.
    """
    if desired.mode == "kubernetes":
        return {node.name: node.pod_cidr for node in snapshot.nodes if node.pod_cidr}
    if desired.mode == MULTI_POOL:
        return {node.name: None for node in snapshot.nodes}
    found: Goal = {}
    used = [cidr for node in snapshot.cilium_nodes.values() for cidr in node.pod_cidrs]
    for name in sorted(node.name for node in snapshot.nodes):
        kept = [cidr for cidr in snapshot.pod_cidrs(name) if _fits(cidr, desired)]
        cidr = kept[0] if kept else lowest_free(desired, used)
        if cidr:
            found[name] = cidr
            used.append(cidr)
    return found


def _fits(cidr: IPv4Network, desired: Desired) -> bool:
    """Whether a node may keep the pod CIDR: of the right size and inside a pool."""
    return cidr.prefixlen == desired.mask_size and any(cidr.subnet_of(pool) for pool in desired.pools)


def lowest_free(desired: Desired, used: Iterable[IPv4Network]) -> IPv4Network | None:
    """The first pod CIDR of the pools that overlaps no used one; None when they are full."""
    held = tuple(used)
    wide_enough = [pool for pool in desired.pools if pool.prefixlen <= desired.mask_size]
    candidates = chain.from_iterable(pool.subnets(new_prefix=desired.mask_size) for pool in wide_enough)
    return next((cidr for cidr in candidates if not any(cidr.overlaps(other) for other in held)), None)


# -- steps -------------------------------------------------------------------------------------------------------------


def _control_plane(desired: Desired, snapshot: Snapshot) -> tuple[Step, ...]:
    """kubeadm wants it first: no kubelet may be newer than the API server."""
    if not control_plane_behind(desired, snapshot):
        return ()
    name = next((node.name for node in snapshot.nodes if node.control_plane), "")
    return (Step(Stage.CONTROL_PLANE, upgrades(desired, snapshot)[0], name),)


def _operator(desired: Desired, snapshot: Snapshot) -> tuple[Step, ...]:
    """What only a restart of the operator mends: a configuration from before, and an error about a pod CIDR.

    In the mode kubernetes not even that clears an error, so the step does.
    """
    errors = [f"{node.name}: {node.error}" for node in snapshot.cilium_nodes.values() if node.error]
    if snapshot.operator_is_stale():
        errors.insert(0, "it started before cilium-config was changed")
    if not errors:
        return ()
    return (Step(Stage.OPERATOR, f"restarts, to read the pod CIDRs in {desired.mode}: {'; '.join(errors)}"),)


def _drop_cidrs(snapshot: Snapshot, names: list[str], goal: Goal) -> tuple[Step, ...]:
    found: list[Step] = []
    for name in names:
        wanted, cidrs = goal[name], snapshot.pod_cidrs(name)
        if wanted and cidrs and cidrs != (wanted,):
            dropped = ", ".join(str(cidr) for cidr in cidrs if cidr != wanted)
            found.append(Step(Stage.DROP_CIDR, f"drops {dropped}", name, ((name, (wanted,)),)))
    return tuple(found)


def _add_cidrs(snapshot: Snapshot, moving: list[str], goal: Goal) -> tuple[Step, ...]:
    """All at once, so that the operator restarts once."""
    lacking = {name: cidr for name in moving if (cidr := goal[name]) and cidr not in snapshot.pod_cidrs(name)}
    if not lacking:
        return ()
    pod_cidrs = tuple((name, (*snapshot.pod_cidrs(name), cidr)) for name, cidr in lacking.items())
    words = ", ".join(f"{name} {cidr}" for name, cidr in lacking.items())
    return (Step(Stage.ADD_CIDR, f"new pod CIDRs beside the old ones: {words}", pod_cidrs=pod_cidrs),)


def _move_node(desired: Desired, snapshot: Snapshot, name: str, pod_cidr: IPv4Network | None) -> Step:
    view = snapshot.views.get(name)
    after = ((name, (pod_cidr,) if pod_cidr else ()),)
    kept = str(pod_cidr) if pod_cidr else "what its node has of the pools"
    if view is None:
        return Step(Stage.MOVE_NODE, f"its agent does not run, {kept}", name, after)
    mode = f", {view.mode} -> {desired.mode}" if view.mode != desired.mode else ""
    way = f"{view.pod_cidr} -> {pod_cidr}"
    if pod_cidr is None or view.pod_cidr == pod_cidr:
        begun = f"its rollout to {kept} has not ended"
        way = f"its agent is behind, {kept} stays" if snapshot.is_behind(name) or mode else begun
    if kubelet_behind(desired, snapshot, name):
        kubelet = f"kubelet {snapshot.node(name).kubelet} -> {desired.kubernetes}"
        way = f"{kubelet}, {way}" if snapshot.is_behind(name) or mode else f"{kubelet}, {kept} stays"
    return Step(Stage.MOVE_NODE, f"{way}{mode}", name, after)
