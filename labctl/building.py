"""`./lab build` and `./lab clean`: the cache of what a lab is made of."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import get_args

from airgap import prerequisites
from airgap.builder.report import table
from airgap.catalogue import Source
from airgap.recipes import BUNDLE, TOOLCHAIN
from labctl import source
from labctl.command import parser
from labctl.source import Supply
from sandbox import sandbox


def build(arguments: Sequence[str]) -> int:
    """Build or download the toolchain and the bundle, or the artifacts named."""
    made = parser(build)
    made.add_argument("names", metavar="NAME", nargs="*", help="all that a lab needs, if none is named")
    source.add_options(made)
    given = made.parse_args(arguments)
    wanted = given.names or [*TOOLCHAIN, *BUNDLE]
    prerequisites.install()
    print(table(source.make(wanted, given)))
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
    built, downloaded = (Supply(name).builder() for name in get_args(Source))
    cleaned = built.clean(downloaded.current())
    print(f"{len(cleaned.removed)} outdated folders removed")
    if cleaned.busy:
        print(f"left to a build that runs: {', '.join(cleaned.busy)}")
    return 0
