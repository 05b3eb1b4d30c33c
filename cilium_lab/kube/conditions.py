"""Gates: named conditions with a limit. One text for progress, error and report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cilium_lab.kube.client import ApiError

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Event:
    """What a gate tells: it ended now, and took so many seconds."""

    stage: str
    node: str
    """Empty: not about one node."""
    what: str
    seconds: float
    detail: str


def _unheard(_event: Event) -> None:
    pass


@dataclass(frozen=True)
class Verdict:
    """What one look at a condition saw. `next` is what a person may look at when it does not come true."""

    ok: bool
    seen: str
    expected: str = ""
    next: str = ""


def holds(seen: str) -> Verdict:
    """The condition holds; `seen` is the evidence."""
    return Verdict(True, seen)


def waits(*, expected: str, seen: str, next: str) -> Verdict:
    """Not yet."""
    return Verdict(False, seen, expected, next)


class GateFailed(Exception):
    """A gate that did not open within its limit."""

    def __init__(self, name: str, node: str, seconds: float, verdict: Verdict) -> None:
        where = f" on {node}" if node else ""
        super().__init__(
            f"{name}{where}: not within {seconds:.0f} s\n  expected: {verdict.expected}\n"
            f"  seen:     {verdict.seen}\n  next:     {verdict.next}"
        )
        self.name = name
        self.node = node
        self.verdict = verdict


@dataclass
class Clock:
    """Time, so that tests need none."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Gates:
    """Waits for conditions and tells about each in one line: stage, node, what was awaited, seconds, evidence."""

    tell: Tell
    clock: Clock = field(default_factory=Clock)
    hear: Callable[[Event], None] = _unheard
    """Gets each event besides."""
    stage: str = ""
    pause: float = 0.3
    """Seconds between two looks."""
    reminder: float = 10.0
    """Seconds after which the line is told that says what is still awaited."""

    def wait(self, name: str, look: Callable[[], Verdict], limit: float, node: str = "") -> Verdict:
        """Look until the verdict holds; raises GateFailed. An API that does not answer is a condition not yet true."""
        started = self.clock.now()
        reminded = started
        while True:
            verdict = _look(look)
            now = self.clock.now()
            if verdict.ok:
                self.done(name, node, now - started, verdict.seen)
                return verdict
            if now - started >= limit:
                raise GateFailed(name, node, limit, verdict)
            if now - reminded >= self.reminder:
                reminded = now
                self.done(f"waiting: {name}", node, now - started, verdict.seen)
            self.clock.sleep(self.pause)

    def done(self, name: str, node: str, seconds: float, seen: str) -> None:
        """Tell about a step that was no waiting."""
        self.tell(f"{self.stage:<18} {node or '-':<10} {seconds:6.1f} s  {name}: {seen}")
        self.hear(Event(self.stage.strip(), node, name, seconds, seen))


def _look(look: Callable[[], Verdict]) -> Verdict:
    try:
        return look()
    except ApiError as error:
        return waits(expected="an answer", seen=str(error), next="the API server, or the pod that was asked")
    except (KeyError, IndexError, ValueError) as error:
        return waits(
            expected="an answer in the usual shape",
            seen=f"{type(error).__name__}: {error}",
            next="a changed output format is a fault of this program",
        )
