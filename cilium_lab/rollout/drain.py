"""Drains a node: what can run elsewhere moves first, what cannot leaves last, and nobody has fewer pods than it needs.

Decisions come from `outcomes`. Where the cluster decides otherwise (a replacement that no node takes, or that the API
server does not admit), its own words are reported within seconds, and the pod falls back to the next way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import NoReturn, TypeVar

from cilium_lab.disruption.stages import Name
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, ConditionTimeout, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Baseline, Pod, Snapshot, Workload
from cilium_lab.kube.state import pod_key, pod_manifest
from cilium_lab.rollout import estimates
from cilium_lab.rollout.changes import created_after
from cilium_lab.rollout.health import expected, short, unsettled, words
from cilium_lab.rollout.outcomes import MOVES, REPLICATED, Departure, Way, departures, held, leaving, to_recreate
from cilium_lab.rollout.request import Desired
from cilium_lab.rollout.successors import needed

_PATIENCE = 3.0
"""Seconds for which the scheduler may say that there is no node: another pod may just be on its way out."""
_SETTLING = 30.0
"""Seconds for which pods without a node are waited for before the cordon."""
_LAST = (Way.IN_PLACE, Way.DAEMON, Way.BARE)

_PASSING = (404, 409, 429)
"""Answers of the API server that another moment may change: gone, of another version, too many requests."""
T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Gets how many pods have left, and of how many."""


def survey(
    desired: Desired, cluster: Cluster, snapshot: Snapshot, moving: Mapping[str, IPv4Network | None]
) -> Snapshot:
    """The snapshot with all that `departures` of these nodes (node -> its next pod CIDR) needs."""
    found = cluster.survey(snapshot)
    pods = [
        pod
        for node, pod_cidr in moving.items()
        for pod in leaving(found, node, pod_cidr, created_after(desired, snapshot, node))
    ]
    saved = to_recreate(desired, found)
    denied = {
        **cluster.inadmissible(found, {pod.group for pod in pods}),
        **cluster.not_admitted_again(pod for pod in pods if pod.key in saved and not pod.terminating),
    }
    wanted = [(pod.namespace, one) for pod in pods for needs in needed(pod, found) for one in needs.objects]
    return replace(found, inadmissible=denied, contents=cluster.contents(wanted))


def next_evictions(snapshot: Snapshot, wanted: Iterable[Pod], before: Baseline) -> tuple[Pod, ...]:
    """Of the pods to evict those that may leave now, one of each workload: as many are missing at once as its strategy
    allows; where that is one, only while it is as well as before."""
    chosen: dict[str, Pod] = {}
    for pod in wanted:
        workload = snapshot.workload(pod)
        # A pod that is not ready serves no request: it may leave now, or a broken workload keeps its node for ever.
        if pod.ready and workload is not None:
            # Counted from the pods: the controller's own figure is late, and two evictions would see the same one.
            ready = sum(one.group == pod.group and one.ready and not one.terminating for one in snapshot.pods)
            if ready - 1 < expected(workload, before) - workload.unavailable:
                continue
            if workload.unavailable == 1 and short(workload, before):
                continue
        chosen.setdefault(pod.group, pod)
    return tuple(chosen.values())


