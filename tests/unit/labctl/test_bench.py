"""What `./lab bench` makes of a run: figures, the bar, random moments, and the end that has to be the same."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cilium_lab.disruption.report.record import Event, Moment, Record, Run, Second
from labctl.bench.command import bench
from labctl.bench.end_state import render
from labctl.bench.judge import missed, outcome, side_by_side
from labctl.bench.moments import moments
from labctl.bench.stack import marked

T = 1000.0


def event(at: float, stage: str, node: str, what: str, seconds: float = 0.0) -> Event:
    return Event(T + at, stage, node, what, seconds, "")


def turn(node: str, at: float) -> tuple[Event, ...]:
    """A turn of 20 seconds, 16 of which cannot be done without."""
    return (
        event(at, "4 renumber", node, "begins"),
        event(at + 9, "4 renumber", node, "waiting: emptied", 9.0),
        event(at + 8, "4 renumber", node, "emptied", 8.0),
        event(at + 14, "4 renumber", node, "agent restarted", 5.0),
        event(at + 18, "4 renumber", node, "pods back", 3.0),
        event(at + 19, "4 renumber", node, "routes", 1.0),
        event(at + 20, "4 renumber", node, "done", 20.0),
    )


EVENTS = (event(0, "0 preflight", "", "record begins"), event(2, "2 operator", "", "done", 1.0), *turn("k8s-w1", 10))


def run(probe: str, kind: str, a_second: int, *, gap: float = 20.0, source: str = "pod") -> Run:
    seconds = tuple(Second(int(T) + n, a_second, 0, (1.0,) * a_second, gap) for n in range(40))
    return Run(source, probe, kind, float(a_second), T, T + 40, seconds)


def record(runs: Sequence[Run] = (), events: Sequence[Event] = EVENTS) -> Record:
    usual = (run("service", "http", 120), run("nodeport-k8s-cp", "http", 110, source="router"))
    return Record("staged", "kubernetes", "cluster-pool", T, T + 40, "done", tuple(events), (*usual, *runs))


def judged(*runs: Run, events: Sequence[Event] = EVENTS, busy: bool = False) -> str:
    return "; ".join(missed(outcome("run", record(runs, events)), busy=busy))


def test_a_run_within_the_bar() -> None:
    found = outcome("forward 1", record([run("stream", "tcp", 100), run("datagrams", "udp", 100)]))
    assert found.ratios == (("k8s-w1", 20.0, 20.0 / 16.0),)
    assert (found.requests, found.failed, found.seconds) == (40 * 330, 0, 30.0)
    assert (round(found.inside), round(found.outside)) == (120, 110)
    assert missed(found, busy=False) == ()


def test_what_happens_early_counts_whatever_it_is() -> None:
    for early, at in ((True, 5.0), (False, 15.0)):
        fin = replace(run("stream", "tcp", 100), ends=(Moment(T + at, "fin"),))
        assert bool(judged(fin)) is early, at
        lost = replace(run("datagrams", "udp", 100), failures=(Moment(T + at, "lost"),))
        assert bool(judged(lost)) is early, at


@pytest.mark.parametrize(
    ("worse", "words"),
    [
        (replace(run("dns", "dns", 50), failures=(Moment(T + 15, "timeout"),)), "1 of 11200 requests failed"),
        (run("dns", "dns", 50, gap=512), "gap of 512 ms (dns from pod), 500 at most"),
        (
            replace(run("stream", "tcp", 1), ends=(Moment(T + 15, "reset"),)),
            "1 connections ended otherwise than by FIN",
        ),
        (
            replace(run("dns", "dns", 50), seconds=(Second(int(T), 1, 0, (300.0,), 0.0),)),
            "p99 of 300 ms, 250 at most",
        ),
    ],
)
def test_each_part_of_the_bar(worse: Run, words: str) -> None:
    assert words in judged(worse)


def test_with_a_busy_core_only_failures_count() -> None:
    assert judged(run("dns", "dns", 50, gap=900), busy=True) == ""
    assert "failed" in judged(replace(run("dns", "dns", 50), failures=(Moment(T + 15, "timeout"),)), busy=True)


def test_a_slow_road_and_a_slow_turn() -> None:
    late = (*EVENTS, event(160, "5 finish", "", "as desired"))
    assert judged(events=late) == "160 s, 150 at most"
    slow = (*EVENTS[:-1], event(40, "4 renumber", "k8s-w1", "done", 30.0))
    assert judged(events=slow) == "k8s-w1: 1.88 times its parts, 1.3 at most"


def test_of_a_turn_that_a_kill_has_split_only_its_time_counts() -> None:
    first, *rest = turn("k8s-w1", 10)
    split = (
        first,
        *rest[:2],
        event(30, "4 renumber", "k8s-w1", "begins"),
        event(31, "4 renumber", "k8s-w1", "done", 1),
    )
    assert outcome("run", record(events=split)).ratios == ()
    assert outcome("run", record(events=(*split, *turn("k8s-w2", 40)))).ratios == (("k8s-w2", 20.0, 20.0 / 16.0),)
    # yet what is noticed from the first half on is not early
    ended = replace(run("stream", "tcp", 100), ends=(Moment(T + 15, "fin"),))
    assert outcome("run", record([ended], split)).early == ""


def test_too_few_requests_are_no_measurement() -> None:
    few = Record("staged", "a", "b", T, T + 40, "done", EVENTS, (run("service", "http", 120),))
    assert any("no measurement" in words for words in missed(outcome("run", few), busy=True))
    nobody = Record("staged", "a", "b", T, None, "")
    assert "ended: never" in missed(outcome("run", nobody), busy=True)


def test_runs_stand_side_by_side() -> None:
    one = outcome("forward 1", record())
    lines = side_by_side([one, replace(one, name="by hand", failed=4886, ratios=())]).splitlines()
    assert lines[0].split() == ["forward", "1", "by", "hand"]
    assert next(line for line in lines if line.startswith("failed")).split() == ["failed", "0", "4886"]
    assert lines[-1].split()[-1] == "-"
    assert len({len(line) for line in lines[1:]}) == 1


def test_moments_are_spread_over_the_stages_and_repeat_with_their_seed() -> None:
    reference = record(events=(*EVENTS, *turn("k8s-w2", 31), event(60, "5 finish", "", "as desired")))
    chosen = moments(reference, random.Random(7), 20)
    assert chosen == moments(reference, random.Random(7), 20)
    assert chosen != moments(reference, random.Random(8), 20)
    told = {(event.stage, event.node, event.what): event for event in reference.events}
    where = [(moment.after[0], moment.after[1]) if moment.after else ("start", "") for moment in chosen]
    assert {place: where.count(place) for place in where} == dict.fromkeys(where, 4)
    assert set(where) == {
        ("start", ""),
        ("0 preflight", ""),
        ("2 operator", ""),
        *(("4 renumber", n) for n in ("k8s-w1", "k8s-w2")),
    }
    for moment in chosen:
        assert moment.seconds >= 0
        assert moment.after is None or (moment.after in told and not moment.after[2].startswith("waiting"))


def test_the_end_names_what_is_not_as_it_should_be() -> None:
    def node(name: str, *, cordoned: bool = False) -> dict[str, object]:
        return {"metadata": {"name": name}, "spec": {"unschedulable": cordoned}}

    blocks = [{"metadata": {"name": "w1"}, "spec": {"ipam": {"podCIDRs": ["172.20.1.0/24"]}}}]
    pod = {
        "metadata": {"name": "p-1", "ownerReferences": [{}]},
        "spec": {"nodeName": "w1"},
        "status": {"podIP": "172.20.1.7", "phase": "Running"},
    }
    deployment = {
        "kind": "Deployment",
        "metadata": {"namespace": "default", "name": "p"},
        "spec": {"replicas": 2},
        "status": {"readyReplicas": 2},
    }
    good = render([node("w1")], blocks, [pod], [deployment])
    assert good == ["Deployment default/p 2/2", "node w1 ['172.20.1.0/24'] cordoned=False error=''"]
    # another name and address of the same block is the same end
    assert (
        render([node("w1")], blocks, [{**pod, "metadata": {"name": "p-2", "ownerReferences": [{}]}}], [deployment])
        == good
    )
    for changed in (
        render([node("w1", cordoned=True)], blocks, [pod], [deployment]),
        render([node("w1")], [{**blocks[0], "spec": {"ipam": {"podCIDRs": ["172.20.2.0/24"]}}}], [pod], [deployment]),
        render([node("w1")], blocks, [{**pod, "status": {"podIP": "192.168.1.7"}}], [deployment]),
        render([node("w1")], blocks, [pod], [{**deployment, "status": {}}]),
        render([node("w1")], blocks, [pod, {**pod, "metadata": {"name": "curl-pod"}}], [deployment]),
    ):
        assert changed != good


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
