"""What a run has left is read as far as it is whole, and what is not is counted."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cilium_lab.disruption.probe_lines import read_probe_lines
from cilium_lab.disruption.record import (
    DONE,
    Addresses,
    Kind,
    ReportError,
    RunDirectory,
    addresses,
    newest,
    read_events,
    read_record,
)
from cilium_lab.disruption.report.summary import summarise
from cilium_lab.disruption.report.text import text as summary_text
from cilium_lab.disruption.stages import Name, Stage
from cilium_lab.kube.objects import CiliumNode, Node, Snapshot
from tests.helpers.lab_strategies import junk
from tests.helpers.recorded_migration import START, begins, event, happened, probe, second, text, write

PAGE = "http:10.97.1.2:80@50"
LINES = probe("service", PAGE)


def test_a_run_has_what_its_lines_say() -> None:
    lines = [
        begins("dns", "dns/kubernetes.default.svc.cluster.local:10.96.0.10:53@50"),
        second("dns", 1, [0.5, 2.0], failed=1, outage=40.0, waited=30.0),
        happened("dns", 1.25, "failed", "i/o timeout"),
        happened("dns", 2.5, "ended", "fin"),
        happened("dns", 3, "ends"),
    ]
    (run,), unread = read_probe_lines("pod", text(lines))
    assert unread == 0
    assert (run.source, run.probe, run.kind, run.rate) == ("pod", "dns", "dns", 50.0)
    assert (run.begun, run.ended) == (START, START + 3)
    (only,) = run.seconds
    assert (only.at, only.sent, only.failed, only.latency_ms) == (START + 1, 3, 1, (0.5, 2.0))
    assert (only.outage_ms, only.service_ms, only.waited_ms) == (40.0, 10.0, 30.0)
    assert [(failure.at, failure.why) for failure in run.failures] == [(START + 1.25, "i/o timeout")]
    assert [(end.at, end.why) for end in run.ends] == [(START + 2.5, "fin")]


def test_each_begin_is_a_run_of_its_own() -> None:
    lines = [begins("service", PAGE), second("service", 1, [1.0]), begins("service", PAGE, at=60)]
    runs, _ = read_probe_lines("pod", text([*lines, second("service", 61, [2.0])]))
    assert [[seconds.at for seconds in run.seconds] for run in runs] == [[START + 1], [START + 61]]
    assert [run.ended for run in runs] == [None, None]


@given(st.integers(1, 400))
def test_a_line_cut_anywhere_is_counted_and_hides_nothing_else(length: int) -> None:
    whole = text([begins("service", PAGE), second("service", 1, [1.0])])
    cut = text([second("service", 2, [1.0] * 100)])[:length]
    runs, unread = read_probe_lines("pod", whole + cut)
    assert unread == 1
    assert [seconds.at for seconds in runs[0].seconds] == [START + 1]


@given(st.integers(1, 400))
def test_the_line_of_the_next_process_behind_a_cut_one_is_read(length: int) -> None:
    whole = text([begins("service", PAGE), second("service", 1, [1.0])])
    cut = text([second("service", 2, [1.0] * 100)])[:length]
    runs, unread = read_probe_lines(
        "pod", whole + cut + text([begins("service", PAGE, at=9), second("service", 10, [1.0])])
    )
    assert unread == 1
    assert [[seconds.at for seconds in run.seconds] for run in runs] == [[START + 1], [START + 10]]


@given(st.lists(junk | st.dictionaries(st.sampled_from(["probe", "at", "event", "why", "second"]), junk), max_size=5))
def test_any_other_line_is_counted(lines: list[object]) -> None:
    runs, unread = read_probe_lines(
        "pod", text([begins("service", PAGE)]) + "".join(f"{json.dumps(x)}\n" for x in lines)
    )
    assert (len(runs), unread) == (1, len(lines))


def test_numbers_that_are_none_are_counted() -> None:
    bad = [
        second("service", 1, [float("nan")]),
        second("service", 1, [1.0], outage=float("inf")),
        second("service", 1, [-1]),
    ]
    runs, unread = read_probe_lines("pod", text([begins("service", PAGE), *bad]))
    assert (runs[0].seconds, unread) == ((), 3)


def test_a_whole_folder(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, {"router": probe("service", PAGE)}))
    assert (record.kind, record.origin, record.goal, record.outcome) == ("staged", "kubernetes", "cluster-pool", "done")
    assert (record.begun, record.ended) == (START, START + 18)
    assert [run.source for run in record.probe_runs] == ["router"]
    assert record.events[1].begun == START + 2
    assert record.before["k8s-w1"].pod_cidrs == ("192.168.1.0/24",)
    assert record.after["k8s-w1"].pods == {"default/curl-pod": "172.20.1.4"}
    assert (record.missing, dict(record.unread)) == ((), {})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    record = read_record(write(tmp_path, {}, events=None, addresses=None, ended=None, outcome=None))
    assert record.missing == ("events.jsonl", "addresses.json", "probe-*.jsonl")
    assert (record.ended, record.outcome, record.events, dict(record.before)) == (None, "", (), {})


def test_cut_events_and_addresses(tmp_path: Path) -> None:
    write(tmp_path, {})
    (tmp_path / "addresses.json").write_text('{"before": {"k8s-w1": ')
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"time": "2026-01-01T10:0')
    record = read_record(tmp_path)
    assert "addresses.json" in record.missing
    assert dict(record.unread) == {"events.jsonl": 1}
    assert len(record.events) == 10


@pytest.mark.parametrize("words", [None, "", "[]", "{}", '{"begun": "yesterday"}', '{"begun": 7}'])
def test_without_a_beginning_there_is_no_record(tmp_path: Path, words: str | None) -> None:
    if words is not None:
        (tmp_path / "run.json").write_text(words)
    with pytest.raises(ReportError, match=r"run\.json"):
        read_record(tmp_path)


def test_the_newest_folder(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="next: change ipamMode"):
        newest(tmp_path / "migrations")
    for name in ("20260101T100000.000Z", "20260102T000000.000Z"):
        write(tmp_path / name, {})
    (tmp_path / "20260103T000000.000Z").mkdir()
    assert newest(tmp_path).name == "20260102T000000.000Z"


def test_a_record_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Other names of two fields, and stages and conditions that have another name now or none."""
    new = ("net_ms", "waited_ms")
    lines = [
        {("gap_ms" if key == "outage_ms" else key): value for key, value in line.items() if key not in new}
        for line in LINES
    ]
    nodes = {"k8s-w1": {"blocks": ["192.168.1.0/24"], "pods": {}}}
    events = [event(1, "4 renumber", "k8s-w1", "begins"), event(3, "4 renumber", "k8s-w1", "turned", 2.0)]
    write(tmp_path, {"router": lines}, events=events, addresses={"before": nodes, "after": None})
    record = read_record(tmp_path)
    assert (record.missing, dict(record.unread)) == ((), {})
    seconds = [second for run in record.probe_runs for second in run.seconds]
    assert [(second.service_ms, second.waited_ms) for second in seconds] == [(20.0, 0.0)] * 18
    assert record.before["k8s-w1"].pod_cidrs == ("192.168.1.0/24",)
    found = summarise(record)
    assert [(step.stage, step.complete) for step in found.steps] == [("4 renumber", False)]
    assert "4 renumber (not ended)" in summary_text(found)


