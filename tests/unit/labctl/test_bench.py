"""What `./lab bench` makes of a run: figures, thresholds, random moments, and the end that has to be the same."""

from __future__ import annotations

import math
import os
import random
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.disruption.probe_lines import Moment, ProbeRun, Second
from cilium_lab.disruption.record import DONE, Event, Kind, RunRecord, read_record
from cilium_lab.disruption.report.summary import summarise
from cilium_lab.disruption.stages import PENDING, Name, Stage
from labctl.bench import command
from labctl.bench.command import bench
from labctl.bench.judge import missed, outcome, side_by_side
from labctl.bench.kills import moments, render
from labctl.bench.stack import marked
from tests.unit.rollout.test_engine import desired
from tests.unit.rollout.test_journal import World

T = 1000.0


def event(at: float, stage: str, node: str, what: str, seconds: float = 0.0) -> Event:
    return Event(T + at, stage, node, what, seconds, "")


def node_rollout(node: str, at: float) -> tuple[Event, ...]:
    """One of 20 seconds, 16 of which are indispensable."""
    return (
        event(at, Stage.MOVE_NODE, node, Name.BEGINS),
        event(at + 9, Stage.MOVE_NODE, node, f"{PENDING}{Name.DRAINED}", 9.0),
        event(at + 8, Stage.MOVE_NODE, node, Name.DRAINED, 8.0),
        event(at + 14, Stage.MOVE_NODE, node, Name.AGENT_RESTARTED, 5.0),
        event(at + 18, Stage.MOVE_NODE, node, Name.PODS_BACK, 3.0),
        event(at + 19, Stage.MOVE_NODE, node, Name.ROUTES, 1.0),
        event(at + 20, Stage.MOVE_NODE, node, "done", 20.0),
    )


EVENTS = (
    event(0, Stage.PREFLIGHT, "", Name.JOURNAL_BEGINS),
    event(2, Stage.OPERATOR, "", "done", 1.0),
    *node_rollout("k8s-w1", 10),
)


def run(probe: str, kind: str, a_second: int, *, outage: float = 20.0, source: str = "pod") -> ProbeRun:
    seconds = tuple(Second(int(T) + n, a_second, 0, (1.0,) * a_second, outage) for n in range(40))
    return ProbeRun(source, probe, kind, float(a_second), T, T + 40, seconds)


def record(runs: Sequence[ProbeRun] = (), events: Sequence[Event] = EVENTS) -> RunRecord:
    usual = (run("service", "http", 120), run("nodeport-k8s-cp", "http", 110, source="router"))
    return RunRecord(Kind.STAGED, "kubernetes", "cluster-pool", T, T + 40, DONE, tuple(events), (*usual, *runs))


FLOOR = replace(outcome("floor", record()), outage_ms=60.0, p99_ms=20.0)


def judged(*runs: ProbeRun, events: Sequence[Event] = EVENTS, busy: bool = False) -> str:
    return "; ".join(missed(outcome("run", record(runs, events)), None if busy else FLOOR))


def test_a_run_within_the_thresholds() -> None:
    found = outcome("forward 1", record([run("stream", "tcp", 100), run("datagrams", "udp", 100)]))
    assert found.ratios == (("k8s-w1", 20.0, 20.0 / 16.0),)
    assert (found.requests, found.failed, found.seconds) == (40 * 330, 0, 30.0)
    assert (round(found.inside), round(found.outside)) == (120, 110)
    assert missed(found, FLOOR) == ()


def test_what_happens_early_counts_whatever_it_is() -> None:
    for early, at in ((True, 5.0), (False, 15.0)):
        fin = replace(run("stream", "tcp", 100), ends=(Moment(T + at, "fin"),))
        assert bool(judged(fin)) is early, at
        lost = replace(run("datagrams", "udp", 100), failures=(Moment(T + at, "lost"),))
        assert bool(judged(lost)) is early, at


@pytest.mark.parametrize(
    ("worse", "words"),
    [
        (
            replace(run("dns", "dns", 50), failures=(Moment(T + 15, "timeout"),)),
            "failed requests: 1 (of 11200), wanted 0",
        ),
        (run("dns", "dns", 50, outage=512), "longest outage: 512 ms (dns from pod), wanted < 500 ms"),
        (
            run("dns", "dns", 50, outage=95),
            "longest outage over the floor: 1.6 times (95 ms over 60 ms), wanted <= 1.5",
        ),
        (
            replace(run("dns", "dns", 50), seconds=(Second(int(T), 1, 0, (110.0,), 0.0),)),
            "slowest p99 over the floor: 5.5 times (110 ms over 20 ms), wanted <= 5.0 times",
        ),
        (
            replace(run("dns", "dns", 50), seconds=(Second(int(T), 1, 0, (1.0,), 700.0, 20.0, 690.0),)),
            "prober's own wait: 690 ms (dns from pod), wanted < 500 ms",
        ),
        (
            replace(run("stream", "tcp", 1), ends=(Moment(T + 15, "reset"),)),
            "connections not ended by FIN: 1, wanted 0",
        ),
        (
            replace(run("dns", "dns", 50), seconds=(Second(int(T), 1, 0, (300.0,), 0.0),)),
            "slowest p99: 300.0 ms, wanted < 250 ms",
        ),
    ],
)
def test_each_threshold(worse: ProbeRun, words: str) -> None:
    assert words in judged(worse)


