"""Runs a migration: observe, plan, do the first step, verify the invariants, and again until nothing is left."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Network

from cilium_lab.disruption.stages import Name, Stage
from cilium_lab.kube.agent import Query
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, ConditionTimeout, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Baseline, Snapshot, State, Workload
from cilium_lab.rollout import estimates, invariants
from cilium_lab.rollout.before import Before
from cilium_lab.rollout.changes import may_be_down
from cilium_lab.rollout.drain import survey
from cilium_lab.rollout.health import expected, not_excused, unsettled
from cilium_lab.rollout.kubernetes import COMPONENTS, Kubeadm, control_plane
from cilium_lab.rollout.node import Agents, NodeRollout
from cilium_lab.rollout.outcomes import CANARY_LABEL, departures
from cilium_lab.rollout.plan import Step, plan
from cilium_lab.rollout.preflight import ranges_in_use
from cilium_lab.rollout.progress import Rollouts
from cilium_lab.rollout.request import MULTI_POOL, Desired

EVERYTHING = Query.STATUS | Query.NON_MASQUERADE | Query.DROPS
_REPEATS = 3
"""A step that is still planned after so many tries does not do what it should."""


def utc_stamp() -> str:
    """Now, as RFC 3339."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Released:
    """What became of the nodes whose rollout had not ended when a run did."""

    uncordoned: tuple[str, ...]
    cordoned: tuple[str, ...]
    """Without a working agent, or where a canary did not reach what pods have to reach."""
    errors: tuple[str, ...]
    """What could not be done, in the API's words."""


