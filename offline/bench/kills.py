"""`./lab bench kills`: migrations killed at random moments, spread over the stages, each finished by the next up.

A reference run of each way tells which events there are and how far apart. A kill waits for one of them and then for a
random part of the time to the next one, so that short stages are hit as often as long ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from components.probes.folder import RECORDS, Folder, finished
from components.report.reading import read_record
from offline.bench.end_state import end_state
from offline.bench.judge import Outcome, missed, outcome
from offline.bench.migration import AWAY, HOME, staged_run
from offline.bench.moments import Moment, moments
from offline.bench.stack import BenchError, Stack, marked

_LONGEST = 600.0
"""Seconds after which a run that comes to no event is not waited for any more."""
_TOLERATED = 0.05
"""Share of kills that may cost a request, each to be explained: 1 of 20."""


@dataclass(frozen=True)
class Killed:
    """One kill and what became of it."""

    mode: str
    moment: Moment
    hit: bool
    """False: the run came to its end before."""
    processes: int
    outcome: Outcome
    same: bool
    """Whether the cluster ended as the reference run of that way did."""
    difference: str


def bench(stack: Stack, count: int, seed: int) -> int:
    """Prints a line for each kill; 1 unless every run converged and 19 of 20 cost no request."""
    print(f"seed {seed}: ./lab bench kills --count {count} --seed {seed}", flush=True)
    chance = random.Random(seed)
    stack.mode(HOME)
    stack.up("begin")
    ends: dict[str, str] = {}
    planned: dict[str, list[Moment]] = {}
    for mode in (AWAY, HOME):
        staged_run(stack, mode, f"reference {mode}")
        ends[mode] = end_state(stack)
        planned[mode] = moments(read_record(finished(RECORDS)[-1]), chance, (count + 1) // 2)
    done: list[Killed] = []
    for number in range(count):
        mode = (AWAY, HOME)[number % 2]
        done.append(_one(stack, number + 1, mode, planned[mode][number // 2], ends[mode]))
        print(_line(number + 1, done[-1]), flush=True)
    return _verdict(done)


def _one(stack: Stack, number: int, mode: str, moment: Moment, wanted: str) -> Killed:
    before = set(finished(RECORDS))
    stack.mode(mode)
    mark = f"kill-{number}-{os.getpid()}"
    process = stack.start(stack.folder / f"killed-{number}.log", mark)
    hit = _await(moment, process)
    processes = _kill(process, mark) if hit else 0
    process.wait()
    stack.up(f"after-{number}")
    new = [folder for folder in finished(RECORDS) if folder not in before]
    if len(new) != 1:
        raise BenchError(f"kill {number}: one record should be new in {RECORDS}, and {len(new)} are")
    seen = end_state(stack)
    found = outcome(f"kill {number}", read_record(new[0]))
    return Killed(mode, moment, hit, processes, found, seen == wanted, _differ(wanted, seen))


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


def _line(number: int, kill: Killed) -> str:
    found = kill.outcome
    state = "same end" if kill.same else f"ANOTHER END: {kill.difference}"
    where = f"killed {kill.moment}" if kill.hit else f"ended before {kill.moment}"
    what = f"{found.requests} requests, {found.failed} failed, {found.lost} datagrams, gap {found.gap_ms:.0f} ms"
    return f"{number:3} to {kill.mode:<12} {where} ({kill.processes} processes): {what}; {state}"


def _verdict(done: Sequence[Killed]) -> int:
    astray = sum(not kill.same or kill.outcome.ended != "done" for kill in done)
    costly = sum(kill.outcome.failed > 0 for kill in done)
    unasked = sum(bool(missed(kill.outcome, busy=True)) and not kill.outcome.failed for kill in done)
    hit = sum(kill.hit for kill in done)
    print(f"\n{hit} of {len(done)} runs were killed; {astray} did not come to the same end; {costly} cost a request")
    if unasked:
        print(f"{unasked} were not measured well enough to say")
    met = hit == len(done) and not astray and not unasked and costly <= _TOLERATED * len(done)
    print("the bar is " + ("met" if met else "missed"))
    return 0 if met else 1
