"""What a check is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cilium_lab.checks.context import Context


@dataclass(frozen=True)
class Result:
    """What a check saw once. `expected` and `hint` are told only if it is not as it should be."""

    ok: bool
    seen: str
    expected: str = ""
    hint: str = ""


def passed(seen: str) -> Result:
    """The condition holds; `seen` is the evidence in one line."""
    return Result(True, seen)


def failed(*, expected: str, seen: str, hint: str) -> Result:
    """The condition does not hold (yet); `hint` says what to look at next."""
    return Result(False, seen, expected, hint)


@dataclass(frozen=True)
class Check:
    """A named condition. `run` looks once; the runner repeats it for at most `limit` seconds."""

    name: str
    run: Callable[[Context], Result]
    limit: float = 60.0
