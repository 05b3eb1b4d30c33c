"""The record of one change of a cluster, as a folder: what was asked for, each event, addresses, the probes' lines.

Every file is complete at any time: a run may be killed between any two lines. A run that was killed is continued in the
folder that it left, when that is young enough to be about the same cluster.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cilium_lab.kube.objects import Snapshot
from cilium_lab.paths import STATE

RECORDS = STATE / "migrations"
"""Of all records of a state's lab."""
_CONTINUED = datetime.timedelta(hours=1)
"""Age up to which a folder without an end is gone on with."""

Now = Callable[[], datetime.datetime]


def utc_now() -> datetime.datetime:
    """The time of day."""
    return datetime.datetime.now(datetime.UTC)


def rfc3339(time: datetime.datetime) -> str:
    """2026-01-01T10:00:00.123Z"""
    return time.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Folder:
    """One record. `path` exists."""

    def __init__(self, path: Path, now: Now = utc_now) -> None:
        self.path = path
        self._now = now

    @classmethod
    def unfinished(cls, records: Path, kind: str, now: Now = utc_now) -> Folder | None:
        """The newest folder below `records`, if it is of that kind, has not ended and began within the last hour."""
        newest = max(records.glob("*/run.json"), default=None, key=lambda path: path.parent.name)
        if newest is None:
            return None
        tree: dict[str, Any] = json.loads(newest.read_text())
        begun = datetime.datetime.fromisoformat(tree["begun"])
        if tree["kind"] != kind or tree["ended"] or now() - begun > _CONTINUED:
            return None
        return cls(newest.parent, now)

    @classmethod
    def new(cls, records: Path, kind: str, *, now: Now = utc_now) -> Folder:
        """A fresh folder, named by the time; `kind` is staged or manual."""
        begun = now()
        name = begun.strftime("%Y%m%dT%H%M%S.") + f"{begun.microsecond // 1000:03d}Z"
        path = records / name
        path.mkdir(parents=True, mode=0o700)
        folder = cls(path, now)
        folder._write("run.json", {"kind": kind, "begun": rfc3339(begun), "ended": None, "outcome": None})
        return folder

    @property
    def run(self) -> dict[str, Any]:
        """What run.json says."""
        return json.loads((self.path / "run.json").read_text())

    @property
    def has_events(self) -> bool:
        """Whether an event was written: the probes of a run begin before its first one."""
        return (self.path / "events.jsonl").exists()

    def change(self, before: str, after: str) -> None:
        """From which mode to which; a run that was turned round keeps where it came from."""
        self._write("run.json", {"from": before, **self.run, "to": after})

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
        with (self.path / "events.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def addresses(self, when: str, nodes: Mapping[str, object]) -> None:
        """The blocks and pods of each node, `before` (the first look counts) or `after`."""
        path = self.path / "addresses.json"
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"before": None, "after": None}
        if when == "after" or known["before"] is None:
            self._write(path.name, {**known, when: nodes})

    def lines(self, source: str, text: str) -> None:
        """All that one source's probes have told."""
        (self.path / f"probe-{source}.jsonl").write_text(text)

    def end(self, outcome: str) -> None:
        """The run has ended: `done`, or why not."""
        self._write("run.json", {**self.run, "ended": rfc3339(self._now()), "outcome": outcome})

    def _write(self, name: str, tree: Mapping[str, object]) -> None:
        part = self.path / f".{name}.part"
        part.write_text(json.dumps(tree, indent=1) + "\n")
        os.replace(part, self.path / name)


def finished(records: Path) -> Sequence[Path]:
    """All folders whose run has ended, the oldest first."""
    runs = sorted(records.glob("*/run.json"), key=lambda path: path.parent.name)
    return [path.parent for path in runs if json.loads(path.read_text()).get("ended")]


def addresses(snapshot: Snapshot) -> dict[str, object]:
    """Each node's blocks, and the addresses of its pods on the pod network."""
    return {
        node.name: {
            "blocks": [str(block) for block in snapshot.pod_cidrs(node.name)],
            "pods": {
                pod.key: str(pod.address)
                for pod in sorted(snapshot.pods, key=lambda pod: pod.key)
                if pod.node == node.name and pod.on_pod_network and pod.address
            },
        }
        for node in snapshot.nodes
    }
