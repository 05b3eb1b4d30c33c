"""The journal of a migration, and the probes that run meanwhile where they are wanted.

A journal begins when the preflight has passed and finds something to migrate, before anything moves; it ends with the
run. A run that is killed leaves it open, and its probes running: the next one continues both.

A journal that cannot be written (a full disk) fails no run: that is reported once, and the migration goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from cilium_lab.disruption.probing import Probing
from cilium_lab.disruption.record import Kind, Now, RunDirectory, addresses, utc_now
from cilium_lab.disruption.stages import Name, Stage
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.conditions import ConditionTimeout, Event, Waiter
from cilium_lab.kube.objects import Snapshot
from cilium_lab.kube.ssh import HostError
from cilium_lab.rollout.changes import reasons
from cilium_lab.rollout.kubernetes import upgrades
from cilium_lab.rollout.plan import plan
from cilium_lab.rollout.request import Desired


class ProbesError(Exception):
    """The probes could not be started, or their lines not be collected; the text says why."""


class Journal:
    """`runs` is the folder of all runs' directories. `probing` makes the probes of this cluster; None: no probes."""

    def __init__(self, runs: Path, probing: Callable[[Waiter], Probing] | None = None, now: Now = utc_now) -> None:
        self._runs = runs
        self._probing = probing
        self._now = now
        self._folder: RunDirectory | None = None
        self._waiter: Waiter | None = None
        self._warned = False

    def begin(self, desired: Desired, observe: Callable[[], Snapshot], waiter: Waiter) -> None:
        """Before anything moves, if something is to move; `observe` sees every agent. Raises ProbesError or ApiError.

        Both commands call it: a run comes without a preflight when an earlier one has passed and its run has failed.
        """
        self._waiter = waiter
        found: RunDirectory | None = None
        with self._writing():
            found = RunDirectory.unfinished(self._runs, Kind.STAGED, self._now)
        # One without an event was begun by a run that ended before its probes ran.
        continued = found is not None and found.has_events
        snapshot = None if continued else observe()
        if snapshot and not pending(desired, snapshot):
            return
        self._folder = found
        started = waiter.clock.now()
        if self._folder is None and snapshot:
            with self._writing():
                folder = RunDirectory.new(self._runs, Kind.STAGED, now=self._now)
                folder.addresses("before", addresses(snapshot))
                self._folder = folder
        if self._folder is None:
            return
        if self._probing:
            try:
                self._probing(waiter).begin(fresh=not continued)
            except (ApiError, HostError, ConditionTimeout) as error:
                if not continued:
                    shutil.rmtree(self._folder.path, ignore_errors=True)
                    self._folder = None
                raise ProbesError(
                    f"the probes cannot be started: {error}\n  next: mend that, or set migration.probe to false"
                ) from error
        with self._writing():
            before = origin(desired, snapshot) if snapshot else ""
            why = (*reasons(desired, snapshot), *upgrades(desired, snapshot)) if snapshot else ()
            self._folder.change(before, desired.mode, why)
            probes = "probes run" if self._probing else "no probes"
            name = Name.JOURNAL_CONTINUES if continued else Name.JOURNAL_BEGINS
            self._folder.event(Stage.PREFLIGHT, "", name, waiter.clock.now() - started, probes)

    def event(self, event: Event) -> None:
        """Write an event of the run."""
        if self._folder:
            with self._writing():
                self._folder.event(event.stage, event.node, event.what, event.seconds, event.detail)

    def end(self, waiter: Waiter, outcome: str, snapshot: Snapshot | None) -> str:
        """The run has come to its end; the probes' result in a line. Raises ProbesError."""
        if not self._folder:
            return ""
        if snapshot:
            with self._writing():
                self._folder.addresses("after", addresses(snapshot))
        summary = ""
        try:
            with self._writing():
                summary = self._probing(waiter).end(self._folder) if self._probing else ""
        except (ApiError, HostError, ConditionTimeout) as error:
            raise ProbesError(f"the probes' lines cannot be collected: {error}") from error
        finally:
            with self._writing():
                self._folder.end(outcome)
        return f"{summary}; journal: {self._folder.path}" if summary else f"journal: {self._folder.path}"

    @contextmanager
    def _writing(self) -> Generator[None]:
        """What goes wrong with a file of the journal is reported once and fails nothing."""
        try:
            yield
        except (OSError, ValueError, KeyError) as error:
            if self._waiter and not self._warned:
                self._warned = True
                self._waiter.tell(f"warning: the journal is incomplete, the migration goes on: {error}")


def origin(desired: Desired, snapshot: Snapshot) -> str:
    """The mode that agents still run in; the configured one where they run in the desired one already."""
    left = {view.mode for view in snapshot.views.values() if view.mode and view.mode != desired.mode}
    return min(left, default=snapshot.configured.mode if snapshot.configured else "")


def pending(desired: Desired, snapshot: Snapshot) -> bool:
    """Whether a run would change anything."""
    now = snapshot.configured
    behind = bool(reasons(desired, snapshot))
    return now is not None and (now.mode != desired.mode or behind or bool(plan(desired, snapshot)))