class Engine:
    """One run. `waiter` reports everything; `stamp` gives the value of restart annotations. Without `kubeadm` the
    hosts cannot be reached, and Kubernetes itself is not upgraded."""

    def __init__(
        self,
        desired: Desired,
        cluster: Cluster,
        waiter: Waiter,
        stamp: Callable[[], str] = utc_stamp,
        kubeadm: Kubeadm | None = None,
    ) -> None:
        self._desired = desired
        self._cluster = cluster
        self._waiter = waiter
        self._limits = desired.limits
        self._agents = Agents(cluster, waiter, desired.limits)
        self._stamp = stamp
        self._kubeadm = kubeadm
        self._drops: dict[str, Mapping[str, int]] = {}
        self._also_in_use: tuple[IPv4Network, ...] = ()
        self._before = Baseline()
        self._workloads: frozenset[str] = frozenset()
        """Those that there were at the beginning (`Workload.key`): who makes others meanwhile waits for them alone."""
        self._rollouts = Rollouts(waiter.tell, waiter.clock, {})

    def run(self) -> tuple[Step, ...]:
        """Everything up to the desired state; returned are the steps done. Raises ConditionTimeout or ApiError.

        Nothing is undone when it raises, but for `release_nodes`; another run continues from there.
        """
        self._waiter.stage = Stage.NON_MASQUERADE
        self._waiter.wait(Condition(Name.AGENTS_READY, self._agents_ready, self._limits.nodes))
        self._wait_for_non_masquerade_cidrs()
        self._waiter.stage = Stage.OPERATOR
        self._waiter.wait(Condition(Name.OPERATOR_CONFIGURED, self._operator_configured, self._limits.operator))
        done: list[Step] = []
        snapshot = self._observe(EVERYTHING)
        if plan(self._desired, snapshot):
            self._before = Before(self._desired, self._cluster, self._waiter).known(snapshot)
            self._workloads = frozenset(workload.key for workload in snapshot.workloads)
            self._rollouts = self._expect(snapshot)
        elif snapshot.state.baseline:
            self._cluster.write_state(replace(snapshot.state, baseline=None))
        self._drops = {name: dict(view.drops or {}) for name, view in snapshot.views.items()}
        self._also_in_use = ranges_in_use(self._desired, snapshot)
        while steps := plan(self._desired, snapshot):
            step = steps[0]
            if [(s.stage, s.node) for s in done].count((step.stage, step.node)) == _REPEATS:
                self._stuck(step)
            self._waiter.stage = step.stage
            self._waiter.report(Name.BEGINS, step.node, 0.0, step.reason)
            started = self._waiter.clock.now()
            self._do(step, snapshot)
            self._verify(step, snapshot)
            self._waiter.report(Name.DONE, step.node, self._waiter.clock.now() - started, step.stage)
            done.append(step)
            snapshot = self._observe()
        if done:
            self._finish()
            self._cluster.write_state(State())
        return tuple(done)

    def _observe(self, query: Query = Query.STATUS) -> Snapshot:
        """The cluster between two steps. An agent that does not answer, of a busy node, gets as long as a condition."""
        until = self._waiter.clock.now() + self._limits.invariants
        while True:
            try:
                return self._cluster.observe(query)
            except ApiError:
                if self._waiter.clock.now() >= until:
                    raise
                self._waiter.clock.sleep(self._waiter.pause)

    def _expect(self, snapshot: Snapshot) -> Rollouts:
        """How long each node's rollout is expected to take."""
        moving = {s.node: s.pod_cidr for s in plan(self._desired, snapshot) if s.stage == Stage.MOVE_NODE}
        surveyed = survey(self._desired, self._cluster, snapshot, moving)
        expected = {
            name: estimates.node(departures(surveyed, self._desired, name, cidr)) for name, cidr in moving.items()
        }
        return Rollouts(self._waiter.tell, self._waiter.clock, expected)

    def release_nodes(self, failure: BaseException) -> Released:
        """For a run that failed: uncordon the nodes whose rollout has not ended and whose agent works; no canary stays.

        All of them stay in the state: the next run does their whole rollout again. Raises ApiError where the API does
        not answer at all.
        """
        state = self._cluster.state()
        # Only what is needed: another object that cannot be read may be what ended the run.
        pods = Snapshot(nodes=(), pods=self._cluster.pods())
        unreached = isinstance(failure, ConditionTimeout) and failure.name == Name.CANARY_REACHES
        cut_off = failure.node if isinstance(failure, ConditionTimeout) and unreached else ""
        freed: list[str] = []
        errors: list[str] = []
        for name in state.nodes:
            agent = pods.agent(name)
            if name == cut_off or agent is None or not agent.ready:
                continue
            try:
                self._cluster.cordon(name, on=False)
                freed.append(name)
            except ApiError as error:
                errors.append(f"{name} cannot be uncordoned: {error}")
        for pod in pods.pods:
            if CANARY_LABEL in pod.labels:
                try:
                    self._cluster.delete_pod(pod)
                except ApiError as error:
                    errors.append(f"{pod.key} cannot be deleted: {error}")
        kept = tuple(name for name in state.nodes if name not in freed)
        return Released(tuple(freed), kept, tuple(errors))

    # -- conditions of the first stages ----------------------------------------------------------------------------

    def _agents_ready(self) -> Result:
        snapshot = self._cluster.snapshot()
        agents = {node.name: snapshot.agent(node.name) for node in snapshot.nodes}
        late = [node.name for node in snapshot.nodes if not node.ready]
        late += [
            f"{name}'s agent"
            for name, agent in agents.items()
            if (agent is None or not agent.ready) and not may_be_down(self._desired, snapshot, name)
        ]
        if late or not agents:
            return unmet(
                expected="every node and every agent ready",
                seen=f"not ready: {', '.join(late) or 'there is no node'}",
                next="`kubectl describe node`, and the agent's log",
            )
        if not snapshot.revision:
            return unmet(
                expected="the agents' DaemonSet observed as Helm has left it",
                seen="its controller has not seen the newest template",
                next="the log of kube-controller-manager",
            )
        return met(f"{len(agents)} nodes")

    def _wait_for_non_masquerade_cidrs(self) -> None:
        """Every agent's map has every range. Annotations make a kubelet that is slow sync the ConfigMap at once."""
        if not self._desired.ip_masq_agent:
            return
        annotated = False

        def complete() -> Result:
            nonlocal annotated
            snapshot = self._cluster.observe(Query.NON_MASQUERADE)
            found = invariants.non_masquerade_complete(snapshot, self._desired.non_masquerade_cidrs)
            if found and not annotated:
                for node in snapshot.nodes:
                    if agent := snapshot.agent(node.name):
                        self._cluster.annotate(agent, self._stamp())
                annotated = True
            return _result(found, f"{len(snapshot.views)} agents have every range", "the ConfigMap ip-masq-agent")

        self._waiter.wait(Condition(Name.NON_MASQUERADE, complete, self._limits.non_masquerade))

    def _operator_configured(self) -> Result:
        snapshot = self._cluster.snapshot()
        now = snapshot.configured
        if now is None or now.mode != self._desired.mode:
            seen = now.mode if now else "no Cilium"
            return unmet(expected=f"{self._desired.mode} in cilium-config", seen=seen, next="the Helm release")
        if snapshot.operator() is None:
            return unmet(expected="a ready operator", seen="none", next="the log of deployment/cilium-operator")
        outside = [
            f"{name} {cidr}"
            for name, node in snapshot.cilium_nodes.items()
            for cidr in node.pod_cidrs
            if now.mode == "cluster-pool" and not any(cidr.subnet_of(pool) for pool in now.pools)
        ]
        if outside:
            return unmet(
                expected=f"every pod CIDR inside {', '.join(map(str, now.pools))}",
                seen=", ".join(outside),
                next="run the preflight again: it adds ranges in use to the operator's list",
            )
        return met(f"{now.mode} {', '.join(map(str, now.pools))}".strip())

    # -- steps -----------------------------------------------------------------------------------------------------

    def _do(self, step: Step, snapshot: Snapshot) -> None:
        match step.stage:
            case Stage.CONTROL_PLANE:
                self._upgrade_control_plane(step.node)
            case Stage.OPERATOR:
                self._refresh_operator(stale=snapshot.operator_is_stale())
            case Stage.DROP_CIDR:
                for name, pod_cidrs in step.pod_cidrs:
                    self._cluster.set_pod_cidrs(name, pod_cidrs)
            case Stage.ADD_CIDR:
                self._add_cidrs(step.pod_cidrs)
            case Stage.MOVE_NODE:
                rollout = NodeRollout(
                    self._desired,
                    self._cluster,
                    self._waiter,
                    self._agents,
                    step.node,
                    self._before,
                    self._stamp,
                    partial(self._rollouts.draining, step.node),
                    self._kubeadm,
                )
                rollout.run(step.pod_cidr)
            case _:
                raise AssertionError(f"{step.stage} is no stage of a plan")

    def _upgrade_control_plane(self, node: str) -> None:
        """The API server, Cilium's operator and the nodes may be away for a moment: all are waited for."""
        if self._kubeadm:
            self._kubeadm.control_plane(node, self._desired.kubernetes, Name.CONTROL_PLANE_UPGRADED)

        def upgraded() -> Result:
            snapshot = self._cluster.snapshot()
            late = [f"{n} {v}" for n, v in control_plane(snapshot).items() if v != self._desired.kubernetes]
            late += [pod.name for pod in snapshot.pods if pod.labels.get("component") in COMPONENTS and not pod.ready]
            late += [] if snapshot.operator() else ["Cilium's operator"]
            if late:
                return unmet(
                    expected=f"every part of {self._desired.kubernetes} and ready",
                    seen=", ".join(late),
                    next="`kubectl -n kube-system get pods`, and /etc/kubernetes/manifests there",
                )
            return met(f"{self._desired.kubernetes}")

        self._waiter.wait(Condition(Name.CONTROL_PLANE_UPGRADED, upgraded, self._limits.nodes, node))
        self._waiter.wait(Condition(Name.AGENTS_READY, self._agents_ready, self._limits.nodes))

    def _refresh_operator(self, *, stale: bool) -> None:
        if stale or self._desired.mode == "cluster-pool":
            self._agents.restart_operator()
        if self._desired.mode == "kubernetes":
            for node in self._cluster.cilium_nodes().values():
                if node.error:
                    self._cluster.clear_error(node.name)
        self._wait_for_no_operator_error()
        if self._desired.mode == MULTI_POOL:
            self._waiter.wait(Condition(Name.POOLED, self._agents.pooled, self._limits.operator))

    def _wait_for_no_operator_error(self) -> None:
        self._waiter.wait(Condition(Name.OPERATOR_WITHOUT_ERROR, self._agents.no_operator_error, self._limits.operator))

    def _add_cidrs(self, pod_cidrs: tuple[tuple[str, tuple[IPv4Network, ...]], ...]) -> None:
        for name, wanted in pod_cidrs:
            self._cluster.set_pod_cidrs(name, wanted)
        if self._desired.mode == "cluster-pool":
            self._agents.restart_operator()
            self._wait_for_no_operator_error()

        def routed() -> Result:
            snapshot = self._cluster.observe(Query.ROUTES)
            wrong = [name for name, wanted in pod_cidrs if snapshot.pod_cidrs(name) != wanted]
            if wrong:
                seen = "; ".join(f"{name} has {', '.join(map(str, snapshot.pod_cidrs(name)))}" for name in wrong)
                return unmet(
                    expected="the pod CIDRs as written", seen=seen, next="another program that writes CiliumNodes"
                )
            found = invariants.routes_complete(snapshot, direct=self._desired.direct_routes)
            return _result(found, f"{len(snapshot.views)} nodes have all routes", "`ip route` on the node")

        self._waiter.wait(Condition(Name.ROUTES_TO_BOTH, routed, self._limits.routes))

    def _verify(self, step: Step, before: Snapshot) -> None:
        """The invariants, with the mode that each agent should be in after the step.

        Of an agent that did not tell its mode before the step, any mode will do.
        """
        modes = {name: view.mode for name, view in before.views.items() if view.mode}
        if step.stage is Stage.MOVE_NODE:
            modes[step.node] = self._desired.mode

        def hold() -> Result:
            snapshot = self._cluster.observe()
            # A node whose rollout an earlier run began may have pods that are cut off until its rollout is done again.
            begun = {*snapshot.state.nodes, *(p.key for p in snapshot.pods if p.node in snapshot.state.nodes)}
            told = {name: view.mode for name, view in snapshot.views.items() if view.mode}
            found = invariants.violated(self._desired, snapshot, {**told, **modes}, self._also_in_use)
            found = tuple(v for v in found if not (v.invariant in ("I2", "I5", "I6") and v.subject in begun))
            found = not_excused(found, snapshot, self._before)
            return _result(found, "I1 to I7 hold", "the subjects of what is violated")

        self._waiter.wait(Condition(Name.INVARIANTS, hold, self._limits.invariants, step.node))

    def _finish(self) -> None:
        """I1 to I8 and I10 for the last time; no waiting mends drops, so they are only reported."""
        self._waiter.stage = Stage.FINISH
        final = self._observe(EVERYTHING)
        modes = dict.fromkeys(final.views, self._desired.mode)

        def hold() -> Result:
            nonlocal final
            final = self._cluster.observe(EVERYTHING)
            found = invariants.violated(self._desired, final, modes)
            found = (
                *not_excused(found, final, self._before),
                *(_less(workload, self._before) for workload in unsettled(final, self._before, self._workloads)),
                *invariants.nothing_left(plan(self._desired, final)),
            )
            return _result(found, "I1 to I7 and I10 hold, all pods as before", "the subjects of what is violated")

        self._waiter.wait(Condition(Name.INVARIANTS, hold, self._limits.invariants))
        for violation in invariants.no_new_drops(self._drops, final):
            self._waiter.report(Name.DROPS, violation.subject, 0.0, str(violation))
        held = ", ".join(f"{node.name} {', '.join(map(str, final.pod_cidrs(node.name)))}" for node in final.nodes)
        self._waiter.report(Name.AS_DESIRED, "", 0.0, f"{self._desired.mode}: {held}")

    def _stuck(self, step: Step) -> None:
        result = unmet(
            expected="the step to take effect",
            seen=f"{_REPEATS} tries: {step.reason}",
            next="another program that changes the cluster",
        )
        raise ConditionTimeout(Condition(f"step {step.stage}", lambda: result, 0.0, step.node), result)


def _less(workload: Workload, before: Baseline) -> invariants.Violation:
    return invariants.Violation(
        "pods", workload.key, f"{expected(workload, before)} ready pods, as before", f"{workload.ready}"
    )


def _result(found: invariants.Violations, good: str, look_at: str) -> Result:
    if not found:
        return met(good)
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return unmet(
        expected="; ".join(sorted({f"{v.invariant} {v.expected}" for v in found[:3]})),
        seen="; ".join(f"{v.invariant} {v.subject} {v.seen}" for v in found[:3]) + more,
        next=look_at,
    )
