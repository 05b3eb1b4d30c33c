"""A record without what was measured while the machine itself gave the probes no processor."""

from __future__ import annotations

from dataclasses import replace

from cilium_lab.disruption.record import RunRecord
from cilium_lab.disruption.thresholds import THRESHOLDS


def measured(record: RunRecord) -> RunRecord:
    """The record without failures within a second of a prober's wait beyond its threshold.

    Hosts, servers and the tests themselves share two cores: a request that no server answers within its second there
    says nothing about the migration. Any other failure stays.
    """
    runs = record.probe_runs
    limit = THRESHOLDS.waited_ms
    starved = {second.at for run in runs for second in run.seconds if second.waited_ms >= limit}

    def told(at: float) -> bool:
        return not any(abs(int(at) - second) <= 1 for second in starved)

    kept = tuple(
        replace(
            run,
            seconds=tuple(second if told(second.at) else replace(second, failed=0) for second in run.seconds),
            failures=tuple(moment for moment in run.failures if told(moment.at)),
        )
        for run in runs
    )
    return replace(record, probe_runs=kept)
