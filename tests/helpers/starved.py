"""A record without what was measured while the machine itself gave the probes no processor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from cilium_lab.disruption.probe_lines import ProbeRun
from cilium_lab.disruption.record import RunRecord
from cilium_lab.disruption.thresholds import THRESHOLDS


def measured(record: RunRecord) -> RunRecord:
    """The record without failures within two seconds of which the machine had no processor for the probers.

    A request has one second for its answer: it fails as late as that after it was sent.

    Hosts, servers and the tests themselves share two cores: a request that no server answers within its second there
    says nothing about the migration. Any other failure stays.
    """
    runs = record.probe_runs
    starved = _starved(runs)

    def told(at: float) -> bool:
        return not any(abs(int(at) - second) <= 2 for second in starved)

    kept = tuple(
        replace(
            run,
            seconds=tuple(second if told(second.at) else replace(second, failed=0) for second in run.seconds),
            failures=tuple(moment for moment in run.failures if told(moment.at)),
        )
        for run in runs
    )
    return replace(record, probe_runs=kept)


def _starved(runs: Iterable[ProbeRun]) -> set[int]:
    """Seconds in which one prober waited for a processor beyond its threshold, or those of two sources half of it."""
    limit = THRESHOLDS.waited_ms
    waits = [(second.at, run.source, second.waited_ms) for run in runs for second in run.seconds]
    half = {(at, source) for at, source, waited in waits if waited >= limit / 2}
    several = {at for at, sources in Counter(at for at, _ in half).items() if sources > 1}
    return several | {at for at, _, waited in waits if waited >= limit}
