"""The table of workloads that the cluster tests migrate, and how these judge what became of one."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import zoo
from tests.cluster.watching import longest_without
from tests.cluster.zoo import Outcome, outcome

ROOT = Path(__file__).parents[3]


def kind(wanted: Outcome) -> zoo.Kind:
    return next(one for one in zoo.KINDS if one.outcome is wanted)


def test_the_table_in_the_docs_is_of_these_workloads() -> None:
    assert (ROOT / "docs/workloads.md").read_text() == zoo.table(), "python3 -m tests.cluster.zoo > docs/workloads.md"
    assert len({one.name for one in zoo.KINDS}) == len(zoo.KINDS)


def test_a_pod_that_moves_is_another_one_and_as_ready_as_before() -> None:
    moves = kind(Outcome.MOVES)
    before = {"a": ("k8s-w1", True)}
    assert outcome(moves, before, {"b": ("k8s-w2", True)}) == ""
    assert "the same pods" in outcome(moves, before, before)
    assert "ready on" in outcome(moves, before, {"b": ("k8s-w2", False)})
    assert "ready on" in outcome(moves, before, {})


def test_a_pod_that_is_re_created_in_place_is_on_its_node() -> None:
    stays = kind(Outcome.IN_PLACE)
    before = {"a": ("k8s-w1", True), "b": ("k8s-w2", True)}
    assert outcome(stays, before, {"c": ("k8s-w2", True), "d": ("k8s-w1", True)}) == ""
    assert outcome(stays, before, {"c": ("k8s-w1", True), "d": ("k8s-w1", True)}) == (
        "on ['k8s-w1', 'k8s-w2'], then on ['k8s-w1', 'k8s-w1']"
    )


def test_what_is_noted_was_not_ready_and_is_not() -> None:
    noted = kind(Outcome.NOTED)
    assert outcome(noted, {"a": ("k8s-w1", False)}, {"a": ("k8s-w1", False)}) == ""
    assert outcome(noted, {"a": ("k8s-w1", True)}, {"b": ("k8s-w1", False)}) != ""


def test_a_job_that_is_waited_for_keeps_its_pod() -> None:
    job = kind(Outcome.WAITED)
    before = {"a": ("k8s-w1", True)}
    assert outcome(job, before, {"a": ("k8s-w1", False), "b": ("k8s-w2", True)}) == ""
    assert outcome(job, before, {"b": ("k8s-w2", True)}) == "ended before their time: ['a']"


def test_for_how_long_a_workload_had_no_ready_pod() -> None:
    assert longest_without([(0, 0), (3, 1), (9, 2), (20, 1)], 30) == 0.0
    assert longest_without([(0, 1), (5, 0), (6, 0), (9, 1), (20, 0), (22, 1)], 30) == 4.0
    assert longest_without([(0, 1), (5, 0)], 30) == 25.0
    assert longest_without([], 30) == 0.0


def test_half_of_the_kinds_have_every_outcome_and_long_runs_have_all_kinds() -> None:
    assert {kind.outcome for kind in zoo.kinds(every=False)} == set(zoo.Outcome)
    assert zoo.kinds(every=True) == zoo.KINDS
    assert len(zoo.kinds(every=False)) == len(zoo.KINDS) / 2
