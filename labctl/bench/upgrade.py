"""`./lab bench upgrade`: Cilium from release to release and back under all probes, and `helm upgrade` beside it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from cilium_lab.config.versions import CILIUM, release_name
from cilium_lab.paths import CURRENT
from labctl.bench.judge import Outcome, side_by_side
from labctl.bench.kills import one_run
from labctl.bench.migration import HOME, by_hand, floor_run, judge_all, show
from labctl.bench.stack import Stack
from labctl.embedded import Embedded
from labctl.source import make

_OPTION = "versions.cilium"
_SCRIPT = Path(__file__).with_name("helm-upgrade.sh")


def bench(stack: Stack, releases: Sequence[str], *, helm: bool, kills: bool, seed: int) -> int:
    """Prints a table for each run and one for all; 1 if a run by the rollout of nodes exceeds a threshold.

    `releases` are one minor release apart, oldest first, after the study's. With `helm` the first step is made once
    more, beforehand, as upstream's guide makes it: the chart's RollingUpdate restarts agents, and nothing is drained.
    With `kills` each run is killed at a random moment and finished by the next one: then only failures count.
    """
    chance = random.Random(seed) if kills else None
    if kills:
        print(f"seed {seed}: ./lab bench upgrade --kills --seed {seed} {' '.join(releases)}", flush=True)

    def step(release: str, name: str) -> Outcome:
        return one_run(stack, _OPTION, release, name, chance)

    if isinstance(stack.session, Embedded):
        make([release_name(release) for release in releases])
    stack.mode(HOME)
    stack.set(_OPTION, CILIUM)
    stack.up("begin")
    floor = None if kills else floor_run(stack)
    beside: list[Outcome] = []
    runs: list[Outcome] = []
    if helm:
        beside.append(_by_helm(stack, releases[0]))
        stack.up("taken-over")  # the agents are as the stack says, so no node is rolled out
        runs.append(step(CILIUM, f"back to {CILIUM}"))
    runs += [step(release, f"to {release}") for release in releases]
    way_back = [*reversed(releases[:-1]), CILIUM]
    runs += [step(release, f"back to {release}") for release in way_back]
    print(f"\n{side_by_side([*([floor] if floor else []), *beside, *runs])}")
    return judge_all(runs, floor)


def _by_helm(stack: Stack, release: str) -> Outcome:
    """The stack wants the release already, so that its images are on the nodes and the next `up` takes over."""
    stack.set(_OPTION, release)
    stack.up("images", "--target", "**-images")
    chart = CURRENT / release_name(release) / "charts" / "cilium"
    name = f"to {release} by helm upgrade"
    why = f"{_OPTION} {CILIUM} -> {release}"
    return show(name, by_hand(stack, "helm-upgrade", (HOME, HOME), [_SCRIPT, chart], [why]))
