"""Builds two small artifacts in a process of its own, for the tests that interrupt it or start it twice.

usage: python -m tests.helpers.building RECIPE NOTES ARTIFACT, with the cache in CILIUM_LAB_CACHE

The artifact `one` is made by the recipe named; `next` needs it. Recipes note in the file NOTES what they do.
Prints whether the wanted artifact was made by this process. Exit status 130 after an interruption.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from airgap.builder.builder import Builder
from airgap.builder.recipe import BuildError, Recipe, Workspace
from airgap.builder.report import Progress

recipe, notes, wanted = sys.argv[1], Path(sys.argv[2]), sys.argv[3]


def waits(ws: Workspace) -> None:
    """One command that has started another; both note their process numbers."""
    ws.run(["sh", "-c", f"sleep 300 & printf '%s\\n%s\\n' $$ $! > {notes}; wait"])


def stubborn(ws: Workspace) -> None:
    """Goes on with the next command when one fails."""
    for _ in range(100):
        try:
            waits(ws)
        except BuildError:
            continue


def steps(ws: Workspace) -> None:
    """Many short commands, so that a signal comes between two of them as likely as not."""
    for _ in range(6000):
        with notes.open("a") as stream:
            stream.write("0\n")
        ws.run(["sleep", "0.01"])


def slow(ws: Workspace) -> None:
    """Takes its time, and notes that it was there."""
    ws.run(["sh", "-c", f"echo made >> {notes}; sleep 1"])
    (ws.out / "result").write_text("whole")


def main() -> int:
    """Build the wanted artifact."""
    make = {"waits": waits, "stubborn": stubborn, "steps": steps, "slow": slow}[recipe]
    recipes = [Recipe("one", make), Recipe("next", slow, needs=("one",))]
    try:
        built = Builder(recipes, Progress(io.StringIO())).build([wanted])
    except KeyboardInterrupt:
        return 130
    print(built[-1].fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
