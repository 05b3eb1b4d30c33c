"""`./lab bench kills`: migrations killed at random moments, spread over the stages, each finished by the next up.

A reference run of each way has all events and the times between them. A kill waits for one of them and then for a
random part of the time to the next one, so that short stages are hit as often as long ones. A migration may be killed
more than once: the run that finishes it is then killed as well.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cilium_lab.disruption.probe_lines import UDP, ProbeRun
from cilium_lab.disruption.record import (
    DONE,
    Kind,
    RunDirectory,
    RunRecord,
    finished,
    read_events,
    read_record,
)
from cilium_lab.disruption.report.figures import Figures, Window, figures
from cilium_lab.disruption.stages import PENDING
from cilium_lab.disruption.thresholds import THRESHOLDS
from cilium_lab.kube import decode, state
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.invariants import addresses_in_pod_cidrs
from cilium_lab.tables import line
from labctl.bench.judge import Outcome, missed, outcome
from labctl.bench.migration import AWAY, HOME, only_new, show, staged_run
from labctl.bench.stack import Stack, marked
from labctl.session import Session

_LONGEST = 600.0
"""Seconds after which a run that comes to no event is not waited for any more."""
LONGEST_RUN = 120.0
"""Seconds after which a change of one option is killed at the latest: a rollout of three nodes takes about as long."""
_TRIES = 2
"""Kills planned for each that is wanted: a run may have ended before its moment comes."""
_BEFORE = 6.0
"""Seconds from the start of `pulumi up` to the first event, about: it reads the whole cluster first."""
_WIDTHS = (3, 15)
"""Of a kill's number, and of the way."""


@dataclass(frozen=True)
class KillMoment:
    """So many seconds after an event; None: after the start."""

    after: tuple[str, str, str] | None
    """Stage, node, what."""
    seconds: float
    at: float
    """Seconds from the start of the reference run: the order of several in one migration."""

    def __str__(self) -> str:
        stage, node, what = self.after or ("the start", "", "")
        where = " ".join(filter(None, (stage, node, f"({what})" if what else "")))
        return f"{self.seconds:.1f} s after {where}"


@dataclass(frozen=True)
class _Stretch:
    """From one event to the next."""

    after: tuple[str, str, str] | None
    seconds: float
    since: float
    """Seconds from the start of the reference run."""


@dataclass(frozen=True)
class Killed:
    """One kill, and what the probes saw from the start of the run that it hit to the next one."""

    moment: KillMoment
    hit: bool
    """False: the run came to its end before."""
    processes: int
    seen: Figures | None
    """None: there are no lines of probes that make requests."""
    lost: int
    """Datagrams."""


@dataclass(frozen=True)
class KilledMigration:
    """One migration with its kills, and how it ended."""

    mode: str
    kills: tuple[Killed, ...]
    outcome: Outcome
    same: bool
    """Whether the cluster ended as the reference run of that way did."""
    difference: str


def bench(stack: Stack, count: int, each: int, seed: int) -> int:
    """Kill `count` times, `each` times a migration; 1 unless all came to the same end and 19 of 20 cost no request."""
    print(f"seed {seed}: ./lab bench kills --count {count} --each {each} --seed {seed}", flush=True)
    chance = random.Random(seed)
    stack.mode(HOME)
    stack.up("begin")
    ends: dict[str, str] = {}
    planned: dict[str, list[KillMoment]] = {}
    for mode in (AWAY, HOME):
        staged_run(stack, "ipamMode", mode, f"reference {mode}")
        ends[mode] = end_state(stack.session)
        planned[mode] = moments(read_record(finished(stack.records)[-1]), chance, _TRIES * count)
    migrations: list[KilledMigration] = []
    tried = hit = 0
    while hit < count and tried < _TRIES * count:
        mode = (AWAY, HOME)[len(migrations) % 2]
        now = planned[mode][tried : tried + min(each, count - hit)]
        migrations.append(_migrate(stack, tried + 1, mode, sorted(now, key=lambda moment: moment.at), ends[mode]))
        print("\n".join(_lines(tried + 1, migrations[-1])), flush=True)
        tried += len(now)
        hit += sum(kill.hit for kill in migrations[-1].kills)
    return _sum_up(migrations, count)


