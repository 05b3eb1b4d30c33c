"""What every subcommand of `./lab` shares: its parser, made of its function, and the error that it ends with."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence

Run = Callable[[Sequence[str]], int]
"""A subcommand: its arguments -> its exit status. Its docstring is its help, the first line that of the overview."""


class LabError(Exception):
    """A failure that was foreseen. The text says what was expected, what was seen and what to do next."""

    def __init__(self, *, expected: str, seen: str, next: str) -> None:
        super().__init__(f"expected: {expected}\n  seen: {seen}\n  next: {next}")


def parser(run: Run, usage: str = "") -> argparse.ArgumentParser:
    """A parser for the subcommand; `usage` stands for its words where those are another program's."""
    made = argparse.ArgumentParser(
        prog=f"./lab {run.__name__}",
        description=inspect.getdoc(run),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if usage:
        made.usage = f"%(prog)s {usage}"
    return made


def add_stack(to: argparse.ArgumentParser) -> None:
    """The option that names the stack."""
    to.add_argument(
        "--stack",
        metavar="NAME",
        help="the stack: embedded, or one that plain Pulumi has brought up; without it the one that runs",
    )


def split(arguments: Sequence[str], *own: str, valued: Sequence[str] = ("--stack",)) -> tuple[list[str], list[str]]:
    """A subcommand's own options, which stand first, and the words of the program that it runs.

    `own` are further options without a value, `valued` those with one; `--` ends them.
    """
    words = list(arguments)
    options: list[str] = []
    while words and words[0].partition("=")[0] in ("-h", "--help", *valued, *own):
        options.append(words.pop(0))
        if options[-1] in valued and words:
            options.append(words.pop(0))
    return options, words[1:] if words[:1] == ["--"] else words
