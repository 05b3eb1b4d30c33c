"""The two commands: `preflight` only looks, `run` goes the road."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from ipaddress import IPv4Network

from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import AGENT, Cluster
from cilium_lab.kube.conditions import Clock, ConditionTimeout, Tell, Waiter
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.engine import Engine, utc_stamp
from cilium_lab.rollout.journal import Recorder, RecordError
from cilium_lab.rollout.preflight import describe, outages, ranges_in_use, refusals
from cilium_lab.rollout.request import Desired

OPERATOR = "cilium-operator"


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
    recorder: Recorder | None = None,
) -> str | None:
    """Standard output for the resources that follow, or None if the road is closed: then nothing was changed.

    A node or an agent that is only on its way up gets `limits.nodes` seconds.
    """
    time = clock or Clock()
    started = time.now()
    while True:
        snapshot = cluster.look()
        found = refusals(desired, snapshot)
        if not any(refusal.passing for refusal in found) or time.now() - started >= desired.limits.nodes:
            break
        time.sleep(1.0)
    if found:
        say(f"the change to {desired.mode} is refused, nothing was changed:")
        for refusal in found:
            say(f"  - {refusal}")
        return None
    say(describe(desired, snapshot))
    for line in outages(desired, snapshot):
        say(f"  note: {line}")
    if recorder:
        try:
            recorder.begin(desired, lambda: snapshot, Waiter(say, time))
        except RecordError as error:
            say(str(error))
            return None
    return result(ranges_in_use(desired, snapshot), snapshot, stamp())


def result(in_use: tuple[IPv4Network, ...], snapshot: Snapshot, stamp: str) -> str:
    """What the preflight leaves: `run` makes the resources behind it look again, `blocks` is the snapshot."""
    blocks = {name: [str(block) for block in node.blocks] for name, node in sorted(snapshot.cilium_nodes.items())}
    return json.dumps({"inUse": [str(cidr) for cidr in in_use], "run": stamp, "blocks": blocks}, sort_keys=True)


def run(
    desired: Desired,
    cluster: Cluster,
    *,
    say: Tell = tell,
    clock: Clock | None = None,
    stamp: Callable[[], str] = utc_stamp,
    recorder: Recorder | None = None,
) -> bool:
    """True when the cluster is as desired. A failure is told with Cilium's own last words, and frees the nodes."""
    waiter = Waiter(say, clock or Clock())
    if recorder:
        try:
            recorder.begin(desired, cluster.look, waiter)
        except (RecordError, ApiError) as error:
            say(f"{error}\nthe migration goes on without")
        waiter.on_event = recorder.event
    engine = Engine(desired, cluster, waiter, stamp)
    started = waiter.clock.now()
    try:
        steps = engine.run()
    except (ConditionTimeout, ApiError) as error:
        say(f"stopped in stage {waiter.stage.strip()}: {error}")
        _tell_last_words(cluster, say, error.node if isinstance(error, ConditionTimeout) else "")
        _release(engine, error, say)
        _end_record(recorder, cluster, waiter, f"stopped: {str(error).splitlines()[0]}")
        say("the next run goes on from here; to turn round, set the mode back")
        return False
    seconds = waiter.clock.now() - started
    _end_record(recorder, cluster, waiter, "done")
    say(f"{len(steps)} steps in {seconds:.1f} s")
    return True


def _end_record(recorder: Recorder | None, cluster: Cluster, waiter: Waiter, outcome: str) -> None:
    """What goes wrong here is told, and changes nothing about the migration itself."""
    if recorder is None:
        return
    snapshot: Snapshot | None = None
    try:
        snapshot = cluster.snapshot()
    except ApiError as error:
        waiter.tell(f"the addresses are not in the record: {error}")
    waiter.on_event = lambda _event: None
    try:
        if said := recorder.end(waiter, outcome, snapshot):
            waiter.tell(said)
    except RecordError as error:
        waiter.tell(str(error))


def _tell_last_words(cluster: Cluster, say: Tell, node: str) -> None:
    try:
        snapshot = cluster.snapshot()
    except ApiError as error:
        say(f"the cluster does not answer: {error}")
        return
    if node:
        say(f"last words of the agent of {node}:")
        for line in cluster.last_words(snapshot.agent(node), AGENT):
            say(f"  | {line}")
    say("last words of the operator:")
    for line in cluster.last_words(snapshot.operator(), OPERATOR):
        say(f"  | {line}")


def _release(engine: Engine, failure: Exception, say: Tell) -> None:
    try:
        freed, kept = engine.release_nodes(failure)
    except ApiError as error:
        say(f"the nodes could not be uncordoned: {error}")
        return
    if freed:
        say(f"uncordoned: {', '.join(freed)}")
    if kept:
        say(f"still cordoned, for pods there would be cut off: {', '.join(kept)}")
