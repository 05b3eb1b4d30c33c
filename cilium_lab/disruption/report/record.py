"""What a run of a migration has left, as frozen data. Times are Unix time in seconds unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """Something that ended at `time` and took so many seconds."""

    time: float
    stage: str
    node: str
    """Empty: not about one node."""
    what: str
    seconds: float
    detail: str

    @property
    def begun(self) -> float:
        """When it began."""
        return self.time - self.seconds


@dataclass(frozen=True)
class Second:
    """What came back, or failed, within [at, at + 1)."""

    at: int
    sent: int
    failed: int
    latency_ms: tuple[float, ...]
    """Of each answer."""
    gap_ms: float
    """The longest time between two answers, the last of which came in this second."""


@dataclass(frozen=True)
class Moment:
    """A failed request (when it was asked), or the end of a lasting connection."""

    at: float
    why: str


@dataclass(frozen=True)
class Run:
    """One process that asked one thing. A prober that moved gives several runs; the time between them is nobody's."""

    source: str
    """The host's name, or `pod`."""
    probe: str
    kind: str
    """http, dns, tcp (one lasting connection) or udp (datagrams from one socket)."""
    rate: float
    """Requests a second that it should make."""
    begun: float
    ended: float | None = None
    """None: it was killed, or its last lines are missing."""
    seconds: tuple[Second, ...] = ()
    failures: tuple[Moment, ...] = ()
    ends: tuple[Moment, ...] = ()
    """Of lasting connections and sockets; why: fin, reset, destroyed, timeout or other words."""


@dataclass(frozen=True)
class Addresses:
    """A node's blocks (CIDRs), and its pods on the pod network: namespace/name -> address."""

    blocks: tuple[str, ...]
    pods: Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """The folder of one run."""

    kind: str
    """staged, or manual."""
    origin: str
    """IPAM mode at the beginning; empty if it was not noted."""
    goal: str
    begun: float
    ended: float | None
    """None: the run was killed, or still runs."""
    outcome: str
    """done, or why it stopped; empty as long as `ended` is None."""
    events: tuple[Event, ...] = ()
    runs: tuple[Run, ...] = ()
    before: Mapping[str, Addresses] = field(default_factory=dict[str, Addresses])
    after: Mapping[str, Addresses] = field(default_factory=dict[str, Addresses])
    unread: Mapping[str, int] = field(default_factory=dict[str, int])
    """File -> lines that were not whole, such as the last one of a writer that was killed."""
    missing: tuple[str, ...] = ()
    """Files that are not there or not whole."""
