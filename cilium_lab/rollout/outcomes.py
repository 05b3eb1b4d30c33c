"""What becomes of each pod of a node that is rolled out: it moves, is re-created in place, or forbids the rollout.

The preview, the preflight and the drain share the answer. It is a pure function of a survey of the cluster; where the
scheduler or a controller decides otherwise, the drain falls back from a restart to an eviction, and from there to
re-creation in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network

from cilium_lab.kube.decode import CORDON, ROLLOUT_TAINT
from cilium_lab.kube.objects import Pod, Snapshot, Workload
from cilium_lab.kube.quantities import quantity
from cilium_lab.kube.raw import member
from cilium_lab.kube.rules import tolerates
from cilium_lab.kube.state import pod_key
from cilium_lab.rollout.changes import created_after
from cilium_lab.rollout.placement import Board, feasible, objections, victims
from cilium_lab.rollout.request import Desired
from cilium_lab.rollout.successors import Obstacle, gone_at_home, lacking, obstacle

CANARY_LABEL = "cilium-lab/canary"
REPLICATED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


class Way(StrEnum):
    """How a pod leaves."""

    SURGE = "moves by a surging restart"
    """Of its Deployment: the new pod is ready before the old one ends."""
    EVICT = "moves by eviction"
    DAEMON = "is re-created in place by its DaemonSet"
    """It leaves before the agent's restart, and comes back after it."""
    DAEMON_AFTER = "is re-created in place by its DaemonSet after the agent's restart"
    """It tolerates every taint, so that nothing would keep its successor from starting too early."""
    AFTER = "is re-created in place after the agent's restart"
    """A cordon does not keep its successor from the node: evicted before, it would come back too early, for ever."""
    IN_PLACE = "is re-created in place"
    """Evicted last; its successor waits until the node is uncordoned."""
    BARE = "is deleted and re-created in place"
    """Nothing else re-creates it: its manifest is saved first."""
    JOB = "is waited for"
    ENDING = "is ending"
    REFUSED = "forbids the rollout"


MOVES = (Way.SURGE, Way.EVICT)
RECREATED = (Way.DAEMON, Way.DAEMON_AFTER, Way.AFTER, Way.IN_PLACE, Way.BARE)


@dataclass(frozen=True)
class Departure:
    """How one pod leaves, and why it does not leave in a better way."""

    pod: Pod
    way: Way
    why: str = ""
    remedy: str = ""
    """For one that forbids the rollout."""
    settling: int = 0
    """Seconds that its successor, once it is ready, has to stay so before it counts."""


def leaving(snapshot: Snapshot, node: str, pod_cidr: IPv4Network | None, after: str) -> tuple[Pod, ...]:
    """The pods of `node` that have no address of `pod_cidr` (None: any will do), or were created before `after`."""
    return tuple(
        pod
        for pod in snapshot.pods
        if pod.node == node
        and pod.on_pod_network
        and CANARY_LABEL not in pod.labels
        and (pod.address is None or bool(pod_cidr and pod.address not in pod_cidr) or pod.created < after)
    )


def to_recreate(desired: Desired, survey: Snapshot) -> frozenset[str]:
    """Pods that the rollout itself re-creates, `namespace/name`: the user has named them, or a run has saved them."""
    return frozenset({*desired.recreate, *(pod_key(manifest) for manifest in survey.state.pods)})


def is_dns(pod: Pod) -> bool:
    """Whether the pod is one of the cluster's DNS servers: the label that kubeadm and the kubelet's docs use."""
    return pod.labels.get("k8s-app") == "kube-dns"


def departures(survey: Snapshot, desired: Desired, node: str, pod_cidr: IPv4Network | None) -> tuple[Departure, ...]:
    """How every pod leaves `node`, in the order in which they leave. `survey` is one of `Cluster.survey`."""
    board = Board(survey.nodes, survey.pods, survey.claims, survey.namespaces).cordoned(node, on=True)
    found: list[Departure] = []
    after = created_after(desired, survey, node)
    for pod in sorted(leaving(survey, node, pod_cidr, after), key=lambda one: _order(one, survey)):
        one, board = _departure(pod, survey, desired, board)
        found.append(one)
    return tuple(_comes_home(one, board.cordoned(node, on=False)) for one in found)


