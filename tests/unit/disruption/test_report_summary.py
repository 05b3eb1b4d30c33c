"""Figures per probe and per stage, and their assessment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cilium_lab.disruption.probe_lines import read_probe_lines
from cilium_lab.disruption.record import read_record
from cilium_lab.disruption.report.figures import percentile
from cilium_lab.disruption.report.summary import Summary, summarise
from cilium_lab.disruption.report.text import one_line, text
from cilium_lab.disruption.stages import Name, Stage
from tests.helpers import recorded_migration as made
from tests.helpers.recorded_migration import EVENTS, LATENCY, START, begins, event, happened, probe, second, write

PAGE, STREAM, DATAGRAMS = "http:10.97.1.2:80@100", "tcp:10.97.1.2:7@100", "udp:10.97.1.2:7@100"


def summary(folder: Path, *extra: dict[str, Any], target: str = PAGE, **changed: Any) -> Summary:
    return summarise(read_record(write(folder, {"router": probe("service", target, *extra)}, **changed)))


def test_a_probe_that_saw_nothing_amiss(tmp_path: Path) -> None:
    found = summary(tmp_path)
    (only,) = found.probes
    assert (only.probe, only.source, only.requests, only.failed) == ("service", "router", 1800, 0)
    assert (only.p50_ms, only.p99_ms, only.max_ms) == (1.0, 40.0, 90.0)
    assert (only.outage_ms, only.outage_where, only.cut) == (20.0, "service from router", 0)
    assert found.assessment.met
    assert "Within the thresholds: none of 1800 requests failed" in text(found)


def test_one_failure_in_thousands_exceeds_a_threshold(tmp_path: Path) -> None:
    found = summary(tmp_path, happened("service", 6.5, "failed", "i/o timeout"))
    assert found.probes[0].failed == 1
    assert [test.name for test in found.assessment.criteria if not test.met] == ["failed requests"]
    assert "Thresholds were exceeded: 1 of 1800 requests failed." in text(found)


@pytest.mark.parametrize(("outage", "met"), [(499.9, True), (500.0, False)])
def test_the_threshold_for_outages(tmp_path: Path, outage: float, met: bool) -> None:
    found = summary(tmp_path, second("service", 7, [], outage=outage))
    assert (found.probes[0].outage_ms, found.probes[0].outage_at) == (outage, START + 7)
    assert found.assessment.met is met


@pytest.mark.parametrize(("latency", "met"), [(249.9, True), (250.0, False)])
def test_the_threshold_for_the_slowest_p99(tmp_path: Path, latency: float, met: bool) -> None:
    slow = [begins("slow", PAGE), second("slow", 1, [latency] * 10), happened("slow", 2, "ends")]
    found = summary(tmp_path, *slow)
    assert found.assessment.met is met
    assert ("slowest p99", "slow from router") in {(test.name, test.where) for test in found.assessment.criteria}


@pytest.mark.parametrize("why", ["reset", "timeout", "destroyed", "connection refused"])
def test_a_connection_may_only_end_by_fin(tmp_path: Path, why: str) -> None:
    good = summary(tmp_path / "good", happened("service", 7, "ended", "fin"), target=STREAM)
    bad = summary(tmp_path / "bad", happened("service", 7, "ended", why), target=STREAM)
    assert (good.probes[0].fin, good.probes[0].resets, good.assessment.met) == (1, 0, True)
    assert (bad.probes[0].fin, bad.probes[0].resets, bad.assessment.met) == (0, 1, False)


def test_datagrams_are_no_requests(tmp_path: Path) -> None:
    lost = [happened("datagrams", 7, "failed", "datagram 1 did not come back")] * 2
    pause = second("datagrams", 7, [700.0], outage=700.0)
    lines = probe("datagrams", DATAGRAMS, pause, *lost, happened("datagrams", 8, "ended", "destroyed"))
    found = summarise(read_record(write(tmp_path, {"pod": lines, "router": probe("service", PAGE)})))
    assert found.total
    assert (found.total.requests, found.total.failed, found.total.lost, found.total.sockets) == (1800, 0, 2, 1)
    assert found.assessment.met
    assert found.total.outage_ms < 500
    assert max(one.outage_ms for one in found.probes) == 700.0
    assert "2 datagrams did not come back" in text(found)


def test_an_outage_that_lasts_to_the_end_counts(tmp_path: Path) -> None:
    dead = [second("service", at, [], failed=0, outage=0.0) for at in range(18, 30)]
    lines = [begins("service", PAGE), second("service", 17, LATENCY), *dead, happened("service", 30, "ends")]
    found = summarise(read_record(write(tmp_path, {"router": lines})))
    assert (found.probes[0].outage_ms, found.probes[0].outage_at) == (12_000.0, START + 30)
    never = [begins("service", PAGE), second("service", 0, [], failed=9, outage=0.0), happened("service", 1, "ends")]
    found = summarise(read_record(write(tmp_path, {"router": never})))
    assert (found.probes[0].outage_ms, found.probes[0].p99_ms, found.assessment.met) == (1000.0, None, False)


def test_time_between_two_processes_is_no_outage(tmp_path: Path) -> None:
    again = [begins("service", PAGE, at=60), second("service", 60, [1.0]), happened("service", 61, "ends")]
    found = summary(tmp_path, happened("service", 18, "ends"), *again)
    assert found.probes[0].outage_ms == 20.0


def test_a_killed_process_is_noted(tmp_path: Path) -> None:
    found = summarise(
        read_record(write(tmp_path, {"router": [begins("service", PAGE), second("service", 0, LATENCY)]}))
    )
    assert found.probes[0].cut == 1
    assert "service from router: 1 process has recorded no end" in text(found)


@pytest.mark.parametrize(("end", "seconds"), [(40, None), (55, 37.0)])
def test_a_run_that_outlives_its_probes_says_so(tmp_path: Path, end: int, seconds: float | None) -> None:
    """They end by themselves after a time; figures of the rest of the run do not exist, and look like good ones."""
    events = [*EVENTS, event(end, Stage.FINISH, "", Name.DONE)]
    found = summary(tmp_path, events=events, ended=made.iso(START + end))
    assert dict(found.unseen) == ({"service from router": seconds} if seconds else {})
    assert ("service from router ended 37.0 s before the run did" in text(found)) is (seconds is not None)


def test_failures_of_a_second_without_lines_of_their_own_count(tmp_path: Path) -> None:
    assert summary(tmp_path, second("service", 7, [], failed=3)).probes[0].failed == 3


def test_stages_and_steps(tmp_path: Path) -> None:
    found = summary(
        tmp_path, happened("service", 12.5, "failed", "i/o timeout"), second("service", 4, [], outage=300.0)
    )
    assert [(step.stage, step.node, step.seconds, step.complete) for step in found.steps] == [
        ("0 preflight", "", 2.0, True),
        ("2 operator", "", 1.0, True),
        ("2 operator", "", 2.0, True),
        ("4 move-node", "k8s-w1", 4.0, True),
        ("4 move-node", "k8s-w2", 5.0, True),
        ("5 finish", "", 0.0, True),
    ]
    assert [(stage.stage, stage.seconds) for stage in found.stages] == [
        ("0 preflight", 2.0),
        ("2 operator", 3.0),
        ("4 move-node", 10.0),
        ("5 finish", 0.0),
    ]
    seen = {stage.stage: stage.figures for stage in found.stages if stage.figures}
    assert {name: figures.failed for name, figures in seen.items()} == {
        "0 preflight": 0,
        "2 operator": 0,
        "4 move-node": 1,
        "5 finish": 0,
    }
    assert (seen["2 operator"].outage_ms, seen["4 move-node"].outage_ms) == (300.0, 20.0)
    # what is between two stages belongs to the earlier one: seconds 2 to 5, and 6 to 16
    assert (seen["2 operator"].requests, seen["4 move-node"].requests) == (400, 1100)


def test_a_killed_run_says_where_it_was(tmp_path: Path) -> None:
    found = summary(tmp_path, events=EVENTS[:6], ended=None, outcome=None)
    last = found.steps[-1]
    assert (last.complete, last.awaited, found.done) == (False, "drained", False)
    said = text(found)
    assert "not ended: it was killed, or still runs" in said
    assert "4 move-node (not ended)" in said
    assert "Within the thresholds, as far as it came" in said


def test_without_probes_nothing_is_claimed(tmp_path: Path) -> None:
    found = summarise(read_record(write(tmp_path, {})))
    assert (found.total, found.probes, found.assessment.made, found.assessment.met) == (None, (), False, False)
    assert "Nothing can be said" in text(found)
    assert "there were no probes" in text(found)


def test_one_line() -> None:
    runs, _ = read_probe_lines("pod", made.text(probe("service", PAGE, happened("service", 3, "failed", "x"))))
    assert one_line(runs) == "1800 requests, 1 failed, 0 datagrams lost, longest outage 20 ms (service from pod)"
    assert one_line(()) == "no probe has recorded anything"


@pytest.mark.parametrize(
    ("values", "percent", "expected"), [((), 50, None), ((7.0,), 99, 7.0), ((1.0, 2.0, 3.0, 4.0), 50, 2.0)]
)
def test_percentiles_are_values_that_were_seen(values: tuple[float, ...], percent: int, expected: float | None) -> None:
    assert percentile(values, percent) == expected
    assert percentile(tuple(map(float, range(1, 101))), 99) == 99.0
