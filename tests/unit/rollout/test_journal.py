"""The record of a migration, and the probes that ask meanwhile, on a simulated cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.disruption.record import RunDirectory
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock, Waiter
from cilium_lab.kube.ssh import HostError
from cilium_lab.rollout.commands import preflight, run
from cilium_lab.rollout.journal import Recorder
from cilium_lab.rollout.request import Desired
from tests.helpers.simulated_api import Killed, SimulatedApi
from tests.helpers.simulated_cluster import SimulatedCluster
from tests.unit.rollout.test_engine import configure, desired


class Probes:
    """Notes what is asked of it; `broken` is a host that cannot be reached."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[str] = []
        self._broken = broken

    def __call__(self, _gates: Waiter) -> Any:
        return self

    def begin(self, *, fresh: bool) -> None:
        if self._broken:
            raise HostError("router: no route to host")
        self.asked.append("begin" if fresh else "take over")

    def end(self, folder: RunDirectory) -> str:
        if self._broken:
            raise HostError("router: no route to host")
        self.asked.append("end")
        folder.lines("pod", "")
        return "7 requests"


class World:
    """A cluster in the mode kubernetes, and the two commands as `pulumi up` runs them."""

    def __init__(self, records: Path, probes: Probes | None = None) -> None:
        self.cluster = SimulatedCluster()
        self.records = records
        self.probes = probes
        self.told: list[str] = []
        self.clock = Clock(lambda: self.cluster.now, self.cluster.advance)

    def up(self, want: Desired, *, kill_at: int | None = None) -> bool:
        reached = Cluster(SimulatedApi(self.cluster), want.masqueraded_not)
        recorder = Recorder(self.records, self.probes)
        if preflight(want, reached, say=self.told.append, clock=self.clock, recorder=recorder) is None:
            return False
        configure(self.cluster, want.mode)
        reached = Cluster(SimulatedApi(self.cluster, kill_at), want.masqueraded_not)
        recorder = Recorder(self.records, self.probes)
        return run(want, reached, say=self.told.append, clock=self.clock, recorder=recorder)

    def folders(self) -> list[Path]:
        return sorted(self.records.iterdir()) if self.records.exists() else []


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_migration_leaves_its_record(tmp_path: Path) -> None:
    probes = Probes()
    world = World(tmp_path / "records", probes)
    assert world.up(desired("cluster-pool")), "\n".join(world.told)
    (folder,) = world.folders()
    made = json.loads((folder / "run.json").read_text())
    assert (made["kind"], made["from"], made["to"], made["outcome"]) == ("staged", "kubernetes", "cluster-pool", "done")
    heard = events(folder)
    assert heard[0]["what"] == "record begins"
    assert heard[-1]["what"] == "as desired"
    turns = [event["node"] for event in heard if (event["stage"], event["what"]) == ("4 renumber", "done")]
    assert turns == ["k8s-w1", "k8s-w2", "k8s-cp"]
    addresses = json.loads((folder / "addresses.json").read_text())
    for when, start in (("before", "192.168."), ("after", "172.20.")):
        assert set(addresses[when]) == {"k8s-cp", "k8s-w1", "k8s-w2"}
        for node in addresses[when].values():
            assert len(node["podCIDRs"]) == 1
            assert all(address.startswith(start) for address in (*node["podCIDRs"], *node["pods"].values()))
    assert addresses["before"]["k8s-cp"]["pods"]["default/curl-pod"]
    assert probes.asked == ["begin", "take over", "end"]
    assert any(line.startswith("7 requests; record: ") for line in world.told)


def test_a_run_with_nothing_to_carry_leaves_none_and_asks_nobody(tmp_path: Path) -> None:
    probes = Probes()
    world = World(tmp_path / "records", probes)
    assert world.up(desired("kubernetes"))
    assert world.folders() == []
    assert probes.asked == []


@pytest.mark.parametrize("then", ["cluster-pool", "kubernetes"])
def test_a_killed_run_is_gone_on_with_in_its_record_whichever_way(tmp_path: Path, then: str) -> None:
    probes = Probes()
    world = World(tmp_path / "records", probes)
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
    assert probes.asked == ["begin", *["take over"] * 3, "end"]


def test_probes_that_cannot_start_stop_the_migration_before_it_begins(tmp_path: Path) -> None:
    world = World(tmp_path / "records", Probes(broken=True))
    blocks = dict(world.cluster.blocks)
    assert not world.up(desired("cluster-pool"))
    assert world.told[-1].startswith("the probes cannot be started: router: no route to host")
    assert world.cluster.blocks == blocks
    assert world.cluster.config["ipam"] == "kubernetes"
    assert world.folders() == []


def test_a_run_without_a_preflight_begins_its_own_record(tmp_path: Path) -> None:
    """An earlier preflight has passed, and its run has failed: Pulumi repeats the run alone."""
    probes = Probes()
    world = World(tmp_path / "records", probes)
    configure(world.cluster, "cluster-pool")
    want = desired("cluster-pool")
    reached = Cluster(SimulatedApi(world.cluster), want.masqueraded_not)
    assert run(want, reached, say=world.told.append, clock=world.clock, recorder=Recorder(world.records, probes))
    (folder,) = world.folders()
    made = json.loads((folder / "run.json").read_text())
    assert (made["from"], made["to"], made["outcome"]) == ("kubernetes", "cluster-pool", "done")
    assert probes.asked == ["begin", "end"]


def test_lines_that_cannot_be_had_do_not_fail_a_migration(tmp_path: Path) -> None:
    world = World(tmp_path / "records", Probes())
    with pytest.raises(Killed):
        world.up(desired("cluster-pool"), kill_at=8)
    world.probes = None
    reached = Cluster(SimulatedApi(world.cluster), desired("cluster-pool").masqueraded_not)
    recorder = Recorder(world.records, Probes(broken=True))
    assert run(desired("cluster-pool"), reached, say=world.told.append, clock=world.clock, recorder=recorder)
    assert any("the probes' lines cannot be had: router" in line for line in world.told)
    assert json.loads((world.folders()[0] / "run.json").read_text())["outcome"] == "done"