def _comes_home(one: Departure, final: Board) -> Departure:
    """Judged again at the end: what left after it may have been what it has to be beside."""
    if one.way is not Way.IN_PLACE:
        return one
    here = next(node for node in final.nodes if node.name == one.pod.node)
    found = objections(one.pod, here, final.without(one.pod))
    if not found:
        return one
    why = f"it could not come back to {here.name} after the others have moved: {', '.join(what.why for what in found)}"
    return replace(
        one, way=Way.REFUSED, why=why, remedy="change its rules, or bind what it needs beside it to the node"
    )


def _order(pod: Pod, survey: Snapshot) -> tuple[bool, bool, str]:
    """Restarts take longest, so they begin first; then DNS, then by name."""
    workload = survey.workload(pod)
    return (not (workload and workload.surges and workload.replicas == 1), not is_dns(pod), pod.key)


def _departure(pod: Pod, survey: Snapshot, desired: Desired, board: Board) -> tuple[Departure, Board]:
    kind = pod.owner[0] if pod.owner else ""
    workload = survey.workload(pod)
    if pod.terminating:
        waits = f"it has finalizers: {', '.join(pod.finalizers)}" if pod.finalizers else ""
        return Departure(pod, Way.ENDING, waits), board
    if kind == "DaemonSet":
        return _daemon(pod, survey, desired), board
    if kind == "Job":
        return _job(pod, desired), board
    if kind in REPLICATED and workload is not None:
        return _replica(pod, workload, survey, desired, board)
    return _unreplicated(pod, kind, survey, desired), board


def _stays(pod: Pod, survey: Snapshot, desired: Desired, *, bound: bool) -> Departure | None:
    """Refused: a ready pod that could not start again on its own node. `bound`: see `successors.obstacle`."""
    if not pod.ready:
        return None
    found = obstacle(pod, survey, bound=bound) or gone_at_home(pod, survey, registry=desired.registry)
    if found:
        return _refused(pod, found)
    denied = survey.inadmissible.get(pod.key, "") or survey.inadmissible.get(pod.group, "")
    return _inadmissible(pod, denied) if denied and not _fits_afterwards(denied) else None


def _refused(pod: Pod, found: Obstacle) -> Departure:
    return Departure(pod, Way.REFUSED, found.why, found.remedy)


def _daemon(pod: Pod, survey: Snapshot, desired: Desired) -> Departure:
    if refused := _stays(pod, survey, desired, bound=False):
        return refused
    before = not tolerates(pod.rules.tolerations, ROLLOUT_TAINT, "", "NoSchedule")
    return Departure(pod, Way.DAEMON if before else Way.DAEMON_AFTER, "it belongs to its node")


def _job(pod: Pod, desired: Desired) -> Departure:
    if not pod.ready and pod.waiting_reason:
        return Departure(pod, Way.EVICT, f"it does no work ({pod.waiting_reason}), and is not waited for")
    match desired.jobs:
        case "delete":
            return Departure(pod, Way.EVICT, "migration.jobs is delete: its work so far is lost")
        case "wait":
            return Departure(pod, Way.JOB, "it is a Job's, and its work would be lost")
        case _:
            remedy = "wait for it, or set migration.jobs to wait, or to delete if its work may be lost"
            return Departure(pod, Way.REFUSED, f"it works for {pod.group}, and its work would be lost", remedy)


