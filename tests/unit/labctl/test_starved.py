"""Which failed requests the tests of the real lab hold against a migration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cilium_lab.disruption.probe_lines import Moment, ProbeRun, Second
from cilium_lab.disruption.record import DONE, RunRecord
from labctl.bench.judge import outcome
from tests.helpers.starved import measured


def record(failed_at: int, waited_ms: float) -> RunRecord:
    """Ten seconds of two probes: one has a failed request, the other one waits for a processor in second 105."""

    def run(probe: str, failed: int, waited: float) -> ProbeRun:
        seconds = tuple(
            Second(at, 10, failed if at == failed_at else 0, (1.0,) * 9, 100.0, 90.0, waited if at == 105 else 1.0)
            for at in range(100, 110)
        )
        failures = (Moment(failed_at + 0.5, "timeout"),) if failed else ()
        return ProbeRun("pod", probe, "http", 10.0, 100.0, 110.0, seconds, failures)

    runs = (run("service", 1, 1.0), run("dns", 0, waited_ms))
    return RunRecord("staged", "kubernetes", "cluster-pool", 100.0, 110.0, DONE, (), runs)


def held_against_it(failed_at: int, waited_ms: float) -> bool:
    whole = record(failed_at, waited_ms)
    assert outcome("run", whole).failed == 1
    return outcome("run", measured(whole)).failed == 1


def test_a_failure_counts_unless_a_prober_had_no_processor_within_two_seconds_of_it() -> None:
    assert held_against_it(105, 400.0)
    assert [held_against_it(at, 604.0) for at in range(101, 110)] == [True, True, *[False] * 5, True, True]


@pytest.mark.parametrize(("sources", "waited", "counts"), [(1, 300.0, True), (2, 240.0, True), (2, 300.0, False)])
def test_probers_of_two_sources_that_wait_at_once_show_a_machine_without_processors(
    sources: int, waited: float, counts: bool
) -> None:
    whole = record(105, 1.0)
    service, dns = whole.probe_runs
    slow = replace(dns, seconds=tuple(replace(one, waited_ms=waited) for one in dns.seconds))
    runs = (service, *(replace(slow, source=f"host-{number}") for number in range(sources)))
    assert (outcome("run", measured(replace(whole, probe_runs=runs))).failed == 1) is counts