def moments(reference: RunRecord, chance: random.Random, count: int) -> list[KillMoment]:
    """`count` moments in a random order, as many in each stage (a node rollout is one), at any time within it."""
    spans: dict[tuple[str, str], list[_Stretch]] = {("start", ""): [_Stretch(None, _BEFORE, 0.0)]}
    events = [event for event in reference.events if not event.what.startswith(PENDING)]
    for event, following in pairwise(events):
        since = _BEFORE + event.time - events[0].time
        stretch = _Stretch((event.stage, event.node, event.what), following.time - event.time, since)
        spans.setdefault((event.stage, event.node), []).append(stretch)
    stages = list(spans.values())
    chance.shuffle(stages)
    found = [_within(stages[number % len(stages)], chance) for number in range(count)]
    chance.shuffle(found)
    return found


def _within(span: list[_Stretch], chance: random.Random) -> KillMoment:
    left = chance.uniform(0, sum(stretch.seconds for stretch in span))
    for stretch in span[:-1]:
        if left <= stretch.seconds:
            return KillMoment(stretch.after, left, stretch.since + left)
        left -= stretch.seconds
    last = span[-1]
    return KillMoment(last.after, left, last.since + left)


def _migrate(stack: Stack, first: int, mode: str, planned: Sequence[KillMoment], wanted: str) -> KilledMigration:
    before = set(finished(stack.records))
    stack.mode(mode)
    begun: list[float] = []
    hits: list[tuple[bool, int]] = []
    for number, moment in enumerate(planned, first):
        mark = f"kill-{number}-{os.getpid()}"
        begun.append(time.time())
        process = stack.start(stack.folder / f"killed-{number}.log", mark)
        hit = _await(stack.records, moment, process)
        hits.append((hit, kill_all(mark) if hit else 0))
        process.wait()
    stack.up(f"after-{first + len(planned) - 1}")
    record = read_record(only_new(stack.records, before, f"migration {first}"))
    windows = [Window(start, end) for start, end in pairwise([-math.inf, *begun[1:], math.inf])]
    kills = tuple(
        Killed(moment, hit, processes, *seen_within(record.probe_runs, window))
        for moment, (hit, processes), window in zip(planned, hits, windows, strict=True)
    )
    end = end_state(stack.session)
    return KilledMigration(mode, kills, outcome(f"to {mode}", record), end == wanted, _differ(wanted, end))


def seen_within(runs: Sequence[ProbeRun], window: Window) -> tuple[Figures | None, int]:
    """The figures of all requests in a window (None: no lines of any), and the datagrams that were lost in it."""
    requesting = [run for run in runs if run.kind != UDP]
    lost = sum(figures([run], [window]).lost for run in runs if run.kind == UDP)
    return figures(requesting, [window]) if requesting else None, lost


