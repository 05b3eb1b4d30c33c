"""The policies on networks: both stacks pass, and the smallest mistake is found."""

from __future__ import annotations

from typing import Any

import pytest

from policies import network
from policies.resource import UNKNOWN
from tests.helpers.policy_rules import Case, assert_refused, findings, replacing, setting
from tests.helpers.recorded_lab import STACKS, changed, lab, record_lab, seen

INIT, RELEASE, NODES = "k8s-cp-kubeadm-init", "cilium-release", "networks-local-container-nodes"
PROMETHEUS, GRAFANA = "addons-monitoring-prometheus-service", "addons-monitoring-grafana-service"
RANGES, ADDRESSES, PORTS = "network-ranges-disjoint", "network-addresses-inside", "network-node-ports"


def port(name: str, number: object) -> Any:
    return setting(name, "spec.ports", [{"port": 80, "protocol": "TCP", "nodePort": number}])


CASES: list[Case] = [
    (
        RANGES,
        "embedded",
        replacing(INIT, "stdin", "podSubnet: 192.168.0.0/16", "podSubnet: 172.31.8.0/21"),
        "172.31.8.0/21 (kubeadm's podSubnet) overlaps 172.31.0.0/20 (the node network)",
    ),
    (
        RANGES,
        "lab",
        replacing(INIT, "stdin", "serviceSubnet: 10.96.0.0/12", "serviceSubnet: 10.10.0.0/16"),
        "10.10.0.0/16 (the Service range) overlaps 10.10.0.0/16 (the router's network)",
    ),
    (RANGES, "embedded", setting(NODES, "addresses", ["10.96.0.0/16"]), "10.96.0.0/12 (the Service range) overlaps"),
    (ADDRESSES, "embedded", setting("k8s-w1-node", "connection.host", "172.31.16.1"), "the host has 172.31.16.1"),
    (ADDRESSES, "embedded", setting("k8s-w1-node", "connection.host", "172.31.0.0"), "the host has 172.31.0.0"),
    (ADDRESSES, "lab", setting("k8s-w2-ready", "connection.host", "172.31.1.11"), "address of k8s-w1 and k8s-w2"),
    (ADDRESSES, "embedded", setting(RELEASE, "values.k8sServiceHost", "10.0.0.1"), "k8sServiceHost has 10.0.0.1"),
    (
        ADDRESSES,
        "embedded",
        replacing(INIT, "stdin", "advertiseAddress: 172.31.1.10", "advertiseAddress: 10.10.1.10"),
        "the API server has 10.10.1.10",
    ),
    (
        ADDRESSES,
        "embedded",
        replacing("k8s-w1-route", "create", "172.31.1.20", "172.30.1.20"),
        "the route's gateway has 172.30.1.20",
    ),
    (
        ADDRESSES,
        "lab",
        replacing("router-router", "create", "10.10.1.200/24", "10.11.1.200/24"),
        "link loop1 has 10.11.1.200",
    ),
    (PORTS, "embedded", port(PROMETHEUS, 29999), "29999 is not between 30000 and 32767"),
    (PORTS, "lab", port(PROMETHEUS, 32768), "32768 is not between"),
    (PORTS, "lab", port(GRAFANA, 30001), "30001/TCP is that of"),
    (PORTS, "lab", setting(RELEASE, "values.hubble.ui.service.nodePort", 30002), "30002/TCP is that of"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[3]}")
def test_the_smallest_mistake_is_found(case: Case) -> None:
    assert_refused(case)


def test_every_rule_has_a_mistake() -> None:
    assert {case[0] for case in CASES} == {rule.name for rule in network.RULES}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", ["cluster-pool", "multi-pool"])
def test_the_pool_stands_apart(stack: str, mode: str) -> None:
    assert findings(RANGES, seen(record_lab(stack, ipamMode=mode))) == []


def test_ranges_of_the_pool_are_judged() -> None:
    path = "values.ipam.operator.clusterPoolIPv4PodCIDRList"
    pooled = seen(record_lab("embedded", ipamMode="cluster-pool"))
    found = findings(RANGES, changed(pooled, RELEASE, path, ["192.168.0.0/17", "192.168.0.0/16"]))
    assert found == [
        f"{RELEASE}: 192.168.0.0/17 (a range of Cilium's pool) overlaps 192.168.0.0/16 (kubeadm's podSubnet)"
    ]
    twice = findings(RANGES, changed(pooled, RELEASE, path, ["172.20.0.0/16", "172.20.0.0/16", "192.168.0.0/16"]))
    assert twice == [f"{RELEASE}: the pool names 172.20.0.0/16 twice"]


def test_the_range_of_node_ports_may_be_set() -> None:
    assert findings(PORTS, lab("lab"), lowest=30002)[0].endswith("NodePort 30001 is not between 30002 and 32767")
    assert findings(PORTS, port(PROMETHEUS, 29999)(lab("lab")), lowest=29000) == []


def test_a_name_instead_of_an_address_is_not_judged() -> None:
    assert findings(ADDRESSES, setting("k8s-w1-node", "connection.host", "k8s-w1.example")(lab("lab"))) == []


@pytest.mark.parametrize("name", [rule.name for rule in network.RULES])
def test_what_a_preview_can_not_know_is_no_fault(name: str) -> None:
    resources = lab("embedded")
    for resource in lab("embedded"):
        for path in ("connection", "create", "stdin", "addresses", "values"):
            if resource.at(path) is not None:
                resources = changed(resources, resource.name, path, UNKNOWN)
    assert findings(name, resources) == []
