"""Reads the folder of a run. Only run.json has to be there; what else is missing or cut is counted and named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cilium_lab.disruption.report.probe_lines import read_runs
from cilium_lab.disruption.report.record import Addresses, Event, Record, Run

__all__ = ["ReportError", "newest", "read_record", "read_runs"]


class ReportError(Exception):
    """There is no record that could be reported; the text says why and what to do."""


def newest(records: Path) -> Path:
    """The folder of the last run. Raises ReportError."""
    found = max(records.glob("*/run.json"), key=lambda path: path.parent.name, default=None)
    if found is None:
        raise ReportError(f"no migration has been recorded in {records}\n  next: change ipamMode, and pulumi up")
    return found.parent


def read_record(folder: Path) -> Record:
    """Everything that a run has left. Raises ReportError."""
    run = _run(folder / "run.json")
    unread: dict[str, int] = {}
    missing: list[str] = []
    events = _events(folder / "events.jsonl", unread, missing)
    before, after = _addresses(folder / "addresses.json", missing)
    runs: list[Run] = []
    for path in sorted(folder.glob("probe-*.jsonl")):
        found, broken = read_runs(path.stem.removeprefix("probe-"), _text(path))
        runs += found
        if broken:
            unread[path.name] = broken
    if not runs:
        missing.append("probe-*.jsonl")
    ended = run.get("ended")
    return Record(
        kind=str(run.get("kind", "")),
        origin=str(run.get("from", "")),
        goal=str(run.get("to", "")),
        begun=_time(run["begun"]),
        ended=_time(ended) if ended else None,
        outcome=str(run.get("outcome") or ""),
        events=events,
        runs=tuple(runs),
        before=before,
        after=after,
        unread=unread,
        missing=tuple(missing),
    )


def _run(path: Path) -> dict[str, Any]:
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


def _events(path: Path, unread: dict[str, int], missing: list[str]) -> tuple[Event, ...]:
    if not path.exists():
        missing.append(path.name)
        return ()
    events: list[Event] = []
    for line in filter(None, _text(path).split("\n")):
        try:
            tree: dict[str, Any] = json.loads(line)
            words = (str(tree["stage"]), str(tree["node"]), str(tree["what"]))
            seconds = max(0.0, min(float(tree["seconds"]), 1e6))
            events.append(Event(_time(tree["time"]), *words, seconds, str(tree["detail"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            unread[path.name] = unread.get(path.name, 0) + 1
    return tuple(sorted(events, key=lambda event: event.time))


def _addresses(path: Path, missing: list[str]) -> tuple[Mapping[str, Addresses], Mapping[str, Addresses]]:
    try:
        tree: dict[str, Any] = json.loads(_text(path))
        return _nodes(tree.get("before")), _nodes(tree.get("after"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        missing.append(path.name)
        return {}, {}


def _nodes(tree: Mapping[str, Any] | None) -> dict[str, Addresses]:
    return {
        str(name): Addresses(
            tuple(map(str, node["blocks"])), {str(key): str(address) for key, address in node["pods"].items()}
        )
        for name, node in (tree or {}).items()
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _time(text: str) -> float:
    """RFC 3339 -> Unix time; without an offset it is UTC."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
