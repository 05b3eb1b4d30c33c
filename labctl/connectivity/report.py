"""What the suite found: its JUnit file, and from its output why tests were left out. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal
from xml.etree import ElementTree

from cilium_lab.tables import table

_SKIPPED = re.compile(r"^\[=\] \[[\w-]+\] Skipping test \[(?P<name>\S+)\] \[\d+/\d+\] \((?P<why>.*)\)$")
_BEGUN = re.compile(r"^\[=\] \[[\w-]+\] Test \[(?P<name>\S+)\] \[(?P<number>\d+)/(?P<all>\d+)\]$")
_BY_USER = "skipped by user"
"""How the suite calls what a filter leaves out."""


@dataclass(frozen=True)
class LeftOut:
    """Tests that this lab cannot pass, and why."""

    pattern: str
    """Regular expression (RE2) of their names."""
    why: str


WITHOUT_ENVOY = (
    LeftOut(
        "(l7|tls|to-fqdns-with-proxy|seq-client-egress)",
        "a rule for HTTP or TLS is applied by Envoy, which a bundle that is built lacks",
    ),
)
"""The agent tells that its proxy is on (DNS rules need it), so the suite would run these."""


@dataclass(frozen=True)
class Result:
    """One test. `seconds` is 0 for one that was left out; `said` is its reason, or the actions that failed."""

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float
    said: str = ""


def begun(line: str) -> tuple[str, int, int] | None:
    """Name, number and count of all, where a line of the output tells that a test begins."""
    found = _BEGUN.match(line)
    return (found["name"], int(found["number"]), int(found["all"])) if found else None


def results(junit: str, printed: Iterable[str], left_out: Sequence[LeftOut]) -> list[Result]:
    """Every test of the suite, in its order. ValueError where the file is not JUnit, or no test ran."""
    reasons = {found["name"]: found["why"] for found in map(_SKIPPED.match, printed) if found}
    try:
        cases = ElementTree.fromstring(junit).iter("testcase")
    except ElementTree.ParseError as error:
        raise ValueError(f"no JUnit file: {error}") from None
    found = [_result(case, reasons, left_out) for case in cases]
    if not any(result.outcome != "skipped" for result in found):
        raise ValueError("no test ran")
    return found


def _result(case: ElementTree.Element, reasons: Mapping[str, str], left_out: Sequence[LeftOut]) -> Result:
    name = case.get("name", "")
    if case.find("skipped") is not None:
        why = reasons.get(name, "not told")
        ours = next((one.why for one in left_out if re.search(one.pattern, name)), "not chosen")
        return Result(name, "skipped", 0.0, ours if why == _BY_USER else why)
    failure = case.find("failure")
    if failure is None:
        return Result(name, "passed", float(case.get("time", "0")))
    said = (failure.text or failure.get("message", "")).strip()
    return Result(name, "failed", float(case.get("time", "0")), said)


def failed(found: Iterable[Result]) -> list[Result]:
    """Those that failed."""
    return [result for result in found if result.outcome == "failed"]


def text(found: Sequence[Result]) -> str:
    """A table of those that ran, the reasons of those that did not, what failed, and a line with the sums."""
    ran = [result for result in found if result.outcome != "skipped"]
    lines = [table([(result.name, result.outcome, f"{result.seconds:.0f} s") for result in ran]), "", "not run:"]
    why: dict[str, list[str]] = {}
    for result in found:
        if result.outcome == "skipped":
            why.setdefault(result.said, []).append(result.name)
    lines += [f"  {reason}: {', '.join(names)}" for reason, names in sorted(why.items())]
    for result in failed(found):
        lines += ["", f"FAILED {result.name}", *(f"  {line}" for line in result.said.splitlines())]
    return "\n".join([*lines, "", summary(found)])


def summary(found: Sequence[Result]) -> str:
    """One line: `41 of 112 tests ran in 512 s: 41 passed, 0 failed; 71 not run`."""
    ran = [result for result in found if result.outcome != "skipped"]
    bad = len(failed(found))
    seconds = sum(result.seconds for result in ran)
    return (
        f"{len(ran)} of {len(found)} tests ran in {seconds:.0f} s: {len(ran) - bad} passed, {bad} failed; "
        f"{len(found) - len(ran)} not run"
    )


def document(found: Sequence[Result]) -> str:
    """All of it as JSON."""
    return json.dumps([asdict(result) for result in found], indent=1)
