"""However a run ends: working nodes are uncordoned, no canary stays, and a journal that fails fails nothing else."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cilium_lab.disruption.stages import Stage
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock, Waiter
from cilium_lab.kube.objects import State
from cilium_lab.rollout.commands import preflight, run
from cilium_lab.rollout.engine import Engine
from cilium_lab.rollout.journal import Journal
from cilium_lab.rollout.plan import Step
from cilium_lab.rollout.request import Limits, render
from tests.helpers.kubectl_stand_in import KubectlStandIn, answer
from tests.helpers.simulated_api import SimulatedApi
from tests.helpers.simulated_cluster import SimulatedCluster
from tests.unit.rollout.test_engine import CHANGES, configure, desired, finish, migrate
from tests.unit.rollout.test_journal import Probes, World

ROOT = Path(__file__).parents[3]


def assert_released(cluster: SimulatedCluster) -> None:
    """No node with a working agent is cordoned, and no canary stays."""
    agents = {pod.node: pod for pod in cluster.pods.values() if pod.labels.get("k8s-app") == "cilium"}
    for name, node in cluster.nodes.items():
        working = name in agents and cluster.is_ready(agents[name])
        assert not (node["cordoned"] and working), name
    assert not [pod for pod in cluster.pods.values() if "canary" in pod.name and pod.gone_at is None]


@pytest.mark.parametrize("stop_at", range(1, CHANGES + 1))
def test_whatever_ends_a_run_at_any_change_releases_its_nodes(stop_at: int) -> None:
    # no KeyError: in a condition that is an answer in an unusual shape, which is waited for
    errors = (KeyboardInterrupt(), SystemExit(1), RuntimeError("a fault"), ZeroDivisionError("another"))
    error = errors[stop_at % len(errors)]
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    api = SimulatedApi(cluster, stop_at, after=stop_at % 2 == 0, error=error)
    with pytest.raises(type(error)):
        migrate(cluster, desired("cluster-pool"), api)
    assert_released(cluster)
    finish(cluster)


def test_some_of_these_runs_are_stopped_on_a_cordoned_node() -> None:
    """What the test before rests on: without the release there would be something to see."""

    def stopped(stop_at: int) -> SimulatedCluster:
        cluster = SimulatedCluster()
        configure(cluster, "cluster-pool")
        api = SimulatedApi(cluster, stop_at, error=RuntimeError())
        engine = Engine(
            desired("cluster-pool"),
            Cluster(api, desired("cluster-pool").non_masquerade_cidrs),
            Waiter(lambda _line: None, Clock(lambda: cluster.now, cluster.advance)),
        )
        with pytest.raises(RuntimeError):
            engine.run()
        return cluster

    seen = [stopped(stop_at) for stop_at in range(1, CHANGES + 1, 3)]
    assert sum(any(node["cordoned"] for node in cluster.nodes.values()) for cluster in seen) >= 5
    assert sum(any("canary" in key for key in cluster.pods) for cluster in seen) >= 2


def test_progress_that_nobody_reads_any_more_ends_the_run_and_releases_its_nodes() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    want = desired("cluster-pool")

    def say(_line: str) -> None:
        if any(node["cordoned"] for node in cluster.nodes.values()):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    with pytest.raises(BrokenPipeError):
        run(want, reached, say=say, clock=Clock(lambda: cluster.now, cluster.advance))
    assert_released(cluster)
    finish(cluster)


@pytest.mark.parametrize("broken", ["/apis/policy/v1/poddisruptionbudgets", "/apis/cilium.io/v2/ciliumendpoints"])
def test_an_object_that_cannot_be_read_ends_the_run_and_releases_its_nodes(tmp_path: Path, broken: str) -> None:
    """In a condition or between two: what reads the cluster after that must not need the same object."""

    drained = False

    class Strange(SimulatedApi):
        def get(self, path: str) -> dict[str, Any]:
            return {"items": [{}]} if path == broken and drained else super().get(path)

    def say(line: str) -> None:
        nonlocal drained
        told.append(line)
        drained = drained or "last pods left" in line

    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    want = desired("cluster-pool", limits=Limits(pods=10.0))
    told: list[str] = []
    reached = Cluster(Strange(cluster), want.non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    with pytest.raises(KeyError):
        run(want, reached, say=say, clock=clock, journal=Journal(tmp_path / "runs"))
    assert "by a fault of this program: KeyError" in "\n".join(told)
    assert_released(cluster)
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["outcome"].startswith("stopped: KeyError")
    finish(cluster)


def test_a_condition_on_an_object_that_cannot_be_read_releases_the_nodes_too() -> None:
    class Strange(SimulatedApi):
        def get(self, path: str) -> dict[str, Any]:
            cordoned = any(node["cordoned"] for node in self.cluster.nodes.values())
            return {"items": [{}]} if path.endswith("/deployments") and cordoned else super().get(path)

    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    want = desired("cluster-pool", limits=Limits(nodes=10.0))
    done, told = migrate(cluster, want, Strange(cluster))
    assert not done
    assert "departures decided on k8s-w1: not within 10 s" in "\n".join(told)
    assert "uncordoned: k8s-w1" in told
    assert_released(cluster)
    finish(cluster)


def test_one_node_that_cannot_be_uncordoned_keeps_no_other_and_no_canary() -> None:
    class Refusing(SimulatedApi):
        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            if path == "/api/v1/nodes/k8s-w1":
                raise ApiError(f"{method} {path}", 500, "etcd leader changed")
            return super().send(method, path, body, kind)

    cluster = SimulatedCluster()
    reached = Cluster(Refusing(cluster), ())
    reached.write_state(State(nodes=("k8s-w1", "k8s-w2")))
    for name in ("k8s-w1", "k8s-w2"):
        cluster.nodes[name]["cordoned"] = True
    reached.api.send(
        "PATCH",
        "/api/v1/namespaces/kube-system/pods/cilium-lab-canary-k8s-w1?fieldManager=cilium-lab",
        {"metadata": {"labels": {"cilium-lab/canary": "k8s-w1"}}, "spec": {"nodeName": "k8s-w1"}},
    )
    released = Engine(desired("cluster-pool"), reached, Waiter(lambda _line: None)).release_nodes(RuntimeError())
    assert released.uncordoned == ("k8s-w2",)
    assert released.cordoned == ("k8s-w1",)
    assert "k8s-w1 cannot be uncordoned" in released.errors[0]
    assert "etcd leader changed" in released.errors[0]
    assert not cluster.nodes["k8s-w2"]["cordoned"]
    assert not [pod for pod in cluster.pods.values() if "canary" in pod.name and pod.gone_at is None]


def test_an_interrupt_leaves_the_journal_open_and_a_fault_ends_it(tmp_path: Path) -> None:
    for error, outcome in (
        (SystemExit(1), None),
        (RuntimeError("a fault\nin two lines"), "stopped: RuntimeError: a fault"),
    ):
        world = World(tmp_path / type(error).__name__, Probes())
        with pytest.raises(type(error)):
            world.up(desired("cluster-pool"), kill_at=8, error=error)
        (folder,) = world.folders()
        assert json.loads((folder / "run.json").read_text())["outcome"] == outcome
        assert_released(world.cluster)


# -- the journal -------------------------------------------------------------------------------------------------------


def warnings(told: list[str]) -> list[str]:
    return [line for line in told if line.startswith("warning: the journal is incomplete, the migration goes on: ")]


def test_a_disk_that_fills_up_during_a_run_fails_nothing(tmp_path: Path) -> None:
    world = World(tmp_path / "runs", Probes())
    said = world.told.append

    def fill(line: str) -> None:
        said(line)
        if "begins: 192.168" in line:  # while nodes are rolled out
            (folder,) = world.folders()
            if not (folder / "events.jsonl").is_symlink():
                (folder / "events.jsonl").unlink()
                (folder / "events.jsonl").symlink_to("/dev/full")
                (folder / "run.json").unlink()

    assert world.up(desired("cluster-pool"), say=fill), "\n".join(world.told)
    assert len(warnings(world.told)) == 1
    assert os.strerror(errno.ENOSPC) in warnings(world.told)[0]
    assert_released(world.cluster)
    finish(world.cluster)


def test_a_disk_that_is_full_from_the_start_fails_nothing_and_starts_no_probes(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way of the folder")
    probes = Probes()
    world = World(tmp_path / "runs", probes)
    assert world.up(desired("cluster-pool")), "\n".join(world.told)
    assert len(warnings(world.told)) == 2, "one of each command"
    assert probes.calls == []
    finish(world.cluster)


def test_a_disk_that_is_full_for_the_probes_lines_fails_nothing(tmp_path: Path) -> None:
    class Full(Probes):
        def end(self, folder: Any) -> str:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    world = World(tmp_path / "runs", Full())
    assert world.up(desired("cluster-pool")), "\n".join(world.told)
    assert len(warnings(world.told)) == 1
    (folder,) = world.folders()
    assert json.loads((folder / "run.json").read_text())["outcome"] == "done"


def test_a_directory_whose_probes_never_ran_begins_afresh(tmp_path: Path) -> None:
    """A kill between the directory and the probes: nothing that the probes left earlier counts."""
    probes = Probes()
    world = World(tmp_path / "runs", probes)
    assert world.up(desired("cluster-pool"))
    (folder,) = world.folders()
    (folder / "events.jsonl").unlink()
    tree = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**tree, "ended": None}))
    world.told.clear()
    assert world.up(desired("kubernetes")), "\n".join(world.told)
    assert world.folders() == [folder]
    assert probes.calls == ["begin", "take over", "end"] * 2


# -- the preflight -----------------------------------------------------------------------------------------------------


def test_a_transient_failure_beside_a_permanent_one_is_reported_at_once() -> None:
    cluster = SimulatedCluster()
    cluster.nodes["k8s-w2"]["ready"] = False
    cluster.nodes["k8s-w1"]["cordoned"] = True
    told: list[str] = []
    started = cluster.now
    reached = Cluster(SimulatedApi(cluster), desired("cluster-pool").non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    assert preflight(desired("cluster-pool"), reached, say=told.append, clock=clock) is None
    assert "node k8s-w2 is not ready" in "\n".join(told)
    assert "node k8s-w1 is cordoned" in "\n".join(told)
    assert cluster.now == started


def test_a_transient_failure_that_passes_is_waited_for() -> None:
    cluster = SimulatedCluster()
    cluster.nodes["k8s-w2"]["ready"] = False

    def sleep(seconds: float) -> None:
        cluster.advance(seconds)
        cluster.nodes["k8s-w2"]["ready"] = cluster.now > 20

    reached = Cluster(SimulatedApi(cluster), desired("cluster-pool").non_masquerade_cidrs)
    assert preflight(desired("cluster-pool"), reached, say=lambda _: None, clock=Clock(lambda: cluster.now, sleep))
    assert 20 < cluster.now < 25


# -- the program -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_program_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """It says where it was, and leaves no proxy and no kubeconfig."""
    kubectl = KubectlStandIn(tmp_path, [answer(200, {"items": []})])
    request = {**render(replace(desired("cluster-pool"), limits=Limits())), "kubeconfig": "secret", "runs": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "cilium_lab.rollout", "run"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(request))
    process.stdin.close()
    process.stdin = None
    deadline = time.monotonic() + 20
    while not (tmp_path / "notes.jsonl").exists() or len(kubectl.requests) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "interrupted in stage 1 non-masquerade" in said
    assert "Traceback" not in said
    started = kubectl.notes[0]
    assert not Path(started["kubeconfig"]).parent.exists()
    assert not Path(f"/proc/{started['pid']}").exists()


def test_a_pod_that_is_ending_and_never_goes_is_refused_with_nothing_changed() -> None:
    cluster = SimulatedCluster()
    pod = next(pod for pod in cluster.pods.values() if pod.name.startswith("webpod"))
    pod.gone_at = 1e9
    want, told, api = desired("cluster-pool"), list[str](), SimulatedApi(cluster)
    cluster.advance(10.0)
    clock = Clock(lambda: cluster.now, cluster.advance)
    began = cluster.now
    assert preflight(want, Cluster(api, want.non_masquerade_cidrs), say=told.append, clock=clock) is None
    assert f"pod {pod.key} on {pod.node} is ending, and is still there after 125 s" in "\n".join(told)
    assert cluster.now - began < 140.0
    assert api.changes == []


def test_a_pod_that_ends_in_time_is_waited_for() -> None:
    cluster = SimulatedCluster()
    pod = next(pod for pod in cluster.pods.values() if pod.name.startswith("webpod"))
    pod.gone_at = 60.0
    want, told = desired("cluster-pool"), list[str]()
    cluster.advance(10.0)
    clock = Clock(lambda: cluster.now, cluster.advance)
    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    assert preflight(want, reached, say=told.append, clock=clock) is not None, told
    assert cluster.now >= 60.0


class Unanswered(SimulatedApi):
    """The query of an agent with that number, the first one's being 1, has no answer."""

    def __init__(self, cluster: SimulatedCluster, number: int) -> None:
        super().__init__(cluster)
        self._left = number

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        self._left -= 1
        if self._left == 0:
            raise ApiError(f"kubectl exec {pod}", 0, "no answer: no end within 2 s")
        return super().execute(namespace, pod, container, script)


@pytest.mark.parametrize("number", [4, 7, 11, 20, 23, 35, 38, 50, 53, 65])
def test_an_agent_that_does_not_answer_once_ends_no_run(number: int) -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"), Unanswered(cluster, number))
    assert done, "\n".join(told)


@pytest.mark.parametrize("lacking", ["k8s-w2 is not queried", "k8s-w2 does not say"])
def test_an_agent_whose_mode_was_not_told_before_a_step_may_be_in_any_after_it(lacking: str) -> None:
    """A kubelet that has just restarted calls its node's agent not ready for a moment, and a busy one answers late."""
    cluster = SimulatedCluster()
    cluster.advance(2.0)
    want = desired("kubernetes")
    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    before = reached.observe()
    views = {name: view for name, view in before.views.items() if name != "k8s-w2"}
    if lacking.endswith("say"):
        views["k8s-w2"] = replace(before.views["k8s-w2"], mode=None)
    waiter = Waiter(lambda _line: None, Clock(lambda: cluster.now, cluster.advance))
    engine = Engine(want, reached, waiter)
    step = Step(Stage.MOVE_NODE, "", "k8s-cp")
    engine._verify(step, replace(before, views=views))  # pyright: ignore[reportPrivateUsage]
