"""Whether the cluster can be migrated to the desired mode: every reason why not, before anything is changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from itertools import combinations

from cilium_lab.config.versions import POOLED_SINCE, minor
from cilium_lab.kube.objects import Snapshot, State
from cilium_lab.rollout.changes import MASQUERADING, ROUTING, changes, is_behind, may_be_down
from cilium_lab.rollout.health import NOTED
from cilium_lab.rollout.invariants import violated
from cilium_lab.rollout.kubernetes import refused
from cilium_lab.rollout.outcomes import Way, departures, held
from cilium_lab.rollout.plan import ONE_EACH, Goal, pod_cidr_goal
from cilium_lab.rollout.releases import running, too_far
from cilium_lab.rollout.request import MULTI_POOL, SERVICE_RANGE, Desired

KNOWN = (*ONE_EACH, MULTI_POOL)


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
    """Everything that prevents the migration; empty if nothing does. Without Cilium only the ranges are checked.

    `snapshot` is a survey where nodes are to move (`drain.survey`).
    """
    found = (*_modes(desired, snapshot), *_ranges(desired, snapshot), *fixed(desired, snapshot))
    if snapshot.configured is None or found:
        return found
    found = (*_health(desired, snapshot), *_pod_cidrs(desired, snapshot))
    interrupted = snapshot.state != State() or any(
        len(node.pod_cidrs) > 1 and not node.pooled for node in snapshot.cilium_nodes.values()
    )
    if not found and not interrupted:
        found = _already_wrong(desired, snapshot)
    return (*found, *_workloads(desired, snapshot, nodes_to_move(desired, snapshot)))


def nodes_to_move(desired: Desired, snapshot: Snapshot) -> Goal:
    """Node -> the pod CIDR that it shall have, for those that are to be rolled out: they use another one, or their
    agent or kubelet is behind."""
    changing = nodes_of_new_cidr(desired, snapshot)
    return {
        name: cidr
        for name, cidr in pod_cidr_goal(desired, snapshot).items()
        if name in changing or is_behind(desired, snapshot, name)
    }


def nodes_of_new_cidr(desired: Desired, snapshot: Snapshot) -> Goal:
    """Node -> the pod CIDR that it shall have, for those that use another one."""
    view = snapshot.views
    return {
        name: cidr
        for name, cidr in pod_cidr_goal(desired, snapshot).items()
        if cidr and (view[name].pod_cidr if name in view else next(iter(snapshot.pod_cidrs(name)), None)) != cidr
    }


def ranges_in_use(desired: Desired, snapshot: Snapshot) -> tuple[IPv4Network, ...]:
    """Pod CIDRs of nodes outside every range of the configuration: a pool list that lacks one makes the operator
    reject the node's pod CIDR, and traffic to its pods is masqueraded."""
    known = desired.non_masquerade_cidrs
    if desired.mode == MULTI_POOL:  # pools say themselves which ranges they have
        return ()
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
    if now != desired.mode and MULTI_POOL in (now, desired.mode):
        return _to_pools(now, desired, snapshot)
    return ()


def _to_pools(now: str, desired: Desired, snapshot: Snapshot) -> Failures:
    """Into multi-pool leads one documented way (cluster-pool-to-multi-pool.rst), and none out of it."""
    if desired.mode != MULTI_POOL:
        what = f"{now} -> {desired.mode} cannot be done on a live cluster: nothing leads out of {MULTI_POOL}"
        return (PreflightFailure(what, "destroy the lab and bring it up in the wanted mode"),)
    if now != "cluster-pool":
        what = f"{now} -> {MULTI_POOL} cannot be done in one step: only pod CIDRs of cluster-pool become a pool's"
        return (PreflightFailure(what, "migrate to cluster-pool first, and from there to multi-pool"),)
    found: list[PreflightFailure] = []
    releases = {desired.chart, *running(snapshot).values()} - {""}
    early = sorted(version for version in releases if minor(version) < POOLED_SINCE)
    if early:
        what = f"{now} -> {MULTI_POOL} needs Cilium 1.{POOLED_SINCE}, and the lab has {', '.join(early)}"
        found.append(PreflightFailure(what, "upgrade it first, by versions.cilium, one minor release at a time"))
    if not desired.one_way:
        what = f"{now} -> {MULTI_POOL} has no way back on a live cluster"
        found.append(PreflightFailure(what, "if that is meant: set migration.oneWay to true"))
    for name, node in sorted(snapshot.cilium_nodes.items()):
        outside = [cidr for cidr in node.pod_cidrs if not any(cidr.subnet_of(pool) for pool in desired.pools)]
        if outside:
            what = f"{name} has {', '.join(map(str, outside))}, which no range of clusterPool.cidrs holds"
            found.append(PreflightFailure(what, "add its range, or bring the lab to clusterPool.cidrs first"))
    return tuple(found)


