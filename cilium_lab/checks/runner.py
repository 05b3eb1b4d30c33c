"""Runs checks in order, each until it holds or its time is up, and reports each in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from cilium_lab.kube.conditions import Clock, Condition, Result, assess, poll
from cilium_lab.tables import line

_PAUSE = 1.0
"""Seconds between two assessments of the same condition."""
_WIDTHS = (4, 8)


@dataclass(frozen=True)
class Outcome:
    """A check's last result, and how many seconds it took to get there."""

    name: str
    result: Result
    seconds: float

    def __str__(self) -> str:
        mark = "ok" if self.result.ok else "FAIL"
        lines = [line([mark, f"{self.seconds:.1f} s", f"{self.name}: {self.result.seen}"], _WIDTHS, right={1})]
        if not self.result.ok:
            for what, text in (("expected", self.result.expected), ("next", self.result.next)):
                lines.append(line(["", "", f"{what}: {text}"], _WIDTHS))
        return "\n".join(lines)


@dataclass(frozen=True)
class Summary:
    """Every outcome, in order."""

    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """True if there was a check and every one holds."""
        return bool(self.outcomes) and all(outcome.result.ok for outcome in self.outcomes)

    def __str__(self) -> str:
        good = sum(outcome.result.ok for outcome in self.outcomes)
        seconds = sum(outcome.seconds for outcome in self.outcomes)
        return f"{good} of {len(self.outcomes)} checks hold, {seconds:.1f} s"


def run_checks(
    checks: Iterable[Condition], *, tell: Callable[[str], None] = print, clock: Clock | None = None
) -> Summary:
    """Run all checks and return what came of them.

    After the first one that fails, the others are assessed once each: the report is complete without a wait for
    conditions that cannot come true any more.
    """
    clock = clock or Clock()
    outcomes: list[Outcome] = []
    broken = False
    for check in checks:
        if broken:
            started = clock.now()
            result = assess(check)
            seconds = clock.now() - started
        else:
            result, seconds = poll(check, check.timeout, clock, _PAUSE, _ignore)
        outcomes.append(Outcome(check.name, result, seconds))
        broken = broken or not result.ok
        tell(str(outcomes[-1]))
    return Summary(tuple(outcomes))


def to_json(summary: Summary) -> dict[str, object]:
    """The summary as a document: whether all hold, and each check with what was expected and seen."""
    outcomes = [{"name": one.name, "seconds": round(one.seconds, 1), **asdict(one.result)} for one in summary.outcomes]
    return {"ok": summary.ok, "checks": outcomes}


def _ignore(_seconds: float, _result: Result) -> None:
    """A check is reported once, when it is over."""