def _unreplicated(pod: Pod, kind: str, survey: Snapshot, desired: Desired) -> Departure:
    """A bare pod, one of a static manifest, or one of a controller that this program does not know."""
    if kind == "Node":
        why = "the kubelet runs it from a static manifest and would not re-create it"
        return Departure(pod, Way.REFUSED, why, "give it hostNetwork, or take its manifest from the node")
    if pod.key in to_recreate(desired, survey):
        return _stays(pod, survey, desired, bound=True) or Departure(pod, Way.BARE, "migration.recreate names it")
    recreate = f"add {pod.key} to migration.recreate and it is re-created with a new address"
    if not kind:
        why = "it has no controller, so nothing re-creates it after its node's rollout"
        return Departure(pod, Way.REFUSED, why, f"delete it, or {recreate}")
    why = f"it belongs to {pod.group}, and nobody knows whether that re-creates it"
    return Departure(pod, Way.REFUSED, why, f"{recreate}, by its controller or else by the rollout")


def _replica(pod: Pod, workload: Workload, survey: Snapshot, desired: Desired, board: Board) -> tuple[Departure, Board]:
    departure, board = _replica_leaves(pod, workload, survey, desired, board)
    return replace(departure, settling=workload.settling), board


def _replica_leaves(
    pod: Pod, workload: Workload, survey: Snapshot, desired: Desired, board: Board
) -> tuple[Departure, Board]:
    rest = board.without(pod)
    bound = bool(member(workload.template, "spec").get("nodeName"))
    if bound or tolerates(pod.rules.tolerations, CORDON, "", "NoSchedule"):
        # Of one that tolerates a cordon the successor may be placed on another node as well.
        found = lacking(pod, () if bound or not pod.ready else feasible(pod, rest), survey, registry=desired.registry)
        refused = _refused(pod, found) if found else _stays(pod, survey, desired, bound=bound)
        return refused or Departure(pod, Way.AFTER, "a cordon does not keep it from its node"), board
    if not pod.ready:
        return Departure(pod, Way.EVICT, f"it is not ready ({pod.waiting_reason or 'yet'}), and not waited for"), rest
    if found := obstacle(pod, survey):
        return _refused(pod, found), board
    if refused := _never_back(pod, workload, survey):
        return refused, board
    denied = survey.inadmissible.get(workload.key, "")
    if denied and not _fits_afterwards(denied):
        return _inadmissible(pod, denied), board
    surges = workload.surges and workload.replicas == 1 and not denied
    if surges and workload.restarting:
        return Departure(pod, Way.SURGE), rest
    if surges and workload.complete:
        beside = feasible(pod, board)
        if beside and (found := lacking(pod, beside, survey, registry=desired.registry)):
            return _refused(pod, found), board
        if beside:
            return Departure(pod, Way.SURGE), rest.with_pod(pod, beside[0].name)
    places = feasible(pod, rest)
    if places and (found := lacking(pod, places, survey, registry=desired.registry)):
        return _refused(pod, found), board
    if places:
        return Departure(pod, Way.EVICT, _alone(workload, denied)), rest.with_pod(pod, places[0].name)
    if found := gone_at_home(pod, survey, registry=desired.registry):
        return _refused(pod, found), board
    return _in_place(pod, rest), board


def _never_back(pod: Pod, workload: Workload, survey: Snapshot) -> Departure | None:
    """Refused: a ready pod that its controller would not re-create, whatever the scheduler says."""
    if workload.ordered:
        peers = [one for one in (*survey.pods, *survey.pending) if one.group == pod.group and not one.ready]
        # In the middle of a rollout a lower one may just be starting: only what is evidently broken counts then.
        broken = [one for one in peers if one.waiting_reason or one.unscheduled or not survey.state.nodes]
        lower = [one.key for one in broken if _ordinal(one) < _ordinal(pod)]
        if lower:
            why = f"{workload.key} makes no pod while one of a lower number is not ready ({', '.join(lower)})"
            return Departure(pod, Way.REFUSED, why, f"repair {lower[0]}, or scale the StatefulSet down to it")
    return None