def fixed(desired: Desired, snapshot: Snapshot) -> Failures:
    """What cannot change on a live cluster: what it is made with, and what its nodes have to have in common."""
    found: list[PreflightFailure] = []
    ranges = {
        "podSubnet": ("podCidr", desired.pod_cidr),
        "serviceSubnet": ("serviceCidr", desired.other_networks.get(SERVICE_RANGE)),
    }
    for name, (option, wanted) in ranges.items():
        made_with = snapshot.networking.get(name, wanted)
        if wanted != made_with:
            found.append(
                PreflightFailure(
                    f"{option} {made_with} -> {wanted} cannot be done on a live cluster: kubeadm made it with "
                    f"{made_with}, which the API server, the controller manager and every node keep",
                    f"set {option} back to {made_with}, or destroy the lab and bring it up again",
                )
            )
    found += [PreflightFailure(*step) for step in (too_far(desired, snapshot), refused(desired, snapshot)) if step]
    listed = changes(desired, snapshot)
    routing = [change for change in listed if change.path in ROUTING]
    for change in routing[:1]:  # where the mode changes, the protocol comes or goes with it
        found.append(
            PreflightFailure(
                f"{change} cannot be done on a live cluster: while nodes of both kinds exist, pods on one kind do not "
                "reach those on the other",
                "set it back, or destroy the lab and bring it up again",
            )
        )
    if any(change.path in MASQUERADING for change in listed) and nodes_of_new_cidr(desired, snapshot):
        found.append(
            PreflightFailure(
                "masquerade and the nodes' pod CIDRs cannot change in one step: iptables spares one range, so pods of "
                "two would see node addresses of each other",
                "set masquerade to bpf, run `pulumi up`, then change ipamMode or clusterPool",
            )
        )
    return tuple(found)


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


def _health(desired: Desired, snapshot: Snapshot) -> Failures:
    found: list[PreflightFailure] = []
    for node in snapshot.nodes:
        agent = snapshot.agent(node.name)
        if not node.ready:
            remedy = "repair it or remove it from the cluster"
            found.append(PreflightFailure(f"node {node.name} is not ready", remedy, transient=True))
        elif (agent is None or not agent.ready) and not may_be_down(desired, snapshot, node.name):
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
        pooled = node.name in snapshot.cilium_nodes and snapshot.cilium_nodes[node.name].pooled
        for cidr in () if pooled else pod_cidrs:
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
    if not desired.ip_masq_agent and nodes_of_new_cidr(desired, snapshot):
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


def _already_wrong(desired: Desired, snapshot: Snapshot) -> Failures:
    """I1, I3 and I5, which are about nodes and Cilium itself: the first step would wait for them in vain."""
    modes = {name: view.mode or "" for name, view in snapshot.views.items()}
    # Errors of the operator are reported by _health, or solved by a step.
    quiet = {name: replace(node, error="") for name, node in snapshot.cilium_nodes.items()}
    views = {name: view for name, view in snapshot.views.items() if view.mode}
    queried = replace(snapshot, views=views, cilium_nodes=quiet)
    found = violated(desired, queried, modes, ranges_in_use(desired, snapshot))
    return tuple(
        PreflightFailure(f"the cluster is not well already: {one}", "`./lab verify` tells more", transient=True)
        for one in found
        if one.invariant not in (*NOTED, "I4")  # the new range is not on the agents' lists yet
    )


def _workloads(desired: Desired, snapshot: Snapshot, moving: Goal) -> Failures:
    """Every pod that may not leave its node, and every budget that would keep one from it."""
    found: list[PreflightFailure] = []
    for name, cidr in moving.items():
        departed = departures(snapshot, desired, name, cidr)
        found += [
            PreflightFailure(f"pod {one.pod.key} on {name}: {one.why}", one.remedy)
            for one in departed
            if one.way is Way.REFUSED
        ]
        found += [PreflightFailure(one.what, one.remedy, one.transient) for one in held(snapshot, departed)]
    return tuple(dict.fromkeys(found))