class Drain:
    """The drain of one node that is to get `pod_cidr`. May be begun again at any time."""

    def __init__(
        self,
        desired: Desired,
        cluster: Cluster,
        waiter: Waiter,
        node: str,
        pod_cidr: IPv4Network | None,
        before: Baseline,
        stamp: Callable[[], str],
        progress: Progress,
    ) -> None:
        self._desired = desired
        self._cluster = cluster
        self._waiter = waiter
        self._node = node
        self._pod_cidr = pod_cidr
        self._after = ""
        """When pods that may stay were created, at the earliest."""
        self._before = before
        self._stamp = stamp
        self._progress = progress
        self._departures: tuple[Departure, ...] = ()
        self._ways: dict[str, Way] = {}
        self._total = 0
        self._crowded: frozenset[str] = frozenset()
        self._since: dict[str, float] = {}
        """Group -> when a pod of it left for elsewhere last."""
        self._left: Counter[str] = Counter()
        """Group -> how many pods of it have left for elsewhere."""
        self._pending_before: frozenset[str] = frozenset()
        self._unplaced: dict[str, float] = {}
        """uid of a pod that no node takes -> since when."""
        self._told: set[str] = set()
        self._grounded: dict[str, str] = {}
        """Group of which no node takes a pod -> which pod, and the scheduler's words."""
        self._surged = 0
        self._coming_back: frozenset[str] = frozenset()
        """Groups whose pods a cordon does not keep from the node."""
        self._begun: float | None = None
        """When pods were first seen without a node, before the cordon."""

    def run(self) -> tuple[Departure, ...]:
        """Cordon, wait for Jobs, move what can move until it is complete elsewhere, then let the others leave.

        Raises ConditionTimeout. Returned is what has to be back after the agent's restart.
        """
        state = self._cluster.state()
        if self._node not in state.nodes:
            self._cluster.write_state(replace(state, nodes=(*state.nodes, self._node)))
        limits = self._desired.limits
        if not any(node.name == self._node and node.cordoned for node in self._cluster.snapshot().nodes):
            self._waiter.wait(Condition(Name.PLACED, self._placed, _SETTLING + limits.nodes, self._node))
        self._cluster.cordon(self._node, on=True)
        self._waiter.wait(Condition(Name.DECIDED, self._decide, limits.nodes, self._node))
        found = self._departures
        if any(one.way is Way.JOB for one in found):
            self._waiter.wait(Condition(Name.JOBS, self._jobs_finished, limits.jobs, self._node))
        self._waiter.wait(Condition(Name.DRAINED, self._drained, estimates.drain_limit(limits, found), self._node))
        if any(self._ways.get(one.pod.uid) is Way.DAEMON for one in found):
            self._cluster.taint(self._node, on=True)
        self._waiter.wait(Condition(Name.LAST_LEFT, self._last_left, estimates.drain_limit(limits, found), self._node))
        return tuple(replace(one, way=self._ways.get(one.pod.uid, one.way)) for one in found)

    def _placed(self) -> Result:
        """What an earlier rollout, perhaps of a run that was killed, left without a node has one, or had its time.

        A pod that still waits for a node when the next one is cordoned would hold the others of its workload there.
        """
        snapshot = self._cluster.workload_snapshot()
        behind = {workload.key for workload in unsettled(snapshot, self._before)}
        waiting = [f"{pod.key} ({words(pod)})" for pod in snapshot.pending if pod.group in behind]
        now = self._waiter.clock.now()
        if not waiting:
            return met("every pod has a node")
        self._begun = now if self._begun is None else self._begun
        if now - self._begun >= _SETTLING:
            self._undo_restarts(snapshot)
            return met(f"not waited for any longer: {', '.join(waiting)}")
        return unmet(expected="a node for every pod", seen=", ".join(waiting), next="`kubectl describe pod`")

    def _undo_restarts(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Of pods that find no node: what an earlier run restarted, and did not undo; the keys of those."""
        owners = [snapshot.workload(pod) for pod in snapshot.pending if pod.unscheduled]
        undone = {workload.key: workload for workload in owners if workload and workload.restarting}
        for workload in undone.values():
            self._cluster.undo_restart(workload)
        return tuple(undone)

    # -- decision --------------------------------------------------------------------------------------------------

    def _decide(self) -> Result:
        """Raises ConditionTimeout, before anything has left, where a pod came meanwhile that forbids the rollout."""
        snapshot = self._cluster.snapshot()
        self._after = created_after(self._desired, snapshot, self._node)
        surveyed = survey(self._desired, self._cluster, snapshot, {self._node: self._pod_cidr})
        if undone := self._undo_restarts(surveyed):
            return unmet(expected="no restart half done", seen=f"undone: {', '.join(undone)}", next="nothing")
        found = departures(surveyed, self._desired, self._node, self._pod_cidr)
        forbidden = [(f"{one.pod.key}: {one.why}", one.remedy) for one in found if one.way is Way.REFUSED]
        forbidden += [(one.what, one.remedy) for one in held(surveyed, found) if not one.transient]
        if forbidden:
            self._fail(
                0.0,
                expected=f"every pod of {self._node} may leave, as when the preflight looked",
                seen="; ".join(why for why, _ in forbidden),
                next="; ".join(remedy for _, remedy in forbidden),
            )
        self._departures = found
        self._ways = {one.pod.uid: one.way for one in found}
        self._coming_back = frozenset(one.pod.group for one in found if one.way is Way.AFTER)
        self._total = sum(one.way in MOVES for one in found)
        self._crowded = frozenset(
            one.pod.uid for one in found if sum(budget.selects(one.pod) for budget in surveyed.budgets) > 1
        )
        surging = {one.pod.group for one in found if one.way is Way.SURGE}
        begun = {w.key for w in surveyed.workloads if w.restarting and w.key in surging}
        self._since = dict.fromkeys(begun, self._waiter.clock.now())
        self._pending_before = frozenset(pod.uid for pod in surveyed.pending if pod.group not in begun)
        return met(f"{self._total} of {len(found)} pods move")

    def _fail(self, limit: float, *, expected: str, seen: str, next: str) -> NoReturn:
        result = unmet(expected=expected, seen=seen, next=next)
        raise ConditionTimeout(Condition(Name.DRAINED, lambda: result, limit, self._node), result)

    def _jobs_finished(self) -> Result:
        here = self._leaving(self._cluster.workload_snapshot())
        running = [pod.key for pod in here if self._way(pod) is Way.JOB]
        if running:
            return unmet(
                expected="no Job at work",
                seen=", ".join(running),
                next="wait for it, or set migration.limits.jobs higher, or migration.jobs to delete if it may be lost",
            )
        return met("none at work")

    def _leaving(self, snapshot: Snapshot) -> tuple[Pod, ...]:
        return leaving(snapshot, self._node, self._pod_cidr, self._after)

    def _way(self, pod: Pod) -> Way:
        """As decided; a pod that came since is treated by its kind alone."""
        kind = pod.owner[0] if pod.owner else ""
        if pod.group in self._coming_back:
            return Way.AFTER
        usual = {**dict.fromkeys(REPLICATED, Way.EVICT), "DaemonSet": Way.DAEMON_AFTER, "Job": Way.JOB}
        return self._ways.get(pod.uid, usual.get(kind, Way.BARE))

    # -- what can run elsewhere ------------------------------------------------------------------------------------

    def _drained(self) -> Result:
        """Moves the next pod that may leave now; `seen` lists what is still here."""
        snapshot = self._cluster.workload_snapshot()
        self._fall_back(snapshot)
        here = [pod for pod in self._leaving(snapshot) if self._way(pod) in (*MOVES, Way.ENDING)]
        moving = [pod for pod in here if not pod.terminating]
        blocked = self._move_one(snapshot, moving)
        late = [w for w in snapshot.workloads if w.key in self._since and self._lacks(w, snapshot)]
        self._progress(self._total - len(moving), self._total)
        if not here and not late:
            return met(f"{sum(self._left.values())} evicted, {self._surged} surged")
        if not late:
            self._end_if_stuck(snapshot, here, blocked)
        self._end_if_too_late(late, snapshot)
        return unmet(
            expected=f"nothing on {self._node} that can run elsewhere, and all of it complete there",
            seen=", ".join(
                [
                    *(f"{pod.key} is here" for pod in here),
                    *(f"{w.key} has {w.ready} of {expected(w, self._before)}" for w in late),
                    *(f"{key} is held by its disruption budget" for key in blocked),
                ]
            ),
            next="`kubectl describe pod` of what is Pending, and `kubectl get pdb -A`",
        )

    def _move_one(self, snapshot: Snapshot, moving: list[Pod]) -> tuple[str, ...]:
        """One per assessment: half a dozen pods that start at once starve all others of the cores for half a second.

        Restarts come first, for they take longest: the new pod has to be ready before the old one ends. Returns the
        pods that their budgets hold.
        """
        for pod in moving:
            workload = snapshot.workload(pod)
            if self._way(pod) is Way.SURGE and workload and workload.key not in self._since and workload.complete:
                self._permitted(pod, lambda found=workload: self._cluster.restart(found, self._stamp()))
                self._since[workload.key] = self._waiter.clock.now()
                self._surged += 1
                return ()
        blocked: list[str] = []
        evicted = [pod for pod in moving if self._way(pod) is Way.EVICT]
        for pod in next_evictions(snapshot, evicted, self._before):
            if self._leave(pod):
                if snapshot.workload(pod) and pod.ready:
                    self._since[pod.group] = self._waiter.clock.now()
                self._left[pod.group] += 1
                break
            blocked.append(pod.key)
        return tuple(blocked)

    def _leave(self, pod: Pod) -> bool:
        """False if a disruption budget holds the pod. The eviction API knows one budget a pod, and counts a pod that is
        not ready as one that is missed; such pods are deleted, within all of their budgets."""
        if pod.ready and pod.uid not in self._crowded:
            return self._permitted(pod, lambda: self._cluster.evict(pod))
        if pod.ready:
            pods = self._cluster.pods()
            if any(budget.selects(pod) and budget.allowed(pods) < 1 for budget in self._cluster.budgets()):
                return False
        self._permitted(pod, lambda: self._cluster.delete_pod(pod))
        return True

    def _permitted(self, pod: Pod, request: Callable[[], T]) -> T:
        """The request's answer. One that is denied, by admission say, would be so for ever: the run ends at once."""
        try:
            return request()
        except ApiError as error:
            if 400 <= error.status < 500 and error.status not in _PASSING:
                self._fail(
                    0.0,
                    expected=f"the API server lets {pod.key} leave {self._node}",
                    seen=f"{error.status} {error.message}",
                    next="change what denies it: an admission webhook or policy, or the rights of this user",
                )
            raise

    def _lacks(self, workload: Workload, snapshot: Snapshot) -> bool:
        """Whether a workload is not complete elsewhere yet, but for the pods that no node takes."""
        waiting = sum(pod.group == workload.key and pod.uid in self._told for pod in snapshot.pending)
        if waiting:
            return workload.ready < expected(workload, self._before) - min(waiting, self._left[workload.key])
        return short(workload, self._before)

    def _fall_back(self, snapshot: Snapshot) -> None:
        """A surging restart that is not admitted becomes an eviction; what no node takes is re-created in place."""
        now = self._waiter.clock.now()
        for workload in snapshot.workloads:
            if workload.key in self._since and workload.failure and workload.key not in self._told:
                self._told.add(workload.key)
                self._waiter.tell(f"{workload.key} gets no further pod: {workload.failure}")
                self._change(workload.key, Way.SURGE, Way.EVICT, snapshot)
                if not self._left[workload.key]:
                    del self._since[workload.key]
        for pod in snapshot.pending:
            if pod.group not in self._since or not pod.unscheduled or pod.uid in self._pending_before:
                continue
            since = self._unplaced.setdefault(pod.uid, now)
            if now - since >= _PATIENCE and pod.uid not in self._told:
                self._told.add(pod.uid)
                self._grounded[pod.group] = f"{pod.key} finds no node: {pod.unscheduled}"
                self._waiter.tell(f"{self._grounded[pod.group]}; it waits until {self._node} is uncordoned")
                # The pod of a restart would compete with its predecessor's successor for the one place.
                if workload := snapshot.workload(pod):
                    self._cluster.undo_restart(workload)
                for way in MOVES:
                    self._change(pod.group, way, Way.IN_PLACE, snapshot)

    def _change(self, group: str, old: Way, new: Way, snapshot: Snapshot) -> None:
        for pod in snapshot.pods:
            if pod.node == self._node and pod.group == group and self._way(pod) is old:
                self._ways[pod.uid] = new

    def _end_if_stuck(self, snapshot: Snapshot, left: Sequence[Pod], blocked: Iterable[str]) -> None:
        """Pods that their budgets hold for want of others that no node takes before the uncordon would wait for ever.

        Raises ConditionTimeout: the node is given back, and with it come those that are away.
        """
        held_back = frozenset(blocked)
        away = {pod.group for pod in (*snapshot.pending, *left)}
        waiting = [said for group, said in self._grounded.items() if group in away]
        if waiting and held_back and all(pod.key in held_back for pod in left):
            self._fail(
                0.0,
                expected=f"{', '.join(sorted(held_back))} may leave {self._node}",
                seen=f"held by a disruption budget, while {'; '.join(waiting)}",
                next="make capacity for them on another node, or let the budget miss one more pod",
            )

    def _end_if_too_late(self, late: Iterable[Workload], snapshot: Snapshot) -> None:
        """Nobody stays away for long: the run ends when one replacement takes too long. Raises ConditionTimeout."""
        now = self._waiter.clock.now()
        for workload in late:
            pods = [pod for pod in (*snapshot.pods, *snapshot.pending) if pod.group == workload.key and not pod.ready]
            left = (one.pod for one in self._departures if one.pod.group == workload.key)
            start = max((pod.slowest + pod.rules.grace for pod in (*pods, *left)), default=0)
            limit = self._desired.limits.replacement + start + workload.settling
            if now - self._since[workload.key] >= limit:
                self._fail(
                    limit,
                    expected=f"{workload.key} with {expected(workload, self._before)} ready pods, as before",
                    seen="; ".join([f"{workload.ready} ready", *(f"{pod.key} ({words(pod)})" for pod in pods)]),
                    next=f"`kubectl -n {workload.namespace} describe pods`; its log",
                )

    # -- what cannot -----------------------------------------------------------------------------------------------

    def _last_left(self) -> Result:
        """Lets all of them leave, and sees what is still there."""
        snapshot = self._cluster.workload_snapshot()
        here = self._leaving(snapshot)
        left = [pod for pod in here if self._way(pod) in (*_LAST, *MOVES, Way.ENDING)]
        staying = [pod for pod in left if not pod.terminating]
        self._save([pod for pod in staying if self._way(pod) is Way.BARE])
        blocked: list[str] = []
        for pod in staying:
            if self._way(pod) is Way.BARE:
                self._cluster.delete_pod(pod)
            elif not self._leave(pod):
                blocked.append(pod.key)
        if left:
            self._end_if_stuck(snapshot, left, blocked)
            seen = [f"{pod.key} ({words(pod)})" for pod in left if pod.key not in blocked]
            seen += [f"{key} is held by its disruption budget" for key in blocked]
            return unmet(
                expected=f"no pod with an address of before on {self._node}",
                seen=", ".join(seen),
                next="`kubectl describe pod`: its finalizers, and `kubectl get pdb -A`",
            )
        return met("none left")

    def _save(self, pods: list[Pod]) -> None:
        """Saved first, deleted second: a run that ends between the two loses nothing."""
        state = self._cluster.state()
        saved = {pod_key(manifest) for manifest in state.pods}
        new = tuple(pod_manifest(self._cluster.manifest(pod)) for pod in pods if pod.key not in saved)
        if new:
            self._cluster.write_state(replace(state, pods=(*state.pods, *new)))