def test_a_target_may_have_a_path() -> None:
    (run,), unread = read_probe_lines("pod", text([begins("page", "http:10.97.1.2:80/a/b@c@12.5")]))
    assert (run.kind, run.rate, unread) == ("http", 12.5, 0)


def test_the_writer_and_the_reader_agree(tmp_path: Path) -> None:
    directory = RunDirectory.new(tmp_path, Kind.STAGED)
    directory.change("kubernetes", "cluster-pool")
    directory.event(Stage.OPERATOR, "", Name.DONE, 1.5, "restarted")
    node = Node("w1", None, None, ready=True, cordoned=False, control_plane=False)
    cidrs = {"w1": CiliumNode("w1", (IPv4Network("172.20.1.0/24"), IPv4Network("192.168.1.0/24")))}
    for when in ("before", "after"):
        directory.addresses(when, addresses(Snapshot((node,), cidrs)))
    directory.lines("router", text(LINES))
    directory.end(DONE)
    record = read_record(directory.path)
    assert (record.kind, record.origin, record.goal, record.outcome) == ("staged", "kubernetes", "cluster-pool", "done")
    (only,) = record.events
    assert (only.stage, only.node, only.what, only.seconds, only.detail) == ("2 operator", "", "done", 1.5, "restarted")
    assert read_events(directory.path) == (record.events, 0)
    assert record.before == record.after == {"w1": Addresses(("172.20.1.0/24", "192.168.1.0/24"), {})}
    assert [len(run.seconds) for run in record.probe_runs] == [18]
    assert (record.missing, dict(record.unread)) == ((), {})
    assert read_events(tmp_path) == (None, 0)


def test_the_lines_have_the_fields_that_the_probe_writes() -> None:
    source = (Path(__file__).parents[3] / "airgap/modules/probe/record.go").read_text()
    used = {name for line in LINES for name in line}
    assert set(re.findall(r'json:"(\w+)"', source)) == used