def test_a_prober_that_waits_for_a_processor_is_no_outage_and_hides_none() -> None:
    starved = replace(run("dns", "dns", 50), seconds=(Second(int(T), 1, 0, (1.0,), 700.0, 20.0, 690.0),))
    assert "outage" not in judged(starved)
    behind = replace(starved, seconds=(Second(int(T), 1, 0, (1.0,), 900.0, 510.0, 390.0),))
    assert "longest outage: 510 ms (dns from pod)" in judged(behind)


def test_with_a_busy_core_only_failures_count() -> None:
    assert judged(run("dns", "dns", 50, outage=900), busy=True) == ""
    assert "failed" in judged(replace(run("dns", "dns", 50), failures=(Moment(T + 15, "timeout"),)), busy=True)


def test_a_slow_run_and_a_slow_node_rollout() -> None:
    late = (*EVENTS, event(160, Stage.FINISH, "", Name.AS_DESIRED))
    assert judged(events=late) == "wall time: 160 s, wanted < 150 s"
    slow = (*EVENTS[:-1], event(40, Stage.MOVE_NODE, "k8s-w1", "done", 30.0))
    assert judged(events=slow) == "rollout of k8s-w1: 1.88 times, wanted <= 1.3 times its indispensable steps"


def test_a_node_rollout_that_a_kill_has_split_has_no_ratio() -> None:
    first, *rest = node_rollout("k8s-w1", 10)
    split = (
        first,
        *rest[:2],
        event(30, Stage.MOVE_NODE, "k8s-w1", Name.BEGINS),
        event(31, Stage.MOVE_NODE, "k8s-w1", "done", 1),
    )
    assert outcome("run", record(events=split)).ratios == ()
    assert outcome("run", record(events=(*split, *node_rollout("k8s-w2", 40)))).ratios == (
        ("k8s-w2", 20.0, 20.0 / 16.0),
    )
    # yet what is noticed from the first half on is not early
    ended = replace(run("stream", "tcp", 100), ends=(Moment(T + 15, "fin"),))
    assert outcome("run", record([ended], split)).early == ""


def test_too_few_requests_are_no_measurement() -> None:
    few = RunRecord(Kind.STAGED, "a", "b", T, T + 40, DONE, EVENTS, (run("service", "http", 120),))
    assert any("no measurement" in words for words in missed(outcome("run", few)))
    fewer = replace(few, probe_runs=(run("service", "http", 30), run("nodeport-k8s-w1", "http", 30)))
    assert any("30 and 30 (no measurement)" in words for words in missed(outcome("run", fewer)))
    assert missed(outcome("run", fewer), wanted=25) == ()
    none = RunRecord(Kind.STAGED, "a", "b", T, None, "")
    assert "ended: never, wanted done" in missed(outcome("run", none))


def test_runs_stand_side_by_side() -> None:
    one = outcome("forward 1", record())
    lines = side_by_side([one, replace(one, name="by hand", failed=4886, ratios=())]).splitlines()
    assert lines[0].split() == ["forward", "1", "by", "hand"]
    assert next(line for line in lines if line.startswith("failed")).split() == ["failed", "0", "4886"]
    assert lines[-1].split()[-1] == "-"
    assert len({len(line) for line in lines[1:]}) == 1


def test_moments_are_spread_over_the_stages_and_repeat_with_their_seed() -> None:
    reference = record(events=(*EVENTS, *node_rollout("k8s-w2", 31), event(60, Stage.FINISH, "", Name.AS_DESIRED)))
    chosen = moments(reference, random.Random(7), 20)
    assert chosen == moments(reference, random.Random(7), 20)
    assert chosen != moments(reference, random.Random(8), 20)
    known = {(event.stage, event.node, event.what): event for event in reference.events}
    where = [(moment.after[0], moment.after[1]) if moment.after else ("start", "") for moment in chosen]
    assert {place: where.count(place) for place in where} == dict.fromkeys(where, 4)
    assert set(where) == {
        ("start", ""),
        (Stage.PREFLIGHT, ""),
        (Stage.OPERATOR, ""),
        *((Stage.MOVE_NODE, n) for n in ("k8s-w1", "k8s-w2")),
    }
    for moment in chosen:
        assert moment.seconds >= 0
        assert moment.after is None or (moment.after in known and not moment.after[2].startswith(PENDING))


