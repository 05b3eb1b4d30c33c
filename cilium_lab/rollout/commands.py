"""The two commands: `preflight` changes nothing of the cluster and starts the probes, `run` migrates it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network

from cilium_lab.disruption.stages import Stage
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import AGENT, Cluster
from cilium_lab.kube.conditions import Clock, ConditionTimeout, Tell, Waiter
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.before import Before
from cilium_lab.rollout.drain import survey
from cilium_lab.rollout.engine import Engine, utc_stamp
from cilium_lab.rollout.journal import Journal, ProbesError, pending
from cilium_lab.rollout.kubernetes import Kubeadm
from cilium_lab.rollout.outcomes import Departure, Way, departures
from cilium_lab.rollout.preflight import PreflightFailure, nodes_to_move, preflight_failures, ranges_in_use
from cilium_lab.rollout.preview import describe, title
from cilium_lab.rollout.request import Desired

OPERATOR = "cilium-operator"
_PAUSE = 1.0
"""Seconds between two looks at what is still starting."""


def tell(line: str) -> None:
    """Progress goes to standard error, a line at a time; standard output is for the next resource."""
    print(line, file=sys.stderr, flush=True)


def preflight(
    desired: Desired,
    cluster: Cluster,
    *,
    say: Tell = tell,
    clock: Clock | None = None,
    stamp: Callable[[], str] = utc_stamp,
    journal: Journal | None = None,
) -> str | None:
    """Standard output for the resources that follow, or None if the migration is refused: then nothing was changed.

    Where every failure is transient (a node or an agent is still starting) it gets `limits.nodes` seconds. Pods of
    Jobs that are at work and pods that are ending are waited for as well.
    """
    waiter = Waiter(say, clock or Clock(), stage=Stage.PREFLIGHT)
    started = waiter.clock.now()
    first: frozenset[str] | None = None
    while True:
        snapshot = _surveyed(desired, cluster)
        found = preflight_failures(desired, snapshot)
        waits = [_Wait(failure, desired.limits.nodes) for failure in found if failure.transient]
        if not found and snapshot.configured:
            departing = _departures(desired, snapshot)
            ending = [one for one in departing if one.way is Way.ENDING]
            # Of a workload that comes and goes there is always one that ends: those of the first look alone count.
            first = frozenset(one.pod.uid for one in ending) if first is None else first
            waits = [*_at_work(desired, departing), *_ending(desired, ending, first)]
        over = [wait.failure for wait in waits if waiter.clock.now() - started >= wait.limit]
        if over or not waits or len(waits) < len(found):
            break
        waiter.clock.sleep(_PAUSE)
    found = found or tuple(over)
    if found:
        say(f"{title(desired, snapshot)} is refused, nothing was changed:")
        for failure in found:
            say(f"  - {failure}")
        return None
    for line in describe(desired, snapshot):
        say(line)
    if snapshot.configured and snapshot.state.baseline is None and pending(desired, snapshot):
        try:
            Before(desired, cluster, waiter).note(snapshot)
        except (ConditionTimeout, ApiError) as error:
            say(f"{title(desired, snapshot)} is refused, nothing was changed: {error}")
            return None
    if journal:
        try:
            journal.begin(desired, lambda: snapshot, waiter)
        except ProbesError as error:
            say(str(error))
            return None
    return result(ranges_in_use(desired, snapshot), snapshot, stamp())


def _surveyed(desired: Desired, cluster: Cluster) -> Snapshot:
    snapshot = cluster.observe()
    if not snapshot.configured:
        return snapshot
    snapshot = cluster.before_helm(snapshot)
    moving = nodes_to_move(desired, snapshot)
    return survey(desired, cluster, snapshot, moving) if moving else snapshot


@dataclass(frozen=True)
class _Wait:
    """What may pass by itself within `limit` seconds, and the failure if it does not."""

    failure: PreflightFailure
    limit: float


def _departures(desired: Desired, snapshot: Snapshot) -> list[Departure]:
    moving = nodes_to_move(desired, snapshot).items()
    return [one for name, cidr in moving for one in departures(snapshot, desired, name, cidr)]


def _at_work(desired: Desired, departing: Iterable[Departure]) -> list[_Wait]:
    """Pods of Jobs that the migration has to wait for."""
    pods = ", ".join(one.pod.key for one in departing if one.way is Way.JOB)
    limit = desired.limits.jobs
    why = f"pods of Jobs are at work after {limit:.0f} s: {pods}"
    remedy = "wait for them, raise migration.limits.jobs, or set migration.jobs to delete if their work may be lost"
    return [_Wait(PreflightFailure(why, remedy), limit)] if pods else []


def _ending(desired: Desired, ending: Iterable[Departure], first: frozenset[str]) -> list[_Wait]:
    """Pods that were ending at the first look: one that never goes would keep its node's rollout from going on."""
    waits: list[_Wait] = []
    for pod in (one.pod for one in ending if one.pod.uid in first):
        limit = desired.limits.nodes + pod.rules.grace
        held = f" (its finalizers: {', '.join(pod.finalizers)})" if pod.finalizers else ""
        why = f"pod {pod.key} on {pod.node} is ending, and is still there after {limit:.0f} s{held}"
        waits.append(_Wait(PreflightFailure(why, "see `kubectl describe pod`: its finalizers and its events"), limit))
    return waits


