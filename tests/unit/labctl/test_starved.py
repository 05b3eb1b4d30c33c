"""Which failed requests the tests of the real lab hold against a migration."""

from __future__ import annotations

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


def test_a_failure_counts_unless_a_prober_had_no_processor_within_a_second_of_it() -> None:
    assert held_against_it(105, 400.0)
    assert [held_against_it(at, 604.0) for at in range(102, 109)] == [True, True, False, False, False, True, True]
