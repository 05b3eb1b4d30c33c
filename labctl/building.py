"""`./lab build` and `./lab clean`: the cache of what a lab is made of."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from airgap import prerequisites
from airgap.builder.builder import Builder
from airgap.builder.report import Progress, table
from airgap.recipes import BUNDLE, RECIPES, TOOLCHAIN
from labctl import lifecycle
from labctl.command import parser
from sandbox import sandbox


def build(arguments: Sequence[str]) -> int:
    """Build the toolchain and the bundle, or the artifacts named."""
    made = parser(build)
    made.add_argument("names", metavar="NAME", nargs="*", help="all that a lab needs, if none is named")
    names = made.parse_args(arguments).names
    prerequisites.install()
    print(table(lifecycle.build(names or [*TOOLCHAIN, *BUNDLE])))
    return 0


def clean(arguments: Sequence[str]) -> int:
    """Remove artifacts from the cache that no recipe names any more.

    Not while the lab runs: its hosts use them.
    """
    parser(clean).parse_args(arguments)
    if sandbox.pid() is not None:
        print(
            "lab clean: the lab is running, and its hosts use what might be removed. First: ./lab destroy",
            file=sys.stderr,
        )
        return 1
    cleaned = Builder(RECIPES, Progress()).clean()
    print(f"{len(cleaned.removed)} outdated folders removed")
    if cleaned.busy:
        print(f"left to a build that runs: {', '.join(cleaned.busy)}")
    return 0
