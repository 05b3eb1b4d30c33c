"""The journal of a migration, and the probes that run meanwhile, on a simulated cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.disruption.record import RunDirectory
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock, Waiter
from cilium_lab.kube.ssh import HostError
from cilium_lab.rollout.commands import preflight, run
from cilium_lab.rollout.journal import Journal
from cilium_lab.rollout.request import Desired
from tests.helpers.simulated_api import Killed, SimulatedApi
from tests.helpers.simulated_cluster import SimulatedCluster
from tests.unit.rollout.test_engine import configure, desired


class Probes:
    """Notes what is called; `broken` is a host that cannot be reached."""

    def __init__(self, *, broken: bool = False) -> None:
        self.calls: list[str] = []
        self._broken = broken

    def __call__(self, _waiter: Waiter) -> Any:
        return self

    def begin(self, *, fresh: bool) -> None:
        if self._broken:
            raise HostError("router: no route to host")
        self.calls.append("begin" if fresh else "take over")

    def end(self, folder: RunDirectory) -> str:
        if self._broken:
            raise HostError("router: no route to host")
        self.calls.append("end")
        folder.lines("pod", "")
        return "7 requests"


class World:
    """A cluster in the mode kubernetes, and the two commands as `pulumi up` runs them."""

    def __init__(self, runs: Path, probes: Probes | None = None) -> None:
        self.cluster = SimulatedCluster()
        self.runs = runs
        self.probes = probes
        self.told: list[str] = []
        self.clock = Clock(lambda: self.cluster.now, self.cluster.advance)

    def up(
        self,
        want: Desired,
        *,
        kill_at: int | None = None,
        error: BaseException | None = None,
        say: Callable[[str], None] | None = None,
    ) -> bool:
        reached = Cluster(SimulatedApi(self.cluster), want.non_masquerade_cidrs)
        journal = Journal(self.runs, self.probes)
        tell = say or self.told.append
        if preflight(want, reached, say=tell, clock=self.clock, journal=journal) is None:
            return False
        configure(self.cluster, want.mode)
        reached = Cluster(SimulatedApi(self.cluster, kill_at, error=error), want.non_masquerade_cidrs)
        journal = Journal(self.runs, self.probes)
        return run(want, reached, say=tell, clock=self.clock, stamp=lambda: f"t{self.cluster.now}", journal=journal)

    def folders(self) -> list[Path]:
        return sorted(self.runs.iterdir()) if self.runs.exists() else []


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_migration_leaves_its_journal(tmp_path: Path) -> None:
    probes = Probes()
    world = World(tmp_path / "runs", probes)
    assert world.up(desired("cluster-pool")), "\n".join(world.told)
    (folder,) = world.folders()
    made = json.loads((folder / "run.json").read_text())
    assert (made["kind"], made["from"], made["to"], made["outcome"]) == ("staged", "kubernetes", "cluster-pool", "done")
    written = events(folder)
    assert written[0]["what"] == "journal begins"
    assert written[-1]["what"] == "as desired"
    rolled_out = [event["node"] for event in written if (event["stage"], event["what"]) == ("4 move-node", "done")]
    assert rolled_out == ["k8s-w1", "k8s-w2", "k8s-cp"]
    addresses = json.loads((folder / "addresses.json").read_text())
    for when, start in (("before", "192.168."), ("after", "172.20.")):
        assert set(addresses[when]) == {"k8s-cp", "k8s-w1", "k8s-w2"}
        for node in addresses[when].values():
            assert len(node["podCIDRs"]) == 1
            assert all(address.startswith(start) for address in (*node["podCIDRs"], *node["pods"].values()))
    assert addresses["before"]["k8s-cp"]["pods"]["default/curl-pod"]
    assert probes.calls == ["begin", "take over", "end"]
    assert any(line.startswith("7 requests; journal: ") for line in world.told)


def test_a_run_with_nothing_to_migrate_leaves_none_and_starts_no_probes(tmp_path: Path) -> None:
    probes = Probes()
    world = World(tmp_path / "runs", probes)
    assert world.up(desired("kubernetes"))
    assert world.folders() == []
    assert probes.calls == []


@pytest.mark.parametrize("then", ["cluster-pool", "kubernetes"])
def test_a_killed_run_is_continued_in_its_journal_whichever_way(tmp_path: Path, then: str) -> None:
    probes = Probes()
    world = World(tmp_path / "runs", probes)
    with pytest.raises(Killed):
        world.up(desired("cluster-pool"), kill_at=8)
    (folder,) = world.folders()
    known = len(events(folder))
    assert json.loads((folder / "run.json").read_text())["ended"] is None
    assert world.up(desired(then)), "\n".join(world.told)
    assert world.folders() == [folder]
    made = json.loads((folder / "run.json").read_text())
    assert (made["from"], made["to"], made["outcome"]) == ("kubernetes", then, "done")
    assert len(events(folder)) > known
    assert probes.calls == ["begin", *["take over"] * 3, "end"]


def test_probes_that_cannot_start_stop_the_migration_before_it_begins(tmp_path: Path) -> None:
    world = World(tmp_path / "runs", Probes(broken=True))
    pod_cidrs = dict(world.cluster.pod_cidrs)
    assert not world.up(desired("cluster-pool"))
    assert world.told[-1].startswith("the probes cannot be started: router: no route to host")
    assert world.cluster.pod_cidrs == pod_cidrs
    assert world.cluster.config["ipam"] == "kubernetes"
    assert world.folders() == []


def test_a_run_without_a_preflight_begins_its_own_journal(tmp_path: Path) -> None:
    """An earlier preflight has passed, and its run has failed: Pulumi repeats the run alone."""
    probes = Probes()
    world = World(tmp_path / "runs", probes)
    configure(world.cluster, "cluster-pool")
    want = desired("cluster-pool")
    reached = Cluster(SimulatedApi(world.cluster), want.non_masquerade_cidrs)
    assert run(want, reached, say=world.told.append, clock=world.clock, journal=Journal(world.runs, probes))
    (folder,) = world.folders()
    made = json.loads((folder / "run.json").read_text())
    assert (made["from"], made["to"], made["outcome"]) == ("kubernetes", "cluster-pool", "done")
    assert probes.calls == ["begin", "end"]


def test_lines_that_cannot_be_collected_do_not_fail_a_migration(tmp_path: Path) -> None:
    world = World(tmp_path / "runs", Probes())
    with pytest.raises(Killed):
        world.up(desired("cluster-pool"), kill_at=8)
    world.probes = None
    reached = Cluster(SimulatedApi(world.cluster), desired("cluster-pool").non_masquerade_cidrs)
    journal = Journal(world.runs, Probes(broken=True))
    assert run(desired("cluster-pool"), reached, say=world.told.append, clock=world.clock, journal=journal)
    assert any("the probes' lines cannot be collected: router" in line for line in world.told)
    assert json.loads((world.folders()[0] / "run.json").read_text())["outcome"] == "done"
