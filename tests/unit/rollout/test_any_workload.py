"""Whatever runs on the cluster: it is carried, re-created in place, or the migration is refused with nothing changed.

Where the scheduler decides otherwise than the model, and a budget holds what is left, the run stops with nothing away.

Hypothesis makes workloads with random rules, health and budgets. The simulated scheduler is not the model that the
preflight decides by: `grounded` workloads are refused by it although the model allows them.
"""

from __future__ import annotations

import os
import re
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock
from cilium_lab.rollout.commands import preflight
from tests.helpers.simulated_api import Killed, SimulatedApi
from tests.helpers.simulated_cluster import NODES, Deployment, SimulatedCluster
from tests.unit.rollout.test_engine import configure, desired, migrate, settled

CASES = int(os.environ.get("ROLLOUT_CASES", "25"))
"""Of each property in every run of the tests; ROLLOUT_CASES makes more."""


@st.composite
def deployments(draw: st.DrawFn, number: int) -> Deployment:
    """A workload that its own rules allow to run now."""
    kind = draw(st.sampled_from(["Deployment", "Deployment", "ReplicaSet", "ReplicationController"]))
    pinned = draw(st.sampled_from(["", "", "", *NODES]))
    spread = draw(st.booleans())
    return Deployment(
        "default",
        f"app{number}",
        draw(st.integers(1, 1 if pinned and spread else 3)),
        {"app": f"app{number}"},
        spread=spread,
        max_unavailable=draw(st.sampled_from([0, 1, "25%"])),
        kind=kind,
        pinned=pinned,
        broken=draw(st.integers(0, 4)) == 0,
        grounded=draw(st.integers(0, 3)) == 0,
        quota=draw(st.integers(0, 3)) == 0,
        start=draw(st.sampled_from([1.0, 3.0, 20.0])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> SimulatedCluster:
    """A cluster with up to three such workloads and budgets over them, running for a while."""
    cluster = SimulatedCluster()
    for number in range(draw(st.integers(1, 3))):
        made = draw(deployments(number))
        cluster.add_deployment(made)
        for budget in range(draw(st.integers(0, 1))):
            cluster.budgets.append(
                {
                    "metadata": {"namespace": "default", "name": f"{made.name}-{budget}"},
                    "spec": {"selector": {"matchLabels": made.labels}},
                    "status": {"expectedPods": made.replicas, "desiredHealthy": draw(st.integers(0, made.replicas))},
                }
            )
    return cluster


def away(cluster: SimulatedCluster) -> set[str]:
    """The workloads of which users may miss every pod for a moment: all of them on one node, or a single one."""
    found = set[str]()
    for one in cluster.deployments:
        places = {pod.node for pod in cluster.pods_of(one)}
        if one.grounded or one.pinned or one.replicas == 1 or len(places) == 1:
            found.add(one.name)
    return found


def look(cluster: SimulatedCluster) -> object:
    return deepcopy((cluster.pods, cluster.nodes, cluster.pod_cidrs, cluster.config_maps, cluster.deployments))


def passes(cluster: SimulatedCluster, mode: str) -> bool:
    """The preflight; one that refuses has changed nothing."""
    want = desired(mode)
    before, api, told = look(cluster), SimulatedApi(cluster), list[str]()
    reached = Cluster(api, want.non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    if preflight(want, reached, say=told.append, clock=clock) is not None:
        return True
    assert "is refused, nothing was changed" in "\n".join(told)
    assert api.changes == []
    assert look(cluster) == before
    return False


def given_back(cluster: SimulatedCluster, told: list[str]) -> None:
    """A run that the scheduler has stopped, which decides otherwise than the model, while a budget holds the rest."""
    text = "\n".join(told)
    assert any(one.grounded for one in cluster.deployments), text
    assert cluster.budgets, text
    assert re.search(r"held by a disruption budget, while \S+ finds no node: 0/3 nodes are available", text), text
    cluster.advance(60.0)
    assert not any(node["cordoned"] or node.get("taints") for node in cluster.nodes.values())
    everything_runs(cluster, told)


def everything_runs(cluster: SimulatedCluster, told: list[str]) -> None:
    for one in cluster.deployments:
        ready = sum(cluster.is_ready(pod) for pod in cluster.pods_of(one))
        assert ready == (0 if one.broken else one.replicas), (one, "\n".join(told))


_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SETTINGS = settings(max_examples=CASES, deadline=None, suppress_health_check=_SLOW)


@given(worlds())
@SETTINGS
def test_a_migration_is_refused_or_ends_well(cluster: SimulatedCluster) -> None:
    missed = away(cluster)
    if not passes(cluster, "cluster-pool"):
        return
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    if not done:
        given_back(cluster, told)
        return
    settled(cluster)
    noticed = {line.rpartition(" ")[2] for line in cluster.noticed}
    assert noticed <= missed, cluster.noticed
    everything_runs(cluster, told)


@given(worlds(), st.integers(1, 80), st.sampled_from(["cluster-pool", "kubernetes"]), st.booleans())
@SETTINGS
def test_killed_anywhere_the_next_run_goes_on_or_turns_round(
    cluster: SimulatedCluster, kill_at: int, mode: str, after: bool
) -> None:
    if not passes(cluster, "cluster-pool"):
        return
    configure(cluster, "cluster-pool")
    try:
        migrate(cluster, desired("cluster-pool"), SimulatedApi(cluster, kill_at, after=after))
    except Killed:
        cluster.advance(1.0)
    configure(cluster, mode)
    done, told = migrate(cluster, desired(mode))
    if not done:
        given_back(cluster, told)
        return
    cluster.advance(1.0)  # what was not well before is not waited for, and yet gets its node
    assert all(pod.node for pod in cluster.pods.values()), "\n".join(told)
    settled(cluster)
    assert not any(node.get("taints") for node in cluster.nodes.values())


@pytest.mark.parametrize("kill_at", range(12, 44, 2))
def test_no_deployment_is_left_between_two_versions(kill_at: int) -> None:
    """The scheduler takes no pod of a restart, and the run that made it is killed before it could undo it."""
    cluster = SimulatedCluster()
    for name in ("a", "b", "c"):
        cluster.add_deployment(Deployment("default", name, 1, {"app": name}, grounded=True))
    configure(cluster, "cluster-pool")
    with pytest.raises(Killed):
        migrate(cluster, desired("cluster-pool"), SimulatedApi(cluster, kill_at))
    cluster.advance(1.0)
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    settled(cluster)
    everything_runs(cluster, told)
    for one in cluster.deployments:
        assert {pod.labels["stamp"] for pod in cluster.pods_of(one)} == {one.stamp}, (one, "\n".join(told))


@pytest.mark.parametrize("kill_at", [19, 20, 21, 35, 36, 37])
def test_pods_that_a_killed_run_left_without_a_node_have_one_before_the_next_cordon(kill_at: int) -> None:
    cluster = SimulatedCluster()
    cluster.add_deployment(
        Deployment("default", "app", 3, {"app": "app"}, max_unavailable=1, grounded=True, start=20.0)
    )
    configure(cluster, "cluster-pool")
    with pytest.raises(Killed):
        migrate(cluster, desired("cluster-pool"), SimulatedApi(cluster, kill_at))
    cluster.advance(1.0)
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    settled(cluster)
    everything_runs(cluster, told)
