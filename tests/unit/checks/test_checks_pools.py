"""The check of a second pool: a healthy answer, and answers that must make it fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.checks import cluster
from cilium_lab.checks.catalogue import catalogue
from tests.helpers.fake_lab import ALL_PODS, CILIUM_NODES, WANT, FakeLab, assert_fails, items, look, pod

REQUESTS = {"annotations": {"ipam.cilium.io/ip-pool": "sample"}}
MULTI = replace(WANT, ipam_mode="multi-pool", sample_pool="172.21.0.0/16")
BY_POD = pod("own", "172.21.0.5", "k8s-w1", metadata=REQUESTS)
BY_NAMESPACE = pod("theirs", "172.21.1.5", "k8s-w2", metadata={"namespace": "pooled"})
OTHER = pod("other", "172.20.0.5", "k8s-w2")
NAMESPACES = items({"metadata": {"name": "default"}}, {"metadata": {"name": "pooled", **REQUESTS}})


def answers(*pods: dict[str, Any]) -> dict[str, Any]:
    return {"GET /api/v1/namespaces$": NAMESPACES, ALL_PODS: items(*pods)}


def test_pods_that_request_the_pool_have_it_and_others_have_not() -> None:
    result = look(cluster.addresses_in_pool, answers(BY_POD, BY_NAMESPACE, OTHER), MULTI)
    assert result.ok
    assert "pooled/theirs 172.21.1.5" in result.seen


@pytest.mark.parametrize(
    ("pods", "seen"),
    [
        ((BY_NAMESPACE, OTHER), "no pod requests it by its own"),
        ((BY_POD, OTHER), "no pod requests it by its namespace's"),
        ((pod("own", "172.20.0.9", "k8s-w1", metadata=REQUESTS), BY_NAMESPACE), "default/own has 172.20.0.9"),
        ((BY_POD, pod("theirs", "172.20.1.5", "k8s-w2", metadata={"namespace": "pooled"})), "pooled/theirs has"),
        ((BY_POD, BY_NAMESPACE, pod("other", "172.21.0.7", "k8s-w2")), "default/other has 172.21.0.7"),
    ],
)
def test_each_way_to_fail(pods: tuple[dict[str, Any], ...], seen: str) -> None:
    assert_fails(look(cluster.addresses_in_pool, answers(*pods), MULTI), seen)


def test_it_is_checked_only_where_there_is_such_a_pool() -> None:
    name = "annotated pods have addresses of their pool"
    assert name in [check.name for check in catalogue(MULTI, FakeLab())]
    assert name not in [check.name for check in catalogue(WANT, FakeLab())]


def test_pod_cidrs_of_all_pools_count_as_the_nodes() -> None:
    allocated = [{"pool": "default", "cidrs": ["172.20.0.0/24"]}, {"pool": "sample", "cidrs": ["172.21.3.0/24"]}]
    node = {"metadata": {"name": "k8s-w1"}, "spec": {"ipam": {"pools": {"allocated": allocated}}}}
    found = FakeLab({CILIUM_NODES: items(node)}).cilium_nodes()
    assert [str(cidr) for cidr in found["k8s-w1"].pod_cidrs] == ["172.20.0.0/24", "172.21.3.0/24"]
