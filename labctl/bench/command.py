"""`./lab bench`: its arguments."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

from cilium_lab.config.versions import CILIUM_RELEASES
from cilium_lab.disruption.thresholds import sentence
from labctl.bench import kills, migration, settings, upgrade, warm
from labctl.bench.stack import Stack
from labctl.command import add_stack, parser
from labctl.embedded import EMBEDDED, Embedded
from labctl.stacks import find

RELEASES = tuple({version.rpartition(".")[0]: version for version in CILIUM_RELEASES}.values())[1:]
"""The newest of each minor release after the study's."""


def bench(arguments: Sequence[str]) -> int:
    """Measure the running lab, which is brought up if needed and restored afterwards.

    The exit status is 1 when a threshold is exceeded.
    """
    given = _parser().parse_args(arguments)
    if given.what == "up":
        return warm.bench(Embedded(), given.rounds, again=given.again)
    with find(given.stack, otherwise=EMBEDDED) as session, Stack(session) as stack:
        if given.what == "kills":
            return kills.bench(stack, given.count, given.each, _seed(given))
        if given.what == "settings":
            return settings.bench(stack, kills=given.kills, seed=_seed(given))
        if given.what == "upgrade":
            return upgrade.bench(
                stack, given.releases or RELEASES, helm=given.helm, kills=given.kills, seed=_seed(given)
            )
        return migration.bench(stack, given.rounds, busy=given.busy, manual=given.manual)


def _seed(given: argparse.Namespace) -> int:
    return given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)


def _parser() -> argparse.ArgumentParser:
    made = parser(bench)
    made.epilog = f"Thresholds: {sentence()}."
    add_stack(made)
    what = made.add_subparsers(dest="what", required=True)
    there = what.add_parser("migration", help="forward and back under all probes")
    there.add_argument("--rounds", type=_positive, default=1, help="how often forward and back (1)")
    there.add_argument("--busy", action="store_true", help="keep one core busy meanwhile: only failures count then")
    there.add_argument("--manual", action="store_true", help="and the study's own procedure beside it")
    killed = what.add_parser("kills", help="each migration killed at a random moment and finished by the next up")
    killed.add_argument("--count", type=_positive, default=20, help="how many kills (20)")
    killed.add_argument("--each", type=_positive, default=1, help="kills in one migration, one after the other (1)")
    killed.add_argument("--seed", type=int, help="of the moments, to repeat a run")
    changed = what.add_parser("settings", help="debug, masquerade and MTU, each there and back under all probes")
    upgraded = what.add_parser("upgrade", help="Cilium from release to release and back under all probes")
    upgraded.add_argument("releases", metavar="RELEASE", nargs="*", help=f"one after the other ({' '.join(RELEASES)})")
    upgraded.add_argument("--helm", action="store_true", help="and the first step by helm upgrade beside it")
    warm_up = what.add_parser("up", help="commands on a lab that is up (embedded), beside an empty Pulumi program")
    warm_up.add_argument("--rounds", type=_positive, default=3, help="how often each command (3)")
    warm_up.add_argument("--again", action="store_true", help="and once: destroy the lab, and up from nothing")
    for one in (changed, upgraded):
        one.add_argument("--kills", action="store_true", help="each run is killed at a random moment, and finished")
        one.add_argument("--seed", type=int, help="of the moments, to repeat a run")
    return made


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number
