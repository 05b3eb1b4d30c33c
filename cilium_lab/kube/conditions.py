"""Named conditions, and the one loop that waits for them: the same name is in progress, errors and reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cilium_lab.kube.client import ApiError
from cilium_lab.kube.deadline import time_limit
from cilium_lab.kube.ssh import HostError

Tell = Callable[[str], None]
PENDING = "waiting: "
"""Before the name of a condition that does not hold yet, in a reminder."""
_LEAST = 2.0
"""Seconds that the last assessment of a timeout may take at least: one without time shows nothing."""


@dataclass(frozen=True)
class Result:
    """What one assessment of a condition saw. `next` is what a person may look at while it does not hold."""

    ok: bool
    seen: str
    expected: str = ""
    next: str = ""


def met(seen: str) -> Result:
    """The condition holds; `seen` is the evidence in one line."""
    return Result(True, seen)


def unmet(*, expected: str, seen: str, next: str) -> Result:
    """The condition does not hold (yet)."""
    return Result(False, seen, expected, next)


@dataclass(frozen=True)
class Condition:
    """`assess` observes once; a waiter repeats it for at most `timeout` seconds."""

    name: str
    assess: Callable[[], Result]
    timeout: float = 60.0
    node: str = ""
    """Empty: not about one node."""


@dataclass
class Clock:
    """The time and a pause, which tests simulate."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def assess(condition: Condition, limit: float | None = None) -> Result:
    """One assessment, whose requests end within `limit` seconds (None: the condition's timeout).

    What does not answer, or not in the usual shape, is a condition that does not hold yet.
    """
    try:
        with time_limit(max(condition.timeout if limit is None else limit, _LEAST)):
            return condition.assess()
    except (ApiError, HostError) as error:
        return unmet(expected="an answer", seen=str(error), next="the API server, or the host or pod that is named")
    except (KeyError, IndexError, ValueError) as error:
        return unmet(
            expected="an answer in the usual shape",
            seen=f"{type(error).__name__}: {error}",
            next="a changed output format is a fault of this program",
        )


def poll(
    condition: Condition, timeout: float, clock: Clock, pause: float, pending: Callable[[float, Result], None]
) -> tuple[Result, float]:
    """Assess until the condition holds or `timeout` seconds are over: the last result, and the seconds it took.

    `pending` gets the seconds so far and the result after each assessment that calls for another one.
    """
    started = clock.now()
    while True:
        result = assess(condition, timeout - (clock.now() - started))
        seconds = clock.now() - started
        if result.ok or seconds >= timeout:
            return result, seconds
        pending(seconds, result)
        clock.sleep(pause)


@dataclass(frozen=True)
class Event:
    """A step that ended now and took so many seconds."""

    stage: str
    node: str
    """Empty: not about one node."""
    what: str
    seconds: float
    detail: str


class ConditionTimeout(Exception):
    """A condition that did not hold within its timeout."""

    def __init__(self, condition: Condition, result: Result) -> None:
        where = f" on {condition.node}" if condition.node else ""
        super().__init__(
            f"{condition.name}{where}: not within {condition.timeout:.0f} s\n  expected: {result.expected}\n"
            f"  seen:     {result.seen}\n  next:     {result.next}"
        )
        self.name = condition.name
        self.node = condition.node
        self.result = result


def _ignore(_event: Event) -> None:
    pass


@dataclass
class Waiter:
    """Waits for conditions and reports each in one line: stage, node, condition, seconds, evidence."""

    tell: Tell
    clock: Clock = field(default_factory=Clock)
    on_event: Callable[[Event], None] = _ignore
    """Gets each event besides."""
    stage: str = ""
    pause: float = 0.3
    """Seconds between two assessments."""
    reminder: float = 10.0
    """Seconds between two lines about what is still pending."""

    def wait(self, condition: Condition) -> Result:
        """Wait until the condition holds. Raises ConditionTimeout."""
        reminded = 0.0

        def pending(seconds: float, result: Result) -> None:
            nonlocal reminded
            if seconds - reminded >= self.reminder:
                reminded = seconds
                self.report(f"{PENDING}{condition.name}", condition.node, seconds, result.seen)

        result, seconds = poll(condition, condition.timeout, self.clock, self.pause, pending)
        if not result.ok:
            raise ConditionTimeout(condition, result)
        self.report(condition.name, condition.node, seconds, result.seen)
        return result

    def report(self, what: str, node: str, seconds: float, detail: str) -> None:
        """Report a step that has ended."""
        self.tell(f"{self.stage:<18} {node or '-':<10} {seconds:6.1f} s  {what}: {detail}")
        self.on_event(Event(self.stage.strip(), node, what, seconds, detail))
