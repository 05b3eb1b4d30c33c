"""The study's procedure in the record: its STEP lines become events."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from cilium_lab.checks.expectation import Expectation
from cilium_lab.config.versions import KUBERNETES
from cilium_lab.disruption.record import DONE, Kind, RunDirectory, RunRecord, read_record
from cilium_lab.disruption.report.summary import steps
from labctl.bench import migration
from labctl.bench.judge import Outcome, outcome
from labctl.bench.migration import AWAY, HOME, follow, only_range
from labctl.bench.stack import BenchError

ROOT = Path(__file__).parents[3]


def test_steps_of_the_script_become_steps_of_the_record(tmp_path: Path) -> None:
    directory = RunDirectory.new(tmp_path, Kind.MANUAL)
    script = "echo STEP helm upgrade; echo words; echo STEP restart the agents; echo more; echo STEP end"
    log = io.StringIO()
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        follow(process, directory, log)
    directory.change("kubernetes", "cluster-pool")
    directory.end(DONE)
    found = steps(read_record(directory.path))
    assert [(step.stage, step.complete) for step in found] == [("helm upgrade", True), ("restart the agents", True)]
    assert "words\n" in log.getvalue()


def test_the_document_is_what_the_probes_read(tmp_path: Path) -> None:
    """The program itself, up to the point where it would need a cluster."""
    hosts = {
        "nodes": {"k8s-cp": "127.0.0.1"},
        "inside": ["k8s-cp"],
        "router": "router",
        "routerAddress": "127.0.0.1",
        "behind": "10.10.1.200",
        "key": "none",
        "knownHosts": "",
        "rate": 100,
    }
    document = json.dumps({"kubeconfig": "{}", "hosts": hosts})
    words = [sys.executable, "-m", "cilium_lab.disruption", "begin", str(tmp_path)]
    done = subprocess.run(words, input=document, text=True, capture_output=True, env={"PATH": "/nonexistent"})
    assert (done.returncode, done.stderr.startswith("the probes: kubectl proxy")) == (1, True), done.stderr
    assert subprocess.run([*words[:3], "dance"], input="", text=True, capture_output=True).returncode == 2


def expectation(mode: str, *ranges: str) -> Expectation:
    return Expectation(
        {"cp": "172.31.1.10"}, "cp", KUBERNETES, "router", "172.31.1.20", "10.10.1.200", (), "", "ens160", mode, ranges,
        24, "native", "bpf", "",
    )  # fmt: skip


def test_pod_ranges_are_the_stacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a stack whose configuration has other ranges than the defaults."""
    ranges = {HOME: "10.200.0.0/16", AWAY: "10.201.0.0/16"}
    stack = RangesStack(ranges)
    seen: list[dict[str, str]] = []

    def by_hand(_stack: object, given: dict[str, str]) -> list[tuple[str, Path]]:
        seen.append(dict(given))
        return []

    def staged(_stack: object, _option: str, mode: str, _name: str) -> Outcome:
        stack.mode(mode)
        return outcome("run", RunRecord(Kind.STAGED, "", mode, 0.0, 1.0, DONE))

    monkeypatch.setattr(migration, "_there_and_back", by_hand)
    monkeypatch.setattr(migration, "staged_run", staged)
    monkeypatch.setattr(migration, "floor_run", lambda one: staged(one, "", HOME, "floor"))
    migration.bench(cast(Any, stack), 1, busy=False, manual=True)
    assert seen == [ranges]
    script = (ROOT / "labctl/bench/manual.sh").read_text() + (ROOT / "labctl/bench/migration.py").read_text()
    assert re.findall(r"\d+\.\d+\.\d+\.\d+", script) == []


def test_the_floor_is_a_record_in_which_nothing_is_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def probes(_session: object, what: str, directory: RunDirectory, _document: str) -> None:
        done.append(what)
        if what == "end":
            begins = {"probe": "service", "at": 1.0, "event": "begins", "why": "http:10.97.0.1:8080@50"}
            second = {"probe": "service", "second": 1, "sent": 2, "failed": 0, "latency_ms": [1, 3], "outage_ms": 20}
            directory.lines("pod", "".join(json.dumps(line) + "\n" for line in (begins, second)))

    monkeypatch.setattr(migration, "_probes", probes)
    monkeypatch.setattr(migration, "_document", lambda *_: "")
    monkeypatch.setattr(migration, "_FLOOR", 0.0)
    stack = RangesStack({HOME: "10.200.0.0/16"})
    stack.records = tmp_path
    stack.mode(HOME)
    found = migration.floor_run(cast(Any, stack))
    assert done == ["begin", "end"]
    assert (found.name, found.ended, found.requests, found.outage_ms) == ("floor", DONE, 2, 20.0)
    (record,) = tmp_path.iterdir()
    assert read_record(record).kind == Kind.FLOOR
    assert "stolen by the hypervisor" in capsys.readouterr().out


class RangesStack:
    session = None
    records = Path()

    def __init__(self, ranges: dict[str, str]) -> None:
        self._ranges = ranges
        self._mode = ""

    def mode(self, mode: str) -> None:
        self._mode = mode

    def up(self, name: str) -> None: ...

    def expectation(self) -> Expectation:
        return expectation(self._mode, self._ranges[self._mode])


def test_several_ranges_are_refused_before_the_procedure() -> None:
    assert only_range(expectation(AWAY, "10.201.0.0/16")) == "10.201.0.0/16"
    with pytest.raises(
        BenchError, match=r"one pod range, and cluster-pool has 10\.1\.0\.0/16, 10\.2\.0\.0/16\n  next: "
    ):
        only_range(expectation(AWAY, "10.1.0.0/16", "10.2.0.0/16"))
