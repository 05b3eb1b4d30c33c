"""`./lab bench settings`: changed settings of Cilium, each there and back under all probes, by the rollout of nodes."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

from cilium_lab.disruption.record import RECORDS, finished
from labctl.bench.judge import Outcome, side_by_side
from labctl.bench.kills import kill_all
from labctl.bench.migration import HOME, floor_run, judge_all, only_new, show, staged_run
from labctl.bench.stack import Stack

_LONGEST = 120.0
"""Seconds after which a run is killed at the latest: a whole rollout of three nodes takes about as long."""


@dataclass(frozen=True)
class Setting:
    """An option of the stack by its path, with a value and the one that it has before and afterwards."""

    path: str
    there: str
    back: str


SETTINGS = (
    Setting("debug", "false", "true"),
    Setting("masquerade", "iptables", "bpf"),
    Setting("ciliumValues.MTU", "1400", "1450"),
)


def bench(stack: Stack, *, kills: bool, seed: int) -> int:
    """Prints a table for each run and one for all; 1 if a run exceeds a threshold.

    With `kills` each run is killed at a random moment and finished by the next one: then only failures count.
    """
    chance = random.Random(seed)
    if kills:
        print(f"seed {seed}: ./lab bench settings --kills --seed {seed}", flush=True)
    stack.mode(HOME)
    for setting in SETTINGS:
        stack.set(setting.path, setting.back)
    stack.up("begin")
    floor = None if kills else floor_run(stack)
    runs: list[Outcome] = []
    for setting in SETTINGS:
        for value in (setting.there, setting.back):
            name = f"{setting.path} {value}"
            if kills:
                runs.append(_killed_run(stack, setting.path, value, name, chance.uniform(0.0, _LONGEST)))
            else:
                runs.append(staged_run(stack, setting.path, value, name))
    print(f"\n{side_by_side([*([floor] if floor else []), *runs])}")
    return judge_all(runs, floor)


def _killed_run(stack: Stack, path: str, value: str, name: str, seconds: float) -> Outcome:
    before = set(finished(RECORDS))
    stack.set(path, value)
    mark = f"settings-{os.getpid()}-{len(before)}"
    process = stack.start(stack.folder / f"killed-{name.replace(' ', '-')}.log", mark)
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    killed = kill_all(mark) if process.poll() is None else 0
    process.wait()
    words = f"killed after {seconds:.1f} s ({killed} processes)" if killed else f"ended before {seconds:.1f} s"
    print(f"{name}: {words}", flush=True)
    stack.up(f"after-{name.replace(' ', '-')}")
    return show(name, only_new(before, name))
