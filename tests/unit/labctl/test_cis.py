"""What `./lab cis` makes of kube-bench's output, and of a kube-bench that does not end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.cis import command, report
from labctl.cis.exceptions import ACCEPTED, Accepted
from labctl.command import LabError
from labctl.workstation import Workstation


def printed(**results: str) -> str:
    """kube-bench's JSON with one section and these results: number -> status."""
    tests = [
        {"test_number": number, "status": status, "test_desc": f"about {number}", "actual_value": "x", "reason": ""}
        for number, status in results.items()
    ]
    states = list(results.values())
    sums = {kind.lower(): states.count(kind) for kind in ("PASS", "FAIL", "WARN", "INFO")}
    section = {"section": "1.2", "desc": "API Server", **sums, "results": tests}
    return json.dumps({"Controls": [{"id": "1", "tests": [section]}]})


def test_counts_and_failures_are_read() -> None:
    found = report.findings("k8s-cp", printed(a="PASS", b="FAIL", c="WARN", d="PASS"))
    assert found.counts == {"1.2 API Server": {"pass": 2, "fail": 1, "warn": 1}}
    assert [(failure.host, failure.number, failure.seen) for failure in found.failures] == [("k8s-cp", "b", "x")]


def test_a_failure_without_a_reason_is_told_and_so_is_a_reason_without_a_failure() -> None:
    found = {"k8s-cp": report.findings("k8s-cp", printed(a="FAIL", b="FAIL"))}
    accepted = (Accepted("a", "about a", "because"), Accepted("z", "about z", "was so once"))
    assert [failure.number for failure in report.unreasoned(list(found.values()), accepted)] == ["b"]
    assert [one.number for one in report.outdated(list(found.values()), accepted)] == ["z"]
    lines = report.text(found, accepted)
    assert "FAIL a about a\n     on: k8s-cp\n     why it stays: because" in lines
    assert "FAIL b about b\n     on: k8s-cp\n     seen: x" in lines


@pytest.mark.parametrize("words", ["", "{}", '{"Controls": []}'])
def test_what_judges_nothing_is_no_success(words: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        report.findings("k8s-cp", words)


def test_every_reason_is_one() -> None:
    assert len({one.number for one in ACCEPTED}) == len(ACCEPTED)
    for one in ACCEPTED:
        assert len(one.reason) > 60, one.number


@pytest.mark.parametrize(
    ("script", "seen"),
    [("exec sleep 60", "it still runs"), ("echo no space left >&2; exit 3", "status 3: no space left")],
)
def test_a_benchmark_that_does_not_end_well_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, seen: str
) -> None:
    (tmp_path / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(command, "_LIMIT", 1.0)
    with pytest.raises(LabError, match=rf"(?s)expected: kube-bench on k8s-w1.*seen: {seen}.*next: \./lab ssh k8s-w1"):
        command.run_benchmark(Workstation("lab"), "k8s-w1", "node", b"")
