"""Runs checks at the same time, each until it holds or its time is up, and reports each in one line, in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import asdict, dataclass

from cilium_lab.kube.conditions import Clock, Condition, Result, assess, poll
from cilium_lab.tables import line

_PAUSE = 1.0
"""Seconds between two assessments of the same condition."""
_AT_ONCE = 6
"""How many checks are assessed at the same time: most of them wait for hosts and pods."""
_WIDTHS = (4, 8)


@dataclass(frozen=True)
class Check(Condition):
    """A condition of the list. Two of one lane are never assessed at the same time: one changes what the other sees."""

    lane: str = ""


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
    """Every outcome, in order, and how many seconds all of them took together."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """True if there was a check and every one holds."""
        return bool(self.outcomes) and all(outcome.result.ok for outcome in self.outcomes)

    def __str__(self) -> str:
        good = sum(outcome.result.ok for outcome in self.outcomes)
        return f"{good} of {len(self.outcomes)} checks hold, {self.seconds:.1f} s"


def run_checks(checks: Iterable[Check], *, tell: Callable[[str], None] = print, clock: Clock | None = None) -> Summary:
    """Run all checks and return what came of them.

    One that does not hold at once is repeated until it does, and only then are those behind it assessed again: what
    they saw meanwhile may be out of date. After the first one that fails, the others are assessed once each: the report
    is complete without a wait for conditions that cannot come true any more.
    """
    clock = clock or Clock()
    started = clock.now()
    wanted, outcomes = tuple(checks), list[Outcome]()

    def report(outcome: Outcome) -> None:
        outcomes.append(outcome)
        tell(str(outcome))

    broken = False
    while left := wanted[len(outcomes) :]:
        with closing(_at_once(left, clock, to_the_end=broken)) as assessed:
            pending = None
            for outcome in assessed:
                if not outcome.result.ok and not broken:
                    pending = outcome
                    break
                report(outcome)
        if pending:
            report(_repeat(wanted[len(outcomes)], pending, clock))
            broken = not outcomes[-1].result.ok
    return Summary(tuple(outcomes), clock.now() - started)


def _at_once(checks: Sequence[Check], clock: Clock, *, to_the_end: bool) -> Generator[Outcome]:
    """One assessment of each, in order. Unless all are wanted, it ends with the first one that does not hold.

    None that comes behind such a one is begun, and those that are under way have ended when the generator is closed.
    """
    failed = len(checks)

    def one(place: int, before: Future[Outcome | None] | None) -> Outcome | None:
        nonlocal failed
        if before:
            wait([before])
        if place > failed:
            return None
        check, started = checks[place], clock.now()
        outcome = Outcome(check.name, assess(check), clock.now() - started)
        if not outcome.result.ok and not to_the_end:
            failed = min(failed, place)
        return outcome

    pool = ThreadPoolExecutor(_AT_ONCE)
    tasks: list[Future[Outcome | None]] = []
    last_of_lane: dict[str, Future[Outcome | None]] = {}
    try:
        for place, check in enumerate(checks):
            tasks.append(pool.submit(one, place, last_of_lane.get(check.lane)))
            if check.lane:
                last_of_lane[check.lane] = tasks[-1]
        for task in tasks:
            if outcome := task.result():
                yield outcome
    finally:
        pool.shutdown(cancel_futures=True)


def _repeat(check: Check, first: Outcome, clock: Clock) -> Outcome:
    """The check again, for what its first assessment has left of its time."""
    left = check.timeout - first.seconds - _PAUSE
    if left < 0:
        return first
    clock.sleep(_PAUSE)
    result, seconds = poll(check, left, clock, _PAUSE, _ignore)
    return Outcome(check.name, result, check.timeout - left + seconds)


def to_json(summary: Summary) -> dict[str, object]:
    """The summary as a document: whether all hold, and each check with what was expected and seen."""
    outcomes = [{"name": one.name, "seconds": round(one.seconds, 1), **asdict(one.result)} for one in summary.outcomes]
    return {"ok": summary.ok, "checks": outcomes}


def _ignore(_seconds: float, _result: Result) -> None:
    """A check is reported once, when it is over."""
