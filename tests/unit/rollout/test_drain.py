"""How a node is drained, on a simulated cluster."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.objects import Pod, Workload
from cilium_lab.rollout.drain import next_evictions
from cilium_lab.rollout.health import baseline
from cilium_lab.rollout.request import Limits
from tests.helpers.migration_world import WEB, pod, world
from tests.helpers.simulated_api import SimulatedApi
from tests.helpers.simulated_cluster import Deployment, SimulatedCluster
from tests.unit.rollout.test_engine import configure, desired, migrate, settled


def test_pods_leave_a_node_one_after_the_other() -> None:
    # what starts at once elsewhere starves all others of the cores: outages of half a second were seen
    moved: list[tuple[float, str]] = []

    class Timed(SimulatedApi):
        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            if path.endswith("/eviction") or path.startswith("/apis/apps/v1/"):
                moved.append((self.cluster.now, "evicted" if path.endswith("/eviction") else "restarted"))
            return super().send(method, path, body, kind)

    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"), Timed(cluster))
    assert done, "\n".join(told)
    assert {how for _, how in moved} == {"evicted", "restarted"}
    assert all(later - earlier > 0.29 for (earlier, _), (later, _) in pairwise(moved)), moved


def carried(*workloads: Deployment, budgets: tuple[dict[str, Any], ...] = ()) -> tuple[SimulatedCluster, str]:
    """A migration with these workloads besides; it ends well, and its progress is returned."""
    cluster = SimulatedCluster()
    for workload in workloads:
        cluster.add_deployment(workload)
    cluster.budgets.extend(budgets)
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    settled(cluster)
    for workload in workloads:
        ready = sum(cluster.is_ready(pod) for pod in cluster.pods_of(workload))
        assert ready == (0 if workload.broken else workload.replicas), workload
    return cluster, "\n".join(told)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet"])
def test_what_the_scheduler_places_nowhere_waits_for_its_node_and_the_schedulers_words_are_told(
    replicas: int, kind: str
) -> None:
    """The model of the scheduler allows it, the scheduler does not: seconds later the pod is re-created in place."""
    _, told = carried(Deployment("default", "stuck", replicas, {"app": "stuck"}, kind=kind, grounded=True))
    said = r"default/stuck-abc-\d+ finds no node: 0/3 nodes are available: .*; it waits until k8s-\w+ is uncordoned"
    assert re.search(said, told)


def test_what_a_budget_holds_for_a_pod_that_no_node_takes_ends_the_run_at_once() -> None:
    """Two pods on one node, one of which may be missing: the first waits for its node, the second for the first."""
    cluster = SimulatedCluster()
    cluster.add_deployment(Deployment("default", "stuck", 4, {"app": "stuck"}, kind="ReplicaSet", grounded=True))
    selector = {"selector": {"matchLabels": {"app": "stuck"}}}
    meta = {"namespace": "default", "name": "most"}
    cluster.budgets.append({"metadata": meta, "spec": selector, "status": {"expectedPods": 4, "desiredHealthy": 3}})
    configure(cluster, "cluster-pool")
    begun = cluster.now
    done, told = migrate(cluster, desired("cluster-pool"))
    text = "\n".join(told)
    assert not done
    assert re.search(r"held by a disruption budget, while default/stuck-\S+ finds no node: 0/3 nodes are", text), text
    assert "let the budget miss one more pod" in text
    assert cluster.now - begun < 60
    assert not any(node["cordoned"] or node.get("taints") for node in cluster.nodes.values())
    cluster.advance(30.0)
    assert sum(cluster.is_ready(pod) for pod in cluster.pods.values() if pod.labels.get("app") == "stuck") == 4


def test_a_quota_that_is_used_up_lets_the_pod_leave_before_its_successor_starts() -> None:
    _, told = carried(Deployment("default", "full", 1, {"app": "full"}, quota=True))
    assert "Deployment default/full gets no further pod" not in told  # known beforehand, by the dry run


def test_a_restart_that_is_not_admitted_after_all_becomes_an_eviction() -> None:
    class Denied(SimulatedApi):
        """The dry run admits what the controller's request is then denied."""

        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            return {} if "dryRun=All" in path else super().send(method, path, body, kind)

    cluster = SimulatedCluster()
    cluster.add_deployment(Deployment("default", "full", 1, {"app": "full"}, quota=True))
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"), Denied(cluster))
    assert done, "\n".join(told)
    assert any(line.startswith("Deployment default/full gets no further pod: exceeded quota: q") for line in told)
    settled(cluster)


