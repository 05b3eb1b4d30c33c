"""`./lab bench settings`: changed settings of Cilium, each there and back under all probes, by the rollout of nodes."""

from __future__ import annotations

import random
from dataclasses import dataclass

from labctl.bench.judge import Outcome, side_by_side
from labctl.bench.kills import one_run
from labctl.bench.migration import HOME, floor_run, judge_all
from labctl.bench.stack import Stack


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
    chance = random.Random(seed) if kills else None
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
            runs.append(one_run(stack, setting.path, value, name, chance))
    print(f"\n{side_by_side([*([floor] if floor else []), *runs])}")
    return judge_all(runs, floor)