def test_what_the_engine_records_is_what_is_read(tmp_path: Path) -> None:
    """A whole migration of a simulated cluster: every node rollout is known, and what is indispensable in it."""
    world = World(tmp_path)
    assert world.up(desired("cluster-pool")), "\n".join(world.told)
    (directory,) = world.folders()
    found = read_record(directory)
    ratios = outcome("forward", found).ratios
    assert [node for node, _, _ in ratios] == ["k8s-w1", "k8s-w2", "k8s-cp"]
    assert all(math.isfinite(ratio) for _, _, ratio in ratios)
    assert {event.stage for event in found.events} <= set(Stage)
    assert {event.what.removeprefix(PENDING) for event in found.events} <= set(Name)
    chosen = {moment.after[:2] for moment in moments(found, random.Random(1), 50) if moment.after}
    assert {(Stage.MOVE_NODE, node) for node, _, _ in ratios} <= chosen
    assert all(step.complete for step in summarise(found).steps)


def test_the_end_names_what_is_not_as_it_should_be() -> None:
    def node(name: str, *, cordoned: bool = False) -> dict[str, object]:
        return {"metadata": {"name": name}, "spec": {"unschedulable": cordoned}, "status": {}}

    def named(name: str, *, controlled: bool) -> dict[str, object]:
        owners = [{"kind": "DaemonSet", "name": "p", "controller": True}] if controlled else []
        return {"namespace": "default", "name": name, "uid": name, "ownerReferences": owners}

    cidrs = [{"metadata": {"name": "w1"}, "spec": {"ipam": {"podCIDRs": ["172.20.1.0/24"]}}}]
    pod: dict[str, Any] = {
        "metadata": named("p-1", controlled=True),
        "spec": {"nodeName": "w1"},
        "status": {"podIP": "172.20.1.7", "phase": "Running"},
    }
    deployment = {
        "kind": "Deployment",
        "metadata": {"namespace": "default", "name": "p"},
        "spec": {"replicas": 2},
        "status": {"readyReplicas": 2},
    }
    good = render([node("w1")], cidrs, [pod], [deployment])
    assert good == ["Deployment default/p 2/2", "node w1 ['172.20.1.0/24'] cordoned=False error=''"]
    # another name and address of the same pod CIDR is the same end
    other = {**pod, "metadata": named("p-2", controlled=True), "status": {**pod["status"], "podIP": "172.20.1.9"}}
    assert render([node("w1")], cidrs, [other], [deployment]) == good
    for changed in (
        render([node("w1", cordoned=True)], cidrs, [pod], [deployment]),
        render([node("w1")], [{**cidrs[0], "spec": {"ipam": {"podCIDRs": ["172.20.2.0/24"]}}}], [pod], [deployment]),
        render([node("w1")], cidrs, [{**pod, "status": {"podIP": "192.168.1.7"}}], [deployment]),
        render([node("w1")], cidrs, [pod], [{**deployment, "status": {}}]),
        render([node("w1")], cidrs, [pod, {**pod, "metadata": named("curl-pod", controlled=False)}], [deployment]),
    ):
        assert changed != good
    outside = render([node("w1")], cidrs, [{**pod, "status": {"podIP": "192.168.1.7"}}], [deployment])
    assert "I2 default/p-1: expected an address of 172.20.1.0/24 (w1), seen 192.168.1.7" in outside
    error = {"ipam": {"operator-status": {"error": "no range left"}}}
    assert "error='no range left'" in render([node("w1")], [{**cidrs[0], "status": error}], [], [])[0]


def test_processes_are_found_by_their_mark_alone() -> None:
    child = subprocess.Popen(["sleep", "60"], env={**os.environ, "CILIUM_LAB_BENCH": "kill-1-test"})
    try:
        assert marked("kill-1-test") == [child.pid]
        assert marked("kill-2-test") == []
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("words", [[], ["dance"], ["kills", "--count", "0"], ["migration", "--rounds", "x"]])
def test_bad_arguments_are_refused_before_anything_happens(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        bench(words)
    assert refused.value.code == 2
    assert "usage: ./lab bench" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["migration", "--help"], ["kills", "-h"]])
def test_help_is_printed_and_nothing_is_done(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(command, "Stack", lambda: begun.append("stack"))
    with pytest.raises(SystemExit) as ended:
        bench(words)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ./lab bench")
    assert begun == []


def test_the_manual_procedure_is_the_studys() -> None:
    script = (Path(__file__).parents[3] / "labctl/bench/manual.sh").read_text()
    steps = [line.removeprefix("step ") for line in script.splitlines() if line.startswith("step ")]
    assert steps == [
        "helm upgrade",
        "restart the operator",
        "restart the agents",
        "delete the CiliumNodes",
        "restart the agents again",
        "restart the workloads",
        "end",
    ]
