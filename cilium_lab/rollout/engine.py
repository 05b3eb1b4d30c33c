"""Goes the road: looks, plans, does the first step, checks the invariants, and looks again until nothing is left."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network

from cilium_lab.kube.agent import Ask
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, ConditionTimeout, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout import canary, invariants
from cilium_lab.rollout.agents import Agents
from cilium_lab.rollout.node import Turn
from cilium_lab.rollout.plan import LIVE, Step, plan
from cilium_lab.rollout.pod_cidrs import targets
from cilium_lab.rollout.preflight import ranges_in_use
from cilium_lab.rollout.request import Desired

EVERYTHING = Ask.STATUS | Ask.MASQUERADE | Ask.DROPS
_REPEATS = 3
"""A step that is still planned after so many tries does not do what it should."""


def utc_stamp() -> str:
    """Now, as RFC 3339."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Engine:
    """One run. `waiter` tells about everything; `stamp` gives the value of restart annotations."""

    def __init__(
        self, desired: Desired, cluster: Cluster, waiter: Waiter, stamp: Callable[[], str] = utc_stamp
    ) -> None:
        self._desired = desired
        self._cluster = cluster
        self._waiter = waiter
        self._limits = desired.limits
        self._agents = Agents(cluster, waiter, desired.limits)
        self._stamp = stamp
        self._drops: dict[str, Mapping[str, int]] = {}
        self._left_behind: tuple[IPv4Network, ...] = ()

    def run(self) -> tuple[Step, ...]:
        """Everything up to the desired state; what was done. Raises ConditionTimeout or ApiError.

        Nothing is undone when it raises, but for `release_nodes`; another run goes on from there.
        """
        self._waiter.stage = "1 lists"
        self._waiter.wait(Condition("nodes and agents ready", self._agents_ready, self._limits.nodes))
        self._lists()
        self._waiter.stage = "2 operator"
        self._waiter.wait(Condition("operator configured", self._configured, self._limits.operator))
        if self._desired.mode not in LIVE:
            self._waiter.report("nothing to carry", "", 0.0, f"{self._desired.mode} is only had from the first day on")
            return ()
        done: list[Step] = []
        snapshot = self._cluster.look(EVERYTHING)
        self._drops = {name: dict(view.drops or {}) for name, view in snapshot.views.items()}
        self._left_behind = ranges_in_use(self._desired, snapshot)
        while steps := plan(self._desired, snapshot):
            step = steps[0]
            if [(s.kind, s.node) for s in done].count((step.kind, step.node)) == _REPEATS:
                self._stuck(step)
            self._waiter.stage = f"{step.stage} {step.kind}"
            self._waiter.report("begins", step.node, 0.0, step.reason)
            started = self._waiter.clock.now()
            self._do(step, snapshot)
            self._check(step, snapshot)
            self._waiter.report("done", step.node, self._waiter.clock.now() - started, step.kind)
            done.append(step)
            snapshot = self._cluster.look()
        if done:
            self._finish()
        return tuple(done)

    def release_nodes(self, failure: Exception) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """For a run that failed: uncordon the nodes whose turn has not ended and whose agent works; no canary stays.

        Returned are the freed nodes and those that stay cordoned: without a working agent, or where a canary did not
        reach what pods have to reach. The note of all of them stays: the next run gives them their whole turn again.
        """
        snapshot = self._cluster.snapshot()
        cut_off = failure.node if isinstance(failure, ConditionTimeout) and failure.name == canary.GATE else ""
        working = [name for name in snapshot.record.turns if (agent := snapshot.agent(name)) and agent.ready]
        freed = tuple(name for name in working if name != cut_off)
        for name in freed:
            self._cluster.cordon(name, on=False)
        for pod in snapshot.pods:
            if canary.CANARY_LABEL in pod.labels:
                self._cluster.delete_pod(pod)
        return freed, tuple(name for name in snapshot.record.turns if name not in freed)

    # -- waiter of the first stages ---------------------------------------------------------------------------------

    def _agents_ready(self) -> Result:
        snapshot = self._cluster.snapshot()
        agents = {node.name: snapshot.agent(node.name) for node in snapshot.nodes}
        late = [node.name for node in snapshot.nodes if not node.ready]
        late += [f"{name}'s agent" for name, agent in agents.items() if agent is None or not agent.ready]
        if late or not agents:
            return unmet(
                expected="every node and every agent ready",
                seen=f"not ready: {', '.join(late) or 'there is no node'}",
                next="`kubectl describe node`, and the agent's log",
            )
        return met(f"{len(agents)} nodes")

    def _lists(self) -> None:
        """Every agent's map has every range. A kubelet that is slow to carry the ConfigMap is nudged."""
        if not self._desired.masquerade_list:
            return
        nudged = False

        def look() -> Result:
            nonlocal nudged
            snapshot = self._cluster.look(Ask.MASQUERADE)
            found = invariants.masquerade_excepted(snapshot, self._desired.masqueraded_not)
            if found and not nudged:
                for node in snapshot.nodes:
                    if agent := snapshot.agent(node.name):
                        self._cluster.touch(agent, self._stamp())
                nudged = True
            return _result(found, f"{len(snapshot.views)} agents have every range", "the ConfigMap ip-masq-agent")

        self._waiter.wait(Condition("agents' lists", look, self._limits.masquerade))

    def _configured(self) -> Result:
        snapshot = self._cluster.snapshot()
        now = snapshot.configured
        if now is None or now.mode != self._desired.mode:
            seen = now.mode if now else "no Cilium"
            return unmet(expected=f"cilium-config says {self._desired.mode}", seen=seen, next="the Helm release")
        if snapshot.operator() is None:
            return unmet(expected="a ready operator", seen="none", next="the log of deployment/cilium-operator")
        outside = [
            f"{name} {block}"
            for name, node in snapshot.cilium_nodes.items()
            for block in node.blocks
            if now.mode == "cluster-pool" and not any(block.subnet_of(pool) for pool in now.pools)
        ]
        if outside:
            return unmet(
                expected=f"every block inside {', '.join(map(str, now.pools))}",
                seen=", ".join(outside),
                next="run the preflight again: it adds ranges in use to the operator's list",
            )
        return met(f"{now.mode} {', '.join(map(str, now.pools))}".strip())

    # -- steps -----------------------------------------------------------------------------------------------------

    def _do(self, step: Step, snapshot: Snapshot) -> None:
        match step.kind:
            case "operator":
                self._refresh_operator(stale=snapshot.operator_is_stale())
            case "retire":
                for name, blocks in step.blocks:
                    self._cluster.set_blocks(name, blocks)
            case "adopt":
                block = targets(self._desired, snapshot)[step.node]
                self._agents.restart(step.node, self._desired.mode, block)
            case "reserve":
                self._reserve(step.blocks)
            case "renumber":
                turn = Turn(self._desired, self._cluster, self._waiter, self._agents, step.node, self._stamp)
                turn.run(step.blocks[0][1][0])

    def _refresh_operator(self, *, stale: bool) -> None:
        if stale or self._desired.mode == "cluster-pool":
            self._agents.restart_operator()
        if self._desired.mode == "kubernetes":
            for node in self._cluster.cilium_nodes().values():
                if node.error:
                    self._cluster.clear_error(node.name)
        self._waiter.wait(Condition("no operator error", self._agents.no_operator_error, self._limits.operator))

    def _reserve(self, blocks: tuple[tuple[str, tuple[IPv4Network, ...]], ...]) -> None:
        for name, wanted in blocks:
            self._cluster.set_blocks(name, wanted)
        if self._desired.mode == "cluster-pool":
            self._agents.restart_operator()
            self._waiter.wait(Condition("no operator error", self._agents.no_operator_error, self._limits.operator))

        def look() -> Result:
            snapshot = self._cluster.look(Ask.ROUTES)
            wrong = [name for name, wanted in blocks if snapshot.blocks(name) != wanted]
            if wrong:
                seen = "; ".join(f"{name} has {snapshot.blocks(name)}" for name in wrong)
                return unmet(expected="the blocks as written", seen=seen, next="who else writes CiliumNodes")
            found = invariants.routes_complete(snapshot, direct=self._desired.direct_routes)
            return _result(found, f"{len(snapshot.views)} nodes have all routes", "`ip route` on the node")

        self._waiter.wait(Condition("routes to old and new blocks", look, self._limits.routes))

    def _check(self, step: Step, before: Snapshot) -> None:
        """The invariants, with the mode that each agent should be in after the step."""
        modes = {name: view.mode or "" for name, view in before.views.items()}
        if step.kind in ("adopt", "renumber"):
            modes[step.node] = self._desired.mode

        def look() -> Result:
            snapshot = self._cluster.look()
            # A node whose turn an earlier run began may have pods that are cut off until its turn is done again.
            begun = {*snapshot.record.turns, *(p.key for p in snapshot.pods if p.node in snapshot.record.turns)}
            found = invariants.standing(self._desired, snapshot, modes, self._left_behind)
            found = tuple(v for v in found if not (v.invariant in ("I2", "I5", "I6") and v.subject in begun))
            return _result(found, "I1 to I7 hold", "the subjects of what is violated")

        self._waiter.wait(Condition("invariants", look, self._limits.invariants, step.node))

    def _finish(self) -> None:
        """I1 to I8 and I10 for the last time; drops cannot be mended by waiting, so they are told."""
        self._waiter.stage = "5 finish"
        final = self._cluster.look(EVERYTHING)
        modes = dict.fromkeys(final.views, self._desired.mode)

        def look() -> Result:
            nonlocal final
            final = self._cluster.look(EVERYTHING)
            found = invariants.standing(self._desired, final, modes)
            found = (*found, *invariants.nothing_left(plan(self._desired, final)))
            return _result(found, "I1 to I7 and I10 hold", "the subjects of what is violated")

        self._waiter.wait(Condition("invariants", look, self._limits.invariants))
        for violation in invariants.no_new_drops(self._drops, final):
            self._waiter.report("packets were dropped", violation.subject, 0.0, str(violation))
        blocks = ", ".join(f"{node.name} {', '.join(map(str, final.blocks(node.name)))}" for node in final.nodes)
        self._waiter.report("as desired", "", 0.0, f"{self._desired.mode}: {blocks}")

    def _stuck(self, step: Step) -> None:
        result = unmet(
            expected="the step to take effect",
            seen=f"{_REPEATS} tries: {step.reason}",
            next="who else changes the cluster",
        )
        raise ConditionTimeout(Condition(f"step {step.kind}", lambda: result, 0.0, step.node), result)


def _result(found: invariants.Violations, good: str, look_at: str) -> Result:
    if not found:
        return met(good)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return unmet(
        expected="; ".join(sorted({f"{v.invariant} {v.expected}" for v in found[:3]})),
        seen="; ".join(f"{v.invariant} {v.subject} {v.seen}" for v in found[:3]) + more,
        next=look_at,
    )
