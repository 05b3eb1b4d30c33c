"""Runs checks in order, each until it holds or its time is up, and tells about each in one line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cilium_lab.checks.check import Check, Result, failed
from cilium_lab.checks.context import CommandError, Context

# Seconds between two looks at the same condition.
_PAUSE = 1.0


@dataclass(frozen=True)
class Outcome:
    """A check's last result, and how many seconds it took to get there."""

    name: str
    result: Result
    seconds: float

    def __str__(self) -> str:
        mark = "ok  " if self.result.ok else "FAIL"
        lines = [f"{mark} {self.seconds:6.1f} s  {self.name}: {self.result.seen}"]
        if not self.result.ok:
            lines.append(f"                expected: {self.result.expected}")
            lines.append(f"                look at:  {self.result.hint}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Summary:
    """Every outcome, in order."""

    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """True if there was a check and every one holds."""
        return bool(self.outcomes) and all(outcome.result.ok for outcome in self.outcomes)

    def table(self) -> str:
        """One line a check (mark, seconds, name) and a last line with the sums."""
        rows = [
            f"{'ok  ' if outcome.result.ok else 'FAIL'}  {outcome.seconds:6.1f} s  {outcome.name}"
            for outcome in self.outcomes
        ]
        good = sum(outcome.result.ok for outcome in self.outcomes)
        seconds = sum(outcome.seconds for outcome in self.outcomes)
        return "\n".join([*rows, f"{good} of {len(self.outcomes)} checks hold, {seconds:.1f} s"])


def run_checks(
    checks: Iterable[Check],
    context: Context,
    *,
    tell: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Run all checks and return what came of them.

    After the first one that fails, the others get one look each: the picture is complete, but nobody waits
    for conditions that cannot come true any more.
    """
    outcomes: list[Outcome] = []
    broken = False
    for check in checks:
        started = clock()
        deadline = started if broken else started + check.limit
        result = _look(check, context)
        while not result.ok and clock() < deadline:
            sleep(_PAUSE)
            result = _look(check, context)
        outcome = Outcome(check.name, result, clock() - started)
        outcomes.append(outcome)
        broken = broken or not result.ok
        tell(str(outcome))
    return Summary(tuple(outcomes))


def _look(check: Check, context: Context) -> Result:
    """One look. A command that fails, or an answer without expected fields, is a condition not yet true."""
    try:
        return check.run(context)
    except CommandError as error:
        return failed(expected="the command to succeed", seen=str(error), hint="the command itself, by hand")
    except (KeyError, IndexError, ValueError) as error:
        return failed(
            expected="an answer in the usual shape",
            seen=f"{type(error).__name__}: {error}",
            hint="the same command by hand; a changed output format is a fault of the check",
        )
