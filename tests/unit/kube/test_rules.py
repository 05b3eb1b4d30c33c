"""What a pod's specification says about where it may run: selectors, tolerations, requests, the rest of its rules."""

from __future__ import annotations

from typing import Any

import pytest

from cilium_lab.kube.rules import DEFAULT_GRACE, rules, tolerates
from cilium_lab.kube.selectors import matches, node_term


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        (None, {"app": "web"}, False),
        ({}, {}, True),
        ({"matchLabels": {"app": "web"}}, {"app": "web", "x": "y"}, True),
        ({"matchLabels": {"app": "web"}}, {"app": "db"}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "web"]}]}, {"app": "web"}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": [""]}]}, {}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, {}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, {"app": ""}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, {"app": ""}, False),
    ],
)
def test_label_selectors(selector: dict[str, Any] | None, labels: dict[str, str], selected: bool) -> None:
    assert matches(selector, labels) is selected


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        ({}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, True),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}, True),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}, False),
        ({"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["3"]}]}, True),
        ({"matchExpressions": [{"key": "cores", "operator": "Lt", "values": ["4"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["3"]}]}, False),
    ],
)
def test_node_selector_terms(term: dict[str, Any], fits: bool) -> None:
    assert node_term(term, "n1", {"zone": "a", "cores": "4"}) is fits


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "b", "operator": "Exists"}, False),
        ({"key": "a", "value": "1"}, True),
        ({"key": "a", "value": "2"}, False),
        ({"key": "a", "value": "1", "effect": "NoExecute"}, False),
        ({"key": "a", "value": "1", "effect": "NoSchedule"}, True),
    ],
)
def test_tolerations(toleration: dict[str, str], tolerated: bool) -> None:
    assert tolerates([toleration], "a", "1", "NoSchedule") is tolerated


def cpu(amount: str, **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": amount}}, **more}


@pytest.mark.parametrize(
    ("spec", "millicores"),
    [
        ({"containers": [cpu("100m"), cpu("0.2")]}, 300),
        ({"containers": [cpu("100m")], "initContainers": [cpu("1"), cpu("500m")]}, 1000),
        # a sidecar stays beside what starts after it
        ({"containers": [cpu("100m")], "initContainers": [cpu("50m", restartPolicy="Always"), cpu("300m")]}, 350),
        ({"containers": [cpu("100m")], "initContainers": [cpu("300m"), cpu("50m", restartPolicy="Always")]}, 300),
        ({"containers": [cpu("100m")], "overhead": {"cpu": "40m"}}, 140),
        ({"containers": [{"resources": {"limits": {"cpu": "70m"}}}]}, 70),
        ({"containers": [cpu("100m")], "resources": {"requests": {"cpu": "250m"}}}, 250),
    ],
)
def test_a_pod_requests_what_it_needs_at_its_start_and_later(spec: dict[str, Any], millicores: int) -> None:
    assert rules(spec).requests["cpu"] == millicores


@pytest.mark.parametrize(
    ("container", "least", "most"),
    [
        ({}, 0, 0),
        ({"readinessProbe": {"initialDelaySeconds": 15}}, 15, 15),
        ({"readinessProbe": {"periodSeconds": 60, "successThreshold": 3}}, 120, 120),
        ({"startupProbe": {"periodSeconds": 10, "failureThreshold": 60}}, 0, 590),
        (
            {"startupProbe": {"initialDelaySeconds": 5}, "readinessProbe": {"initialDelaySeconds": 7}},
            12,
            32,
        ),
    ],
)
def test_for_how_long_its_probes_make_a_pod_wait(container: dict[str, Any], least: int, most: int) -> None:
    found = rules({"containers": [{}, container]})
    assert (found.start, found.slowest) == (least, most)


def test_the_rest_of_the_rules() -> None:
    term = {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "zone", "namespaces": ["a"]}
    found = rules(
        {
            "nodeSelector": {"disk": "ssd"},
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}},
                "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [{**term, "namespaceSelector": {}}],
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
                },
            },
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
                {"maxSkew": 2, "topologyKey": "host", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 3},
            ],
            "containers": [
                {"ports": [{"containerPort": 80}, {"hostPort": 53, "protocol": "UDP", "hostIP": "10.0.0.1"}]},
                {"ports": [{"hostPort": 80}], "readinessProbe": {"initialDelaySeconds": 25}},
            ],
            "volumes": [
                {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "b", "ephemeral": {}},
                {"name": "c", "emptyDir": {}},
            ],
            "priority": 7,
            "preemptionPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
        },
    )
    assert (found.node_selector, found.node_terms) == ({"disk": "ssd"}, ({},))
    assert [(one.topology, one.namespaces, one.namespace_selector) for one in (*found.near, *found.apart)] == [
        ("zone", ("a",), None),
        ("zone", ("a",), {}),
    ]
    assert [(one.max_skew, one.topology, one.min_domains) for one in found.spread] == [(2, "host", 3)]
    assert found.host_ports == {("10.0.0.1", "UDP", 53), ("0.0.0.0", "TCP", 80)}
    assert (found.claims, found.scratch, found.ephemeral) == (("data",), ("c",), ("b",))
    assert (found.priority, found.preempts, found.grace, found.start) == (7, False, 0, 25)
    empty = rules({})
    assert (empty.grace, empty.preempts, empty.node_terms, empty.requests) == (DEFAULT_GRACE, True, None, {})
