"""Notes, before the first change, what is not well and which of the canary's questions have no answer.

Kept in the cluster until the migration ends, so that a run that continues a killed one judges by the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cilium_lab.disruption.stages import Name
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, poll, unmet
from cilium_lab.kube.objects import Baseline, Snapshot
from cilium_lab.rollout.health import baseline, got_worse, merged, notes
from cilium_lab.rollout.plan import rollout_order
from cilium_lab.rollout.request import Desired
from cilium_lab.rollout.trial import Trial

_PAUSE = 1.0


class Before:
    """The baseline of a migration."""

    def __init__(self, desired: Desired, cluster: Cluster, waiter: Waiter) -> None:
        self._desired = desired
        self._cluster = cluster
        self._waiter = waiter

    def known(self, snapshot: Snapshot) -> Baseline:
        """The baseline that an earlier run noted, with what has got worse since; without one, a new one.

        Raises ConditionTimeout if the canary cannot run, and ApiError.
        """
        before = snapshot.state.baseline
        if before is None:
            return self.note(snapshot)
        worse = merged(before, self._got_worse(before))
        if worse != before:
            self._report(worse)
            self._cluster.write_state(replace(self._cluster.state(), baseline=worse))
        return worse

    def note(self, snapshot: Snapshot) -> Baseline:
        """Notes a new baseline and reports it. The canary is tried on the node that is rolled out last."""
        found = baseline(snapshot, self._desired.services, self._unanswered(snapshot))
        self._report(found)
        self._cluster.write_state(replace(self._cluster.state(), baseline=found))
        return found

    def _got_worse(self, before: Baseline) -> Baseline:
        """What is broken besides. Pods that a killed run has left on their way get the time of one replacement."""
        found = Baseline()

        def assess() -> Result:
            nonlocal found
            now = self._cluster.workload_snapshot()
            found = got_worse(now, before, self._cluster.state().nodes)
            late = (*found.ready, *found.unready)
            if late:
                return unmet(expected="all pods as before", seen=", ".join(late), next="their logs")
            return met("as before")

        limit = self._desired.limits.replacement
        told = Condition(Name.BASELINE, assess, limit)
        poll(told, limit, self._waiter.clock, _PAUSE, lambda _seconds, _result: None)
        return found

    def _unanswered(self, snapshot: Snapshot) -> tuple[str, ...]:
        if self._desired.canary is None:
            return ()
        node = rollout_order(snapshot.nodes)[-1].name
        trial = Trial(self._desired.canary, self._cluster, self._waiter, node, self._desired.limits.canary)
        try:
            trial.start()
            trial.wait_until_ready()
            failed = _without_answer_twice(trial)
        finally:
            trial.end()
        if failed:
            policies = self._cluster.survey(snapshot).network_policies
            known = f"; what may keep pods apart: {', '.join(policies)}" if policies else ""
            self._waiter.report(
                Name.BASELINE,
                node,
                0.0,
                f"the canary's questions without an answer, which are not repeated: {'; '.join(failed.values())}"
                f"{known}",
            )
        return tuple(failed)

    def _report(self, found: Baseline) -> None:
        for line in notes(found):
            self._waiter.report(Name.BASELINE, "", 0.0, f"{line}: noted, and not waited for")


def _without_answer_twice(trial: Trial) -> Mapping[str, str]:
    """The questions without an answer in two tries: one may be late. Raises ApiError if the second try fails."""
    try:
        first = trial.query()
    except ApiError:
        return trial.query()
    if not first:
        return first
    return {name: why for name, why in trial.query().items() if name in first}
