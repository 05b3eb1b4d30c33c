"""What a preview tells about pods before anything happens, and that it never hangs or changes anything."""

from __future__ import annotations

import stat
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from cilium_lab.kube.objects import Configured
from cilium_lab.rollout.preview import preview, preview_live
from tests.helpers.migration_world import FORWARD, NAMES, NEW, OLD, POOL, node, pod, view, with_pod_cidrs, world

LOGGER = pod("log-x", "k8s-w2", "192.168.2.61", owner=("DaemonSet", "log"))
MINE = pod("mine", "k8s-w1", "192.168.1.40")


def test_pods_that_will_be_re_created_are_listed() -> None:
    told = preview(replace(FORWARD, recreate=("default/mine",)), world(pods=(*world().pods, LOGGER, MINE)))
    assert told[0].startswith("kubernetes -> cluster-pool; nodes that get a new pod CIDR: k8s-w1 -> 172.20.1.0/24")
    assert "  note: bare pod default/mine is deleted and re-created on k8s-w1" in told
    assert "  note: pod default/log-x of a DaemonSet is re-created on k8s-w2" in told


def test_a_preflight_failure_is_told_beforehand() -> None:
    broken = world(nodes=tuple(node(name, ready=name != "k8s-w2") for name in NAMES), views={})
    told = preview(FORWARD, broken)
    assert told[0] == "the change to cluster-pool would be refused:"
    assert "node k8s-w2 is not ready" in told[1]


def test_nothing_is_told_where_nothing_will_happen() -> None:
    assert preview(FORWARD, world(configured=None)) == ()
    assert preview(replace(FORWARD, mode="kubernetes"), world()) == ()
    new = {name: (NEW[name],) for name in NAMES}
    moved = world(
        configured=Configured("cluster-pool", (POOL,), 24),
        cilium_nodes=with_pod_cidrs(**{name.replace("-", "_"): cidrs for name, cidrs in new.items()}),
        views={name: view(name, NEW, mode="cluster-pool") for name in NAMES},
    )
    assert preview(FORWARD, moved) == ()
    larger = replace(FORWARD, pools=(POOL, IPv4Network("172.24.0.0/16")))
    assert preview(larger, moved) == ("cluster-pool -> cluster-pool; nodes that get a new pod CIDR: none",)


def test_an_interrupted_migration_is_told_by_what_is_left_of_it() -> None:
    half = world(
        configured=Configured("cluster-pool", (POOL,), 24),
        cilium_nodes=with_pod_cidrs(k8s_w1=(NEW["k8s-w1"],), k8s_w2=(OLD["k8s-w2"], NEW["k8s-w2"])),
        views={},
    )
    told = preview(FORWARD, replace(half, pods=tuple(p for p in half.pods if p.name != "web-1")))
    assert told[0].endswith("new pod CIDR: k8s-w2 -> 172.20.2.0/24, k8s-cp -> 172.20.0.0/24")


def test_a_cluster_that_does_not_answer_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'dial tcp: no route to host' >&2\nexit 1\n")
    kubectl.chmod(kubectl.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    told = preview_live(FORWARD, "apiVersion: v1")
    assert len(told) == 1
    assert "does not answer" in told[0]
    assert "no route to host" in told[0]