def result(in_use: tuple[IPv4Network, ...], snapshot: Snapshot, stamp: str) -> str:
    """The preflight's output: `run` is another value each time, so that the resources behind it run again."""
    pod_cidrs = {name: [str(cidr) for cidr in node.pod_cidrs] for name, node in sorted(snapshot.cilium_nodes.items())}
    return json.dumps({"inUse": [str(cidr) for cidr in in_use], "run": stamp, "podCidrs": pod_cidrs}, sort_keys=True)


def run(
    desired: Desired,
    cluster: Cluster,
    *,
    say: Tell = tell,
    clock: Clock | None = None,
    stamp: Callable[[], str] = utc_stamp,
    journal: Journal | None = None,
    kubeadm: Kubeadm | None = None,
) -> bool:
    """True when the cluster is as desired. A failure is reported with the last lines of Cilium's logs.

    Whatever ends a run early: nodes with a working agent are uncordoned, and no canary stays. What is no failure of
    the cluster (an interrupt, a fault of this program) is raised again after that.
    """
    waiter = Waiter(say, clock or Clock())
    if journal:
        try:
            journal.begin(desired, cluster.observe, waiter)
        except (ProbesError, ApiError) as error:
            say(f"{error}\nthe migration goes on without")
        waiter.on_event = journal.event
    engine = Engine(desired, cluster, waiter, stamp, kubeadm)
    started = waiter.clock.now()
    try:
        steps = engine.run()
    except (ConditionTimeout, ApiError) as error:
        say = waiter.tell = _unless_closed(say)
        say(f"stopped in stage {waiter.stage}: {error}")
        _release(engine, error, say)
        _show_last_lines(cluster, say, error.node if isinstance(error, ConditionTimeout) else "")
        _end_journal(journal, cluster, waiter, f"stopped: {str(error).splitlines()[0]}")
        say("the next run continues from here; to reverse the migration, set the mode back")
        return False
    except Exception as error:
        say = waiter.tell = _unless_closed(say)
        what = f"{type(error).__name__}: {error}"
        say(f"stopped in stage {waiter.stage} by a fault of this program: {what}")
        _release(engine, error, say)
        _end_journal(journal, cluster, waiter, f"stopped: {what.splitlines()[0]}")
        raise
    except BaseException as error:
        # A cancelled update leaves two seconds: the nodes come first, and the next run continues the journal.
        say = _unless_closed(say)
        say(f"interrupted in stage {waiter.stage}")
        _release(engine, error, say)
        raise
    seconds = waiter.clock.now() - started
    _end_journal(journal, cluster, waiter, "done")
    say(f"{len(steps)} steps in {seconds:.1f} s")
    return True


def _unless_closed(say: Tell) -> Tell:
    """Progress whose reader has gone: what is left to do is done without it."""

    def told(line: str) -> None:
        with suppress(OSError):
            say(line)

    return told


def _end_journal(journal: Journal | None, cluster: Cluster, waiter: Waiter, outcome: str) -> None:
    """What goes wrong here is reported, and changes nothing about the migration itself."""
    if journal is None:
        return
    snapshot: Snapshot | None = None
    try:
        snapshot = cluster.snapshot()
    except Exception as error:
        waiter.tell(f"the addresses are not in the journal: {type(error).__name__}: {error}")
    waiter.on_event = lambda _event: None
    try:
        if line := journal.end(waiter, outcome, snapshot):
            waiter.tell(line)
    except ProbesError as error:
        waiter.tell(str(error))


def _show_last_lines(cluster: Cluster, say: Tell, node: str) -> None:
    try:
        snapshot = cluster.snapshot()
    except Exception as error:
        say(f"the cluster cannot be observed: {type(error).__name__}: {error}")
        return
    if node:
        say(f"last lines of the agent of {node}:")
        for line in cluster.last_lines(snapshot.agent(node), AGENT):
            say(f"  | {line}")
    say("last lines of the operator:")
    for line in cluster.last_lines(snapshot.operator(), OPERATOR):
        say(f"  | {line}")


def _release(engine: Engine, failure: BaseException, say: Tell) -> None:
    try:
        released = engine.release_nodes(failure)
    except Exception as error:
        say(f"the nodes could not be uncordoned: {type(error).__name__}: {error}")
        return
    if released.uncordoned:
        say(f"uncordoned: {', '.join(released.uncordoned)}")
    if released.cordoned:
        say(f"still cordoned, for pods there would be cut off: {', '.join(released.cordoned)}")
    for error in released.errors:
        say(error)
