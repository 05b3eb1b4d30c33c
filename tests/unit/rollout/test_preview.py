"""What a preview tells about pods before anything happens, and that it never hangs or changes anything."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from cilium_lab.kube.objects import Configured, Endpoint, Service, Snapshot, Workload
from cilium_lab.rollout.preview import preview, preview_live
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import (
    FORWARD,
    NAMES,
    NEW,
    OLD,
    ONE,
    POOL,
    TWO,
    node,
    pod,
    view,
    with_pod_cidrs,
    world,
)

LOGGER = pod("log-x", "k8s-w2", "192.168.2.61", owner=("DaemonSet", "log"))
MINE = pod("mine", "k8s-w1", "192.168.1.40")


def told_by(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    return preview(desired, snapshot).lines


def test_nodes_in_order_and_pods_by_outcome_are_listed_with_the_time() -> None:
    scratch = pod(
        "cache-1",
        "k8s-w2",
        "192.168.2.62",
        owner=("Deployment", "cache"),
        spec={"volumes": [{"name": "tmp", "emptyDir": {}}]},
    )
    alone = Workload("Deployment", "default", "cache", 1, 1, True, surges=False)
    told = told_by(
        replace(FORWARD, recreate=("default/mine",)),
        world(
            pods=(*world().pods, LOGGER, MINE, scratch),
            workloads=(*world().workloads, alone),
            endpoints=tuple(Endpoint("default", p.name, p.address, True) for p in (ONE, TWO, LOGGER, MINE, scratch)),
        ),
    )
    nodes = "k8s-w1 -> 172.20.1.0/24, k8s-w2 -> 172.20.2.0/24, k8s-cp -> 172.20.0.0/24"
    assert told[0].startswith(f"kubernetes -> cluster-pool; 3 nodes get a new pod CIDR, one at a time: {nodes}; about ")
    assert told[1] == "  k8s-w1: 1 pods move, 1 pods are re-created in place"
    assert told[2] == "    default/web-1 moves by eviction"
    assert re.fullmatch(
        r"    default/mine is deleted and re-created in place, away for about \d+ s \(migration.recreate names it\)",
        told[3],
    )
    assert any(line.startswith("    default/log-x is re-created in place by its DaemonSet, away for") for line in told)
    (alone_line,) = [line for line in told if "default/cache-1" in line]
    assert "the only replica of a workload that cannot surge" in alone_line
    assert alone_line.endswith("; the content of its emptyDir tmp goes with it")
    assert told[-1] == "  k8s-cp: no pod leaves"


def test_what_a_local_traffic_policy_costs_and_what_is_broken_already_are_told() -> None:
    labelled = tuple(replace(one, labels={"app": "web"}) for one in (ONE, TWO))
    bad = pod("bad-1", "k8s-w1", "192.168.1.50", owner=("Deployment", "bad"), ready=False)
    told = told_by(
        FORWARD,
        world(
            pods=(*labelled, bad, *world().pods[2:]),
            workloads=(*world().workloads, Workload("Deployment", "default", "bad", 1, 0, False, surges=True)),
            services=(Service("default", "web", {"app": "web"}, ("externalTrafficPolicy",)),),
            endpoints=(*world().endpoints, Endpoint("default", "bad-1", bad.address, True)),
        ),
    )
    policy = "  note: Service default/web has externalTrafficPolicy Local: requests to k8s-w1 get no answer while"
    assert any(line.startswith(policy) for line in told)
    noted = (
        "  noted, and not waited for: Deployment default/bad has 0 ready pods, fewer than its replicas or not all of"
    )
    assert any(line.startswith(noted) for line in told)


def test_a_preflight_failure_is_told_beforehand() -> None:
    broken = world(nodes=tuple(node(name, ready=name != "k8s-w2") for name in NAMES), views={})
    told = told_by(FORWARD, broken)
    assert told[0] == "the change to cluster-pool would be refused:"
    assert "node k8s-w2 is not ready" in told[1]


def test_nothing_is_told_where_nothing_will_happen() -> None:
    assert told_by(FORWARD, world(configured=None)) == ()
    assert told_by(replace(FORWARD, mode="kubernetes"), world()) == ()
    new = {name: (NEW[name],) for name in NAMES}
    moved = world(
        configured=Configured("cluster-pool", (POOL,), 24),
        cilium_nodes=with_pod_cidrs(**{name.replace("-", "_"): cidrs for name, cidrs in new.items()}),
        views={name: view(name, NEW, mode="cluster-pool") for name in NAMES},
    )
    assert told_by(FORWARD, moved) == ()
    larger = replace(FORWARD, pools=(POOL, IPv4Network("172.24.0.0/16")))
    assert told_by(larger, moved) == ("cluster-pool -> cluster-pool; no node is rolled out",)


def test_an_interrupted_migration_is_told_by_what_is_left_of_it() -> None:
    half = world(
        configured=Configured("cluster-pool", (POOL,), 24),
        cilium_nodes=with_pod_cidrs(k8s_w1=(NEW["k8s-w1"],), k8s_w2=(OLD["k8s-w2"], NEW["k8s-w2"])),
        views={},
    )
    told = told_by(FORWARD, replace(half, pods=tuple(p for p in half.pods if p.name != "web-1")))
    assert "2 nodes get a new pod CIDR, one at a time: k8s-w2 -> 172.20.2.0/24, k8s-cp -> 172.20.0.0/24; a" in told[0]


def test_a_cluster_that_does_not_answer_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'dial tcp: no route to host' >&2\nexit 1\n")
    kubectl.chmod(kubectl.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    told = preview_live(FORWARD, "apiVersion: v1").lines
    assert len(told) == 1
    assert "does not answer" in told[0]
    assert "no route to host" in told[0]
