"""Keeps the record of a migration, and lets the probes ask meanwhile where they are wanted.

A record begins when the preflight finds something to carry and is open, before anything moves; it ends with the run. A
run that is killed leaves it open, and its probes asking: the next one goes on with both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cilium_lab.disruption.probing import Probing
from cilium_lab.disruption.record import Kind, Now, RunDirectory, addresses, utc_now
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.conditions import ConditionTimeout, Event, Waiter
from cilium_lab.kube.objects import Snapshot
from cilium_lab.kube.ssh import HostError
from cilium_lab.rollout.plan import plan
from cilium_lab.rollout.request import Desired


class RecordError(Exception):
    """The probes could not be started, or their lines not be had; the text says why."""


class Recorder:
    """`records` is the folder of all records. `probing` makes the probes of this cluster; None: nobody asks."""

    def __init__(self, records: Path, probing: Callable[[Waiter], Probing] | None = None, now: Now = utc_now) -> None:
        self._records = records
        self._probing = probing
        self._now = now
        self._folder: RunDirectory | None = None

    def begin(self, desired: Desired, look: Callable[[], Snapshot], waiter: Waiter) -> None:
        """Before anything moves, if something is to move; `look` sees every agent. Raises RecordError or ApiError.

        Both commands call it: a run comes without a preflight when an earlier one has passed and its run has failed.
        """
        self._folder = RunDirectory.unfinished(self._records, Kind.STAGED, self._now)
        snapshot = None if self._folder else look()
        if snapshot and not pending(desired, snapshot):
            return
        started = waiter.clock.now()
        if self._probing:
            try:
                self._probing(waiter).begin(fresh=self._folder is None)
            except (ApiError, HostError, ConditionTimeout) as error:
                raise RecordError(
                    f"the probes cannot be started: {error}\n  next: mend that, or set migration.probe to false"
                ) from error
        if snapshot:
            self._folder = RunDirectory.new(self._records, Kind.STAGED, now=self._now)
            self._folder.addresses("before", addresses(snapshot))
        if self._folder:
            self._folder.change(origin(desired, snapshot) if snapshot else "", desired.mode)
            asking = "probes ask" if self._probing else "no probes"
            what = "record begins" if snapshot else "record goes on"
            self._folder.event("0 preflight", "", what, waiter.clock.now() - started, asking)

    def event(self, event: Event) -> None:
        """Note an event of the run."""
        if self._folder:
            self._folder.event(event.stage, event.node, event.what, event.seconds, event.detail)

    def end(self, waiter: Waiter, outcome: str, snapshot: Snapshot | None) -> str:
        """The run has come to its end; what the probes say, in a line. Raises RecordError."""
        if not self._folder:
            return ""
        if snapshot:
            self._folder.addresses("after", addresses(snapshot))
        try:
            said = self._probing(waiter).end(self._folder) if self._probing else ""
        except (ApiError, HostError, ConditionTimeout) as error:
            raise RecordError(f"the probes' lines cannot be had: {error}") from error
        finally:
            self._folder.end(outcome)
        return f"{said}; record: {self._folder.path}" if said else f"record: {self._folder.path}"


def origin(desired: Desired, snapshot: Snapshot) -> str:
    """The mode that agents still run in; the configured one where they run in the desired one already."""
    left = {view.mode for view in snapshot.views.values() if view.mode and view.mode != desired.mode}
    return min(left, default=snapshot.configured.mode if snapshot.configured else "")


def pending(desired: Desired, snapshot: Snapshot) -> bool:
    """Whether a run would change anything."""
    now = snapshot.configured
    return now is not None and (now.mode != desired.mode or bool(plan(desired, snapshot)))
