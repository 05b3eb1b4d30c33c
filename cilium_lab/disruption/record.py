"""The record of one change of a cluster: a directory whose format is known here alone.

`run.json` holds what was requested, when and how it ended; `events.jsonl` a line for each event; `addresses.json` each
node's pod CIDRs and pod addresses before and after; `probe-SOURCE.jsonl` the lines of one source's probes (see
`probe_lines`). Every file is complete at any time: a run may be killed between any two lines. A run that was killed is
continued in the directory that it left, when that is young enough to be about the same cluster. Of a record that is
read only `run.json` has to exist; what else is missing or cut is counted and named. Times in memory are Unix time in
seconds.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cilium_lab.disruption.probe_lines import ProbeRun, read_probe_lines
from cilium_lab.kube.objects import Snapshot
from cilium_lab.paths import STATE

_SANDBOXED = "embedded"
"""The stack whose folder has the plain name: versions before this one kept all records there."""
RUN, EVENTS, ADDRESSES = "run.json", "events.jsonl", "addresses.json"
PROBES = "probe-*.jsonl"
DONE = "done"
"""Outcome of a run that came to its end; any other outcome says why it stopped."""
_CONTINUED = datetime.timedelta(hours=1)
"""Age up to which a directory without an end is continued."""
_CIDRS, _EARLIER = "podCIDRs", "blocks"
"""The same field, as it is now and in records of earlier versions."""

Now = Callable[[], datetime.datetime]


def records_of(stack: str) -> Path:
    """All records of a stack's lab, a directory each, named by the time of their beginning; `stack` may be its full
    name.
    """
    name = stack.rpartition("/")[2]
    return STATE / ("migrations" if name == _SANDBOXED else f"migrations-{name}")


class Kind(StrEnum):
    """How a change was made."""

    STAGED = "staged"
    MANUAL = "manual"
    FLOOR = "floor"
    """Not made: nothing was changed while the probes ran."""


class ReportError(Exception):
    """There is no record that could be reported; the text says why and what to do."""


@dataclass(frozen=True)
class Event:
    """Something that ended at `time` and took so many seconds. Stage and what are texts: see `stages`."""

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
class Addresses:
    """A node's pod CIDRs, and its pods on the pod network: namespace/name -> address."""

    pod_cidrs: tuple[str, ...]
    pods: Mapping[str, str]


@dataclass(frozen=True)
class RunRecord:
    """A whole record."""

    kind: str
    """A `Kind`."""
    origin: str
    """IPAM mode at the beginning; empty if it was not noted."""
    goal: str
    begun: float
    ended: float | None
    """None: the run was killed, or still runs."""
    outcome: str
    """DONE, or why it stopped; empty as long as `ended` is None."""
    events: tuple[Event, ...] = ()
    probe_runs: tuple[ProbeRun, ...] = ()
    before: Mapping[str, Addresses] = field(default_factory=dict[str, Addresses])
    after: Mapping[str, Addresses] = field(default_factory=dict[str, Addresses])
    unread: Mapping[str, int] = field(default_factory=dict[str, int])
    """File -> lines that were not whole, such as the last one of a writer that was killed."""
    missing: tuple[str, ...] = ()
    """Files that are not there or not whole."""
    reasons: tuple[str, ...] = ()
    """Why nodes were rolled out beside a change of the mode: `debug.enabled true -> false`."""


def utc_now() -> datetime.datetime:
    """The time of day."""
    return datetime.datetime.now(datetime.UTC)


def rfc3339(time: datetime.datetime) -> str:
    """2026-01-01T10:00:00.123Z"""
    return time.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunDirectory:
    """One record that is being written. `path` exists. Methods raise OSError."""

    def __init__(self, path: Path, now: Now = utc_now) -> None:
        self.path = path
        self._now = now

    @classmethod
    def unfinished(cls, records: Path, kind: str, now: Now = utc_now) -> RunDirectory | None:
        """The newest directory of that kind below `records`, if it has not ended and began within the last hour."""
        for path in reversed(_directories(records)):
            directory = cls(path, now)
            run = directory.run
            if run["kind"] == kind:
                begun = datetime.datetime.fromisoformat(run["begun"])
                return None if run["ended"] or now() - begun > _CONTINUED else directory
        return None

    @classmethod
    def new(cls, records: Path, kind: str, *, now: Now = utc_now) -> RunDirectory:
        """A fresh directory, named by the time; `kind` is a `Kind`."""
        begun = now()
        name = begun.strftime("%Y%m%dT%H%M%S.") + f"{begun.microsecond // 1000:03d}Z"
        path = records / name
        path.mkdir(parents=True, mode=0o700)
        directory = cls(path, now)
        directory._write(RUN, {"kind": str(kind), "begun": rfc3339(begun), "ended": None, "outcome": None})
        return directory

    @property
    def run(self) -> dict[str, Any]:
        """What run.json says."""
        return json.loads((self.path / RUN).read_text())

    @property
    def has_events(self) -> bool:
        """Whether an event was written: the probes of a run begin before its first one."""
        return (self.path / EVENTS).exists()

    def change(self, before: str, after: str, reasons: Sequence[str] = ()) -> None:
        """From which mode to which, and why nodes are rolled out besides; a run that was reversed keeps where it came
        from."""
        self._write(RUN, {"from": before, "reasons": list(reasons), **self.run, "to": after})

    def event(self, stage: str, node: str, what: str, seconds: float, detail: str) -> None:
        """Add an event that ended now and took so many seconds."""
        line = {
            "time": rfc3339(self._now()),
            "stage": stage,
            "node": node,
            "what": what,
            "seconds": round(seconds, 3),
            "detail": detail,
        }
        with (self.path / EVENTS).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def addresses(self, when: str, nodes: Mapping[str, object]) -> None:
        """What `addresses` has made of a snapshot, `before` (the first one counts) or `after`."""
        path = self.path / ADDRESSES
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"before": None, "after": None}
        if when == "after" or known["before"] is None:
            self._write(ADDRESSES, {**known, when: nodes})

    def lines(self, source: str, text: str) -> None:
        """All lines of one source's probes."""
        (self.path / PROBES.replace("*", source)).write_text(text)

    def end(self, outcome: str) -> None:
        """The run has ended: DONE, or why not."""
        self._write(RUN, {**self.run, "ended": rfc3339(self._now()), "outcome": outcome})

    def _write(self, name: str, tree: Mapping[str, object]) -> None:
        fresh = self.path / f".{name}.part"
        fresh.write_text(json.dumps(tree, indent=1) + "\n")
        os.replace(fresh, self.path / name)