def test_a_workload_that_is_broken_is_noted_and_keeps_nobody() -> None:
    _, told = carried(Deployment("default", "bad", 2, {"app": "bad"}, broken=True))
    assert (
        "Deployment default/bad has 0 ready pods, fewer than its replicas or not all of its newest version: noted"
        in told
    )


def test_as_many_pods_are_missing_at_once_as_their_strategy_allows() -> None:
    """Slow starters one after the other would take their time as often as there are pods."""

    class Fewest(SimulatedCluster):
        """Notes how few pods of the workload were ready at any time."""

        fewest = 99

        def advance(self, seconds: float) -> None:
            super().advance(seconds)
            slow = [d for d in self.deployments if d.name == "slow"]
            if slow and self.now > 40:
                self.fewest = min(self.fewest, sum(self.is_ready(pod) for pod in self.pods_of(slow[0])))

    spent: dict[object, float] = {}
    for unavailable in (1, "25%"):
        cluster = Fewest()
        cluster.add_deployment(
            Deployment("default", "slow", 12, {"app": "slow"}, max_unavailable=unavailable, start=25.0)
        )
        configure(cluster, "cluster-pool")
        begun = cluster.now
        done, told = migrate(cluster, desired("cluster-pool"))
        assert done, "\n".join(told)
        settled(cluster)
        spent[unavailable] = cluster.now - begun
        assert cluster.fewest == {1: 11, "25%": 9}[unavailable]
    assert spent["25%"] < 0.6 * spent[1], spent


def leaves(*pods: Pod, **changed: Any) -> list[str]:
    """Which of these two pods of a Deployment may leave now; its controller says that both are ready."""
    workload = replace(Workload("Deployment", "default", "web", 2, 2, complete=True, surges=False), **changed)
    snapshot = world(pods=pods, workloads=(workload,))
    wanted = [pod for pod in pods if not pod.terminating]
    return [one.name for one in next_evictions(snapshot, wanted, baseline(snapshot, ()))]


def test_pods_are_counted_and_not_what_their_controller_says_of_them() -> None:
    """Its status is late when the cores are busy: by it the second pod would leave beside the first."""
    first, second = (pod(name, "k8s-w1", "192.168.1.7", owner=WEB) for name in ("web-1", "web-2"))
    assert leaves(first, second) == ["web-1"]
    assert leaves(replace(first, terminating=True), second) == []
    assert leaves(first, replace(second, ready=False)) == ["web-2"]  # nobody misses what serves no request


def test_a_deployment_that_was_not_complete_before_holds_nobody() -> None:
    """All of its replicas are ready, and a pod of its newest version never will be."""
    first, second = (pod(name, "k8s-w1", "192.168.1.7", owner=WEB) for name in ("web-1", "web-2"))
    assert leaves(first, second, complete=False) == ["web-1"]


def test_a_restart_whose_pod_no_node_takes_is_undone() -> None:
    """Else that pod and the successor of the one that is re-created in place would compete for one place."""
    cluster = SimulatedCluster()
    cluster.add_deployment(Deployment("default", "stuck", 1, {"app": "stuck"}, grounded=True))
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    (stuck,) = (one for one in cluster.deployments if one.name == "stuck")
    assert "default/stuck-abc-" in "\n".join(told)
    assert (stuck.stamp, stuck.noted) == ("", "")


def test_a_restart_that_no_node_takes_of_a_pod_that_may_not_be_evicted_ends_the_run() -> None:
    cluster = SimulatedCluster()
    cluster.add_deployment(Deployment("default", "kept", 1, {"app": "kept"}, grounded=True))
    selector = {"selector": {"matchLabels": {"app": "kept"}}}
    meta = {"namespace": "default", "name": "one"}
    cluster.budgets.append({"metadata": meta, "spec": selector, "status": {"expectedPods": 1, "desiredHealthy": 1}})
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    text = "\n".join(told)
    assert not done
    assert re.search(r"held by a disruption budget, while default/kept-abc-\d+ finds no node: 0/3 nodes are", text), (
        text
    )
    assert "not within 0 s" in text
    cluster.advance(30.0)
    (kept,) = (one for one in cluster.deployments if one.name == "kept")
    assert [cluster.is_ready(pod) for pod in cluster.pods_of(kept)] == [True]
    assert not any(node["cordoned"] for node in cluster.nodes.values())


def test_what_is_denied_ends_the_run_at_once() -> None:
    class Denying(SimulatedApi):
        """An admission policy lets no pod of default be evicted."""

        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            if path.endswith("/eviction") and "/namespaces/default/" in path:
                raise ApiError(path, 403, "ValidatingAdmissionPolicy 'keep' denied request: pods stay")
            return super().send(method, path, body, kind)

    cluster = SimulatedCluster()
    cluster.add_deployment(Deployment("default", "kept", 2, {"app": "kept"}, max_unavailable=1))
    configure(cluster, "cluster-pool")
    begun = cluster.now
    done, told = migrate(cluster, desired("cluster-pool"), Denying(cluster))
    assert not done
    assert "403 ValidatingAdmissionPolicy 'keep' denied request: pods stay" in "\n".join(told)
    assert cluster.now - begun < 60
    assert not any(node["cordoned"] for node in cluster.nodes.values())


