"""`./lab bench kills`: migrations killed at random moments, spread over the stages, each finished by the next up.

A reference run of each way tells which events there are and how far apart. A kill waits for one of them and then for a
random part of the time to the next one, so that short stages are hit as often as long ones. A road may be killed more
than once: the run that finishes it is then killed as well.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cilium_lab.disruption.report.figures import UDP, Figures, Window, figures
from cilium_lab.disruption.report.reading import read_record
from cilium_lab.disruption.report.record import Run
from cilium_lab.disruption.run_directory import RECORDS, Folder, finished
from labctl.bench.end_state import end_state
from labctl.bench.judge import Outcome, missed, outcome
from labctl.bench.migration import AWAY, HOME, staged_run
from labctl.bench.moments import Moment, moments
from labctl.bench.stack import BenchError, Stack, marked

_LONGEST = 600.0
"""Seconds after which a run that comes to no event is not waited for any more."""
_TRIES = 2
"""Kills planned for each that is wanted: a run may have ended before its moment comes."""
_TOLERATED = 0.05
"""Share of kills that may cost a request, each to be explained: 1 of 20."""


@dataclass(frozen=True)
class Killed:
    """One kill, and what the probes saw from the start of the run that it hit to the next one."""

    moment: Moment
    hit: bool
    """False: the run came to its end before."""
    processes: int
    seen: Figures
    lost: int
    """Datagrams."""


@dataclass(frozen=True)
class Road:
    """One migration with its kills, and how it ended."""

    mode: str
    kills: tuple[Killed, ...]
    outcome: Outcome
    same: bool
    """Whether the cluster ended as the reference run of that way did."""
    difference: str


def bench(stack: Stack, count: int, each: int, seed: int) -> int:
    """Kill `count` times, `each` times a road; 1 unless every road converged and 19 of 20 kills cost no request."""
    print(f"seed {seed}: ./lab bench kills --count {count} --each {each} --seed {seed}", flush=True)
    chance = random.Random(seed)
    stack.mode(HOME)
    stack.up("begin")
    ends: dict[str, str] = {}
    planned: dict[str, list[Moment]] = {}
    for mode in (AWAY, HOME):
        staged_run(stack, mode, f"reference {mode}")
        ends[mode] = end_state(stack)
        planned[mode] = moments(read_record(finished(RECORDS)[-1]), chance, _TRIES * count)
    roads: list[Road] = []
    tried = hit = 0
    while hit < count and tried < _TRIES * count:
        mode = (AWAY, HOME)[len(roads) % 2]
        now = planned[mode][tried : tried + min(each, count - hit)]
        roads.append(_go(stack, tried + 1, mode, sorted(now, key=lambda moment: moment.at), ends[mode]))
        print("\n".join(_lines(tried + 1, roads[-1])), flush=True)
        tried += len(now)
        hit += sum(kill.hit for kill in roads[-1].kills)
    return _verdict(roads, count)


def _go(stack: Stack, first: int, mode: str, planned: Sequence[Moment], wanted: str) -> Road:
    before = set(finished(RECORDS))
    stack.mode(mode)
    begun: list[float] = []
    hits: list[tuple[bool, int]] = []
    for number, moment in enumerate(planned, first):
        mark = f"kill-{number}-{os.getpid()}"
        begun.append(time.time())
        process = stack.start(stack.folder / f"killed-{number}.log", mark)
        hit = _await(moment, process)
        hits.append((hit, _kill(process, mark) if hit else 0))
        process.wait()
    stack.up(f"after-{first + len(planned) - 1}")
    new = [folder for folder in finished(RECORDS) if folder not in before]
    if len(new) != 1:
        raise BenchError(f"road {first}: one record should be new in {RECORDS}, and {len(new)} are")
    record = read_record(new[0])
    windows = [Window(start, end) for start, end in pairwise([-math.inf, *begun[1:], math.inf])]
    kills = tuple(
        Killed(moment, hit, processes, *_seen(record.runs, window))
        for moment, (hit, processes), window in zip(planned, hits, windows, strict=True)
    )
    seen = end_state(stack)
    return Road(mode, kills, outcome(f"to {mode}", record), seen == wanted, _differ(wanted, seen))


def _seen(runs: Sequence[Run], window: Window) -> tuple[Figures, int]:
    asked = figures([run for run in runs if run.kind != UDP], [window])
    return asked, sum(figures([run], [window]).lost for run in runs if run.kind == UDP)


def _await(moment: Moment, process: subprocess.Popen[bytes]) -> bool:
    """Until the moment has come; False if the run ended before."""
    limit = time.monotonic() + _LONGEST
    while moment.after and not _happened(moment):
        if process.poll() is not None or time.monotonic() > limit:
            return False
        time.sleep(0.05)
    try:
        process.wait(moment.seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _happened(moment: Moment) -> bool:
    folder = Folder.unfinished(RECORDS, "staged")
    if folder is None or not (folder.path / "events.jsonl").exists():
        return False
    lines = (folder.path / "events.jsonl").read_text().splitlines()
    trees = [json.loads(line) for line in lines if line.endswith("}")]
    return moment.after in [(tree["stage"], tree["node"], tree["what"]) for tree in trees]


def _kill(process: subprocess.Popen[bytes], mark: str) -> int:
    """Everything that belongs to the run at once: Pulumi, its plugins, the migration, kubectl; how many that were."""
    killed: set[int] = set()
    while left := [number for number in marked(mark) if number not in killed]:
        for number in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
            killed.add(number)
    return len(killed)


def _differ(wanted: str, seen: str) -> str:
    missing = [f"- {line}" for line in wanted.splitlines() if line not in seen.splitlines()]
    new = [f"+ {line}" for line in seen.splitlines() if line not in wanted.splitlines()]
    return "; ".join([*missing, *new])[:400]


def _lines(first: int, road: Road) -> list[str]:
    lines: list[str] = []
    for number, kill in enumerate(road.kills, first):
        where = f"killed {kill.moment}" if kill.hit else f"ended before {kill.moment}"
        seen = kill.seen
        what = f"{seen.requests} requests, {seen.failed} failed, {kill.lost} datagrams, gap {seen.gap_ms:.0f} ms"
        lines.append(f"{number:3} to {road.mode:<12} {where} ({kill.processes} processes): {what}")
    state = "the same end" if road.same else f"ANOTHER END: {road.difference}"
    return [*lines, f"    to {road.mode:<12} {road.outcome.ended}: {state}"]


def _verdict(roads: Sequence[Road], wanted: int) -> int:
    kills = [kill for road in roads for kill in road.kills if kill.hit]
    astray = sum(not road.same or road.outcome.ended != "done" for road in roads)
    costly = sum(kill.seen.failed > 0 for kill in kills)
    unasked = sum(bool(missed(road.outcome, busy=True)) and not road.outcome.failed for road in roads)
    print(
        f"\n{len(kills)} runs were killed, on {len(roads)} roads; {astray} roads did not come to the same end;"
        f" {costly} kills cost a request"
    )
    if unasked:
        print(f"{unasked} roads were not measured well enough to say")
    met = len(kills) >= wanted and not astray and not unasked and costly <= _TOLERATED * len(kills)
    print("the bar is " + ("met" if met else "missed"))
    return 0 if met else 1
