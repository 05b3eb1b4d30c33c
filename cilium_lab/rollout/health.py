"""How well the cluster was before the first change, and what of that has to be so again: pure functions.

What was not well before is nobody's hostage: it is noted, it leaves like all else, and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cilium_lab.kube.objects import Baseline, Pod, Snapshot, Workload, place
from cilium_lab.rollout.invariants import (
    Violation,
    Violations,
    addresses_in_pod_cidrs,
    endpoints_ready,
    services_backed,
)
from cilium_lab.rollout.outcomes import CANARY_LABEL

NOTED = ("I2", "I6", "I7")
"""Invariants about pods and Services: broken before, they are noted. The others are about nodes and Cilium itself."""


def baseline(snapshot: Snapshot, services: Iterable[str], unanswered: tuple[str, ...] = ()) -> Baseline:
    """What is not well in this snapshot. `services` are those that the lab itself needs (I7)."""
    short = {
        workload.key: workload.ready
        for workload in snapshot.workloads
        if workload.ready < workload.replicas or not workload.complete
    }
    replicated = {workload.key for workload in snapshot.workloads}
    unready = [
        place(pod)
        for pod in snapshot.pods
        if pod.on_pod_network
        and not (pod.ready or pod.terminating)
        and pod.group not in replicated
        and CANARY_LABEL not in pod.labels
    ]
    broken = (
        *addresses_in_pod_cidrs(snapshot),
        *endpoints_ready(snapshot),
        *services_backed(snapshot, services),
    )
    noted = Baseline(short, tuple(unready), (), unanswered)
    return replace(noted, violated=tuple(_name(one) for one in not_excused(broken, snapshot, noted)))


def got_worse(now: Snapshot, before: Baseline, begun: Iterable[str]) -> Baseline:
    """What is broken now and was not before, apart from what an interrupted rollout of the nodes `begun` explains:
    pods that wait for a node, or that are on one of those."""
    open_nodes = frozenset(begun)
    waiting = {pod.group for pod in now.pending}
    broken = [
        pod
        for pod in now.pods
        if pod.on_pod_network and not (pod.ready or pod.terminating or pod.node in open_nodes or before.excuses(pod))
    ]
    groups = {pod.group for pod in broken} - waiting
    replicated = {workload.key for workload in now.workloads}
    return Baseline(
        {
            workload.key: workload.ready
            for workload in now.workloads
            if short(workload, before) and (workload.key in groups or workload.failure)
        },
        tuple(place(pod) for pod in broken if pod.group not in replicated and CANARY_LABEL not in pod.labels),
    )


def merged(before: Baseline, worse: Baseline) -> Baseline:
    """What an earlier run noted, and what has got worse since."""
    return replace(
        before, ready={**before.ready, **worse.ready}, unready=tuple(dict.fromkeys((*before.unready, *worse.unready)))
    )


def expected(workload: Workload, before: Baseline) -> int:
    """How many of its pods have to be ready."""
    return min(workload.replicas, before.ready.get(workload.key, workload.replicas))


def short(workload: Workload, before: Baseline) -> bool:
    """Whether it has fewer ready pods than before, or its controller is still at work on them.

    A controller that gets no further pod is not at work: it goes on when a pod of it leaves, and not before.
    """
    if workload.key in before.ready:
        return workload.ready < expected(workload, before)
    return workload.ready < workload.replicas or not (workload.complete or workload.failure)


def unsettled(snapshot: Snapshot, before: Baseline, keys: Iterable[str] | None = None) -> tuple[Workload, ...]:
    """The workloads that are not as well as before; of these `keys` (`Workload.key`), or of all."""
    wanted = None if keys is None else frozenset(keys)
    return tuple(w for w in snapshot.workloads if (wanted is None or w.key in wanted) and short(w, before))


def not_excused(found: Violations, snapshot: Snapshot, before: Baseline) -> Violations:
    """The violations that did not hold before."""
    excused = {pod.key for pod in snapshot.pods if not pod.ready and before.excuses(pod)}
    return tuple(one for one in found if _name(one) not in before.violated and not _of(one, excused))


def notes(before: Baseline) -> tuple[str, ...]:
    """What was not well, in words."""
    return (
        *(
            f"{key} has {ready} ready pods, fewer than its replicas or not all of its newest version"
            for key, ready in sorted(before.ready.items())
        ),
        *(f"{where} is not ready" for where in before.unready),
        *(f"{name} does not hold" for name in before.violated),
    )


def words(pod: Pod) -> str:
    """How a pod is, in words."""
    state = "terminating" if pod.terminating else "ready" if pod.ready else "not ready"
    known = (str(pod.address or "no address"), state, pod.waiting_reason, pod.unscheduled)
    return ", ".join(filter(None, known))


def _name(violation: Violation) -> str:
    return f"{violation.invariant} {violation.subject}"


def _of(violation: Violation, pods: set[str]) -> bool:
    return violation.invariant in NOTED and violation.subject in pods
