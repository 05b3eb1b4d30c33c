"""What kube-bench found, by host and section, and which failures have no reason to stay. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cilium_lab.tables import table
from labctl.cis.exceptions import Accepted

Counts = Mapping[str, Mapping[str, int]]
"""Section ("1.2 API Server") -> how many passed (`pass`), failed (`fail`) or are for a person to judge (`warn`)."""


@dataclass(frozen=True)
class Failure:
    """A scored recommendation that a host does not keep to."""

    host: str
    number: str
    text: str
    seen: str


@dataclass(frozen=True)
class Findings:
    """All that was found on one host."""

    counts: Counts
    failures: tuple[Failure, ...]


def findings(host: str, printed: str) -> Findings:
    """Read what `kube-bench run --json` printed. ValueError or KeyError when it is not that, or judged nothing."""
    tests: list[dict[str, Any]] = [test for control in json.loads(printed)["Controls"] for test in control["tests"]]
    if not tests:
        raise ValueError(f"{host}: kube-bench judged nothing")
    counts = {f"{test['section']} {test['desc']}": {kind: int(test[kind]) for kind in _KINDS} for test in tests}
    failures = tuple(
        Failure(host, result["test_number"], result["test_desc"], (result["actual_value"] or result["reason"])[:300])
        for test in tests
        for result in test["results"]
        if result["status"] == "FAIL"
    )
    return Findings(counts, failures)


_KINDS = ("pass", "fail", "warn")


def unreasoned(found: Sequence[Findings], accepted: Sequence[Accepted]) -> list[Failure]:
    """The failures that nobody gave a reason for."""
    known = {one.number for one in accepted}
    return [failure for one in found for failure in one.failures if failure.number not in known]


def outdated(found: Sequence[Findings], accepted: Sequence[Accepted]) -> list[Accepted]:
    """The reasons that no failure needs any more."""
    failed = {failure.number for one in found for failure in one.failures}
    return [one for one in accepted if one.number not in failed]


def text(found: Mapping[str, Findings], accepted: Sequence[Accepted]) -> str:
    """Counts by host and section, then each failure once with its hosts and reason."""
    lines: list[str] = []
    for host, one in found.items():
        rows = [(f"  {name}", *(row[kind] for kind in _KINDS)) for name, row in one.counts.items()]
        sums = ("  all", *(sum(row[kind] for row in one.counts.values()) for kind in _KINDS))
        lines += [table([*rows, sums], head=(host, *_KINDS), right={1, 2, 3}), ""]
    reasons = {one.number: one.reason for one in accepted}
    failures = {failure.number: failure for one in found.values() for failure in one.failures}
    for number, failure in sorted(failures.items()):
        hosts = [host for host, one in found.items() if number in {other.number for other in one.failures}]
        lines.append(f"FAIL {number} {failure.text}\n     on: {', '.join(hosts)}")
        lines.append(f"     why it stays: {reasons[number]}" if number in reasons else f"     seen: {failure.seen}")
    return "\n".join(lines)


def counts(found: Mapping[str, Findings]) -> str:
    """The counts of every host as JSON: what docs/cis/ keeps."""
    return json.dumps({host: one.counts for host, one in found.items()}, indent=1) + "\n"