def _ordinal(pod: Pod) -> int:
    """The number at the end of a name that its StatefulSet gave; -1 where there is none."""
    number = pod.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def _fits_afterwards(denied: str) -> bool:
    """Whether a quota has capacity for a pod when the one that it replaces has gone: not more is used than may be.

    The words are the API server's (plugin/pkg/admission/resourcequota): exceeded quota: NAME, requested: a=1,b=2,
    used: a=3,b=4, limited: a=3,b=6.
    """
    found = re.search(r"exceeded quota: .*, used: (\S+), limited: (\S+)", denied)
    if found is None:
        return False
    used, limited = (dict(one.split("=") for one in text.split(",")) for text in found.groups())
    return all(quantity(used[name]) <= quantity(limited[name]) for name in limited)


def _alone(workload: Workload, denied: str) -> str:
    if workload.replicas > 1:
        return ""
    if denied:
        return "the quota has no capacity for a second pod"
    return "it is the only replica of a workload that cannot surge"


def _in_place(pod: Pod, rest: Board) -> Departure:
    """It finds no other node: it has to be able to come back to its own, and to end nobody meanwhile."""
    others = [node for node in rest.nodes if node.name != pod.node]
    reasons = {node.name: objections(pod, node, rest) for node in others}
    why = "; ".join(f"{name}: {', '.join(one.why for one in found)}" for name, found in reasons.items())
    for node in others:
        if lower := victims(pod, node, rest):
            names = ", ".join(other.key for other in lower) + f" ({node.name})"
            return Departure(
                pod,
                Way.REFUSED,
                f"no other node has capacity, and by its priority {pod.rules.priority} it would end {names}",
                "make capacity, or give its PriorityClass preemptionPolicy Never",
            )
    back = rest.cordoned(pod.node, on=False)
    here = next(node for node in back.nodes if node.name == pod.node)
    if found := objections(pod, here, back):
        return Departure(
            pod,
            Way.REFUSED,
            f"no node may run it any more: {pod.node}: {', '.join(one.why for one in found)}; {why}",
            "change its rules or the nodes, until `kubectl delete pod` would bring it back",
        )
    return Departure(pod, Way.IN_PLACE, why)


def _inadmissible(pod: Pod, denied: str) -> Departure:
    why = f"the API server admits no further pod of {pod.group}: {denied}"
    return Departure(pod, Way.REFUSED, why, "solve that first: `kubectl delete pod` would lose it as well")


# -- disruption budgets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A disruption budget that keeps pods from leaving."""

    what: str
    remedy: str
    transient: bool = False
    """It may allow it in a moment."""


def held(survey: Snapshot, departed: Iterable[Departure]) -> tuple[Held, ...]:
    """The budgets that keep pods of one node from leaving. Surging restarts need none, and neither does what is not
    ready: it serves nobody. Pods that are re-created in place are away together."""
    ways = (Way.EVICT, Way.IN_PLACE, Way.AFTER, Way.DAEMON)
    evicted = [one for one in departed if one.pod.ready and one.way in ways]
    found: list[Held] = []
    for budget in survey.budgets:
        mine = [one for one in evicted if budget.selects(one.pod)]
        together = sum(one.way != Way.EVICT for one in mine)
        pods = ", ".join(one.pod.key for one in mine)
        if mine and budget.error:
            why = f"the disruption budget {budget.key} allows no eviction ({pods}): {budget.error}"
            found.append(Held(why, "change its selector, so that it selects pods of replicated workloads alone"))
            continue
        least = f"the disruption budget {budget.key} requires {budget.desired} of {budget.expected} pods healthy"
        if not mine:
            continue
        if budget.forbids:
            remedy = "raise the replicas or lower minAvailable"
            found.append(Held(f"{least}, so none of them may ever move", remedy))
        elif budget.allowed(survey.pods) == 0:
            remedy = "repair the pods that are not ready, see `kubectl get pdb -A`"
            found.append(Held(f"{least}, and allows no eviction now ({pods})", remedy, transient=True))
        elif together > budget.expected - budget.desired:
            why = f"{least}, and {together} of them can only be re-created in place, together ({pods})"
            found.append(Held(why, "make capacity for them on other nodes, or lower minAvailable"))
    return tuple(found)