def addresses(snapshot: Snapshot) -> dict[str, object]:
    """Each node's pod CIDRs, and the addresses of its pods on the pod network."""
    return {
        node.name: {
            _CIDRS: [str(cidr) for cidr in snapshot.pod_cidrs(node.name)],
            "pods": {
                pod.key: str(pod.address)
                for pod in sorted(snapshot.pods, key=lambda pod: pod.key)
                if pod.node == node.name and pod.on_pod_network and pod.address
            },
        }
        for node in snapshot.nodes
    }


def _directories(records: Path) -> list[Path]:
    """All records, the oldest first."""
    return sorted((path.parent for path in records.glob(f"*/{RUN}")), key=lambda path: path.name)


def finished(records: Path) -> Sequence[Path]:
    """All directories whose run has ended, the oldest first."""
    return [path for path in _directories(records) if RunDirectory(path).run.get("ended")]


def newest(records: Path) -> Path:
    """The directory of the last run. Raises ReportError."""
    found = _directories(records)
    if not found:
        raise ReportError(f"no migration has been recorded in {records}\n  next: change ipamMode, and pulumi up")
    return found[-1]


def read_record(directory: Path) -> RunRecord:
    """Everything that a run has left. Raises ReportError."""
    run = _read_run(directory / RUN)
    unread: dict[str, int] = {}
    missing: list[str] = []
    events, broken_events = read_events(directory)
    if events is None:
        missing.append(EVENTS)
    if broken_events:
        unread[EVENTS] = broken_events
    before, after = _read_addresses(directory / ADDRESSES, missing)
    probe_runs: list[ProbeRun] = []
    for path in sorted(directory.glob(PROBES)):
        found, broken = read_probe_lines(path.stem.removeprefix("probe-"), _text(path))
        probe_runs += found
        if broken:
            unread[path.name] = broken
    if not probe_runs:
        missing.append(PROBES)
    ended = run.get("ended")
    return RunRecord(
        kind=str(run.get("kind", "")),
        origin=str(run.get("from", "")),
        goal=str(run.get("to", "")),
        reasons=tuple(map(str, run.get("reasons", ()))),
        begun=_time(run["begun"]),
        ended=_time(ended) if ended else None,
        outcome=str(run.get("outcome") or ""),
        events=events or (),
        probe_runs=tuple(probe_runs),
        before=before,
        after=after,
        unread=unread,
        missing=tuple(missing),
    )


def read_events(directory: Path) -> tuple[tuple[Event, ...] | None, int]:
    """The events of a run, also of one that still runs, by time (None: no file), and how many lines are not whole."""
    path = directory / EVENTS
    if not path.exists():
        return None, 0
    events: list[Event] = []
    unread = 0
    for line in filter(None, _text(path).split("\n")):
        try:
            tree: dict[str, Any] = json.loads(line)
            words = (str(tree["stage"]), str(tree["node"]), str(tree["what"]))
            seconds = max(0.0, min(float(tree["seconds"]), 1e6))
            events.append(Event(_time(tree["time"]), *words, seconds, str(tree["detail"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            unread += 1
    return tuple(sorted(events, key=lambda event: event.time)), unread


def _read_run(path: Path) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = json.loads(_text(path))
        for name in ("begun", "ended"):
            if name == "begun" or tree.get(name):
                _time(tree[name])
    except OSError as error:
        raise ReportError(f"{path.parent} is not the folder of a migration: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReportError(f"{path}: expected begun and ended, seen {type(error).__name__}: {error}") from error
    return tree


def _read_addresses(path: Path, missing: list[str]) -> tuple[Mapping[str, Addresses], Mapping[str, Addresses]]:
    try:
        tree: dict[str, Any] = json.loads(_text(path))
        return _nodes(tree.get("before")), _nodes(tree.get("after"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        missing.append(path.name)
        return {}, {}


def _nodes(tree: Mapping[str, Any] | None) -> dict[str, Addresses]:
    return {
        str(name): Addresses(
            tuple(map(str, node[_CIDRS] if _CIDRS in node else node[_EARLIER])),
            {str(key): str(address) for key, address in node["pods"].items()},
        )
        for name, node in (tree or {}).items()
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _time(text: str) -> float:
    """RFC 3339 -> Unix time; without an offset it is UTC."""
    time = datetime.datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=datetime.UTC)).timestamp()