def _await(records: Path, moment: KillMoment, process: subprocess.Popen[bytes]) -> bool:
    """Until the moment has come; False if the run ended before."""
    limit = time.monotonic() + _LONGEST
    while moment.after and not _happened(records, moment):
        if process.poll() is not None or time.monotonic() > limit:
            return False
        time.sleep(0.05)
    try:
        process.wait(moment.seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _happened(records: Path, moment: KillMoment) -> bool:
    directory = RunDirectory.unfinished(records, Kind.STAGED)
    events = read_events(directory.path)[0] if directory else None
    return moment.after in [(event.stage, event.node, event.what) for event in events or ()]


def one_run(stack: Stack, option: str, value: str, name: str, chance: random.Random | None) -> Outcome:
    """One change of an option by `pulumi up`; with `chance` it is killed at a random moment and finished by another."""
    if chance is None:
        return staged_run(stack, option, value, name)
    return killed_run(stack, option, value, name, chance.uniform(0.0, LONGEST_RUN))


def killed_run(stack: Stack, option: str, value: str, name: str, seconds: float) -> Outcome:
    """One change of an option by a `pulumi up` that is killed after so many seconds, and finished by another one."""
    before = set(finished(stack.records))
    stack.set(option, value)
    mark = f"killed-{os.getpid()}-{len(before)}"
    log = name.replace(" ", "-")
    process = stack.start(stack.folder / f"killed-{log}.log", mark)
    try:
        process.wait(seconds)
        words = f"ended before {seconds:.1f} s"
    except subprocess.TimeoutExpired:
        words = f"killed after {seconds:.1f} s ({kill_all(mark)} processes)"
        process.wait()
    print(f"{name}: {words}", flush=True)
    stack.up(f"after-{log}")
    return show(name, only_new(stack.records, before, name))


def kill_all(mark: str) -> int:
    """Everything that belongs to a run at once: Pulumi, its plugins, the migration, kubectl; how many that were."""
    killed: set[int] = set()
    while left := [number for number in marked(mark) if number not in killed]:
        for number in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
            killed.add(number)
    return len(killed)


def end_state(session: Session) -> str:
    """What has to be the same after every migration of one way, as lines without generated names and times."""
    system = ("get", "configmaps", "-n", "kube-system", "--field-selector")
    config = session.kubectl(*system, "metadata.name=cilium-config")["items"][0]["data"]
    left = session.kubectl(*system, f"metadata.name={state.NAME}")["items"]
    lines = render(
        session.kubectl("get", "nodes")["items"],
        session.kubectl("get", "ciliumnodes")["items"],
        session.kubectl("get", "pods", "-A")["items"],
        session.kubectl("get", "deployments,daemonsets", "-A")["items"],
    )
    lines += [f"config {name}={config.get(name, '')}" for name in ("ipam", "cluster-pool-ipv4-cidr")]
    lines.append(f"states of a migration: {len(left)}")
    return "\n".join(lines)


def render(nodes: list[Any], cilium_nodes: list[Any], pods: list[Any], workloads: list[Any]) -> list[str]:
    """Nodes and their pod CIDRs, what violates I2, bare pods, and how much of each workload is ready."""
    snapshot = Snapshot(
        nodes=tuple(map(decode.node, nodes)),
        cilium_nodes={node.name: node for node in map(decode.cilium_node, cilium_nodes)},
        pods=decode.pods(pods),
    )
    lines: list[str] = list(map(str, addresses_in_pod_cidrs(snapshot)))
    for node in snapshot.nodes:
        cilium_node = snapshot.cilium_nodes.get(node.name)
        error = cilium_node.error if cilium_node else None
        lines.append(
            f"node {node.name} {list(map(str, snapshot.pod_cidrs(node.name)))} cordoned={node.cordoned} error={error!r}"
        )
    lines += [
        f"bare {pod.key} {'ready' if pod.ready else 'not ready'} on {pod.node}"
        for pod in snapshot.pods
        if pod.owner is None
    ]
    for item in workloads:
        status, spec = item["status"], item["spec"]
        ready = status.get("readyReplicas", status.get("numberReady", 0))
        wanted = spec.get("replicas", status.get("desiredNumberScheduled"))
        lines.append(f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']} {ready}/{wanted}")
    return sorted(lines)


def _differ(wanted: str, seen: str) -> str:
    missing = [f"- {text}" for text in wanted.splitlines() if text not in seen.splitlines()]
    new = [f"+ {text}" for text in seen.splitlines() if text not in wanted.splitlines()]
    return "; ".join([*missing, *new])[:400]


def _lines(first: int, migration: KilledMigration) -> list[str]:
    way = f"to {migration.mode}"
    lines: list[str] = []
    for number, kill in enumerate(migration.kills, first):
        where = f"killed {kill.moment}" if kill.hit else f"ended before {kill.moment}"
        lines.append(line((number, way, f"{where} ({kill.processes} processes): {_noticed(kill)}"), _WIDTHS, right={0}))
    end = "the same end" if migration.same else f"ANOTHER END: {migration.difference}"
    return [*lines, line(("", way, f"{migration.outcome.ended}: {end}"), _WIDTHS)]


def _noticed(kill: Killed) -> str:
    seen = kill.seen
    if seen is None:
        return "no probe has recorded a request"
    return (
        f"{seen.requests} requests, {seen.failed} failed, {kill.lost} datagrams lost, "
        f"longest outage {seen.outage_ms:.0f} ms"
    )


def _sum_up(migrations: Sequence[KilledMigration], wanted: int) -> int:
    kills = [kill for migration in migrations for kill in migration.kills if kill.hit]
    astray = sum(not migration.same or migration.outcome.ended != DONE for migration in migrations)
    costly = sum(kill.seen is not None and kill.seen.failed > 0 for kill in kills)
    unmeasured = sum(bool(missed(one.outcome)) and not one.outcome.failed for one in migrations)
    print(
        f"\n{len(kills)} runs were killed, in {len(migrations)} migrations; {astray} migrations did not come to the "
        f"same end; {costly} kills cost a request"
    )
    if unmeasured:
        print(f"{unmeasured} migrations were not measured well enough to say")
    met = len(kills) >= wanted and not astray and not unmeasured and costly <= THRESHOLDS.costly_kills * len(kills)
    print("the thresholds are " + ("met" if met else "exceeded"))
    return 0 if met else 1