def test_a_workload_that_came_after_the_drain_is_not_waited_for() -> None:
    class Busy(SimulatedApi):
        """Somebody makes a Deployment that never gets ready while the agent restarts."""

        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            made = any(one.name == "late" for one in self.cluster.deployments)
            if method == "DELETE" and "/pods/cilium-k8s-w1" in path and not made:
                self.cluster.add_deployment(Deployment("default", "late", 3, {"app": "late"}, broken=True))
            return super().send(method, path, body, kind)

    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"), Busy(cluster))
    assert any(one.name == "late" for one in cluster.deployments)
    assert done, "\n".join(told)


def test_a_saved_pod_is_re_created_when_its_name_is_free() -> None:
    """One with a finalizer is still there when it has finished: what is applied to that goes with it."""

    class Lingering(SimulatedApi):
        """The deleted curl-pod stays for three more looks."""

        looks = 3

        def get(self, path: str) -> dict[str, Any]:
            if path.endswith("/namespaces/default/pods/curl-pod") and "curl-pod" in str(self.cluster.config_maps):
                self.looks -= 1
                if self.looks >= 0:
                    ending = {
                        "name": "curl-pod",
                        "namespace": "default",
                        "deletionTimestamp": "t",
                        "finalizers": ["f/x"],
                    }
                    return {"metadata": ending}
            return super().get(path)

    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    api = Lingering(cluster)
    done, told = migrate(cluster, desired("cluster-pool"), api)
    assert done, "\n".join(told)
    assert api.looks < 0
    assert any("names of saved pods free: free" in line for line in told)


@pytest.mark.parametrize(
    ("status", "message", "denied"),
    [
        (403, "exceeded quota: q", True),
        (500, 'Internal error occurred: failed calling webhook "w.example": no endpoints', True),
        (500, "etcdserver: request timed out", None),
        (429, "too many requests", None),
    ],
)
def test_what_a_dry_run_says(status: int, message: str, denied: bool | None) -> None:
    sent: list[dict[str, Any]] = []

    class Denying(SimulatedApi):
        def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
            sent.append(body)
            raise ApiError(path, status, message)

    cluster = Cluster(Denying(SimulatedCluster()), ())
    snapshot = cluster.snapshot()
    if denied is None:
        with pytest.raises(ApiError):
            cluster.inadmissible(snapshot, ["Deployment default/webpod"])
        return
    assert cluster.inadmissible(snapshot, ["Deployment default/webpod"]) == {"Deployment default/webpod": message}
    (owner,) = sent[0]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ReplicaSet", "webpod", True)


def test_two_budgets_hold_a_pod_together() -> None:
    labels = {"app": "two"}
    budgets = tuple(
        {
            "metadata": {"namespace": "default", "name": name},
            "spec": {"selector": {"matchLabels": labels}},
            "status": {"expectedPods": 2, "desiredHealthy": 1},
        }
        for name in ("a", "b")
    )
    cluster, _ = carried(Deployment("default", "two", 2, labels), budgets=budgets)
    assert [line for line in cluster.noticed if line.endswith("two")] == []


def test_a_replacement_that_never_gets_ready_ends_the_run_and_gives_the_node_back() -> None:
    cluster = SimulatedCluster()
    late = Deployment("default", "late", 1, {"app": "late"}, max_unavailable=1)
    cluster.add_deployment(late)
    late.broken = True  # from the next pod on
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool", limits=Limits(replacement=20.0)))
    text = "\n".join(told)
    assert not done
    assert "expected: Deployment default/late with 1 ready pods, as before" in text
    assert not any(node["cordoned"] or node.get("taints") for node in cluster.nodes.values())
    done, told = migrate(cluster, desired("cluster-pool", limits=Limits(replacement=20.0)))
    assert done, "what got worse meanwhile is noted: " + "\n".join(told)


def test_how_far_it_is_and_how_long_it_will_take_is_told() -> None:
    _, told = carried()
    lines = [line for line in told.splitlines() if line.startswith("node ")]
    assert lines[0].startswith("node 1 of 3 (k8s-w1), 0 of ")
    assert re.fullmatch(r"node 3 of 3 \(k8s-cp\), (\d+) of \1 pods have moved, about \d+ s left", lines[-1])
