"""The policies on Cilium: both stacks pass, and the smallest mistake is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies import cilium
from policies.resource import UNKNOWN
from policies.typed_values import TYPED, leaves
from tests.helpers.policy_rules import (
    Case,
    assert_refused,
    both,
    findings,
    replacing,
    setting,
    without,
)
from tests.helpers.recorded_lab import STACKS, changed, lab, record_lab, seen

RELEASE, LIST, INIT = "cilium-release", "cilium-masquerade", "k8s-cp-kubeadm-init"
ROUTING, POOL = "cilium-native-routing-covers-pods", "cilium-pool-only-grows"
MASQUERADE, PROXY = "cilium-masquerade-list-covers-ranges", "cilium-kube-proxy-replacement"
ROLL, TYPED_VALUES = "cilium-agents-roll-by-migration", "cilium-values-typed"
MODES = ("kubernetes", "cluster-pool", "multi-pool")


def value(path: str, new: object) -> Any:
    return setting(RELEASE, f"values.{path}", new)


def listing(*cidrs: str) -> Any:
    return setting(LIST, "data.config", json.dumps({"nonMasqueradeCIDRs": cidrs}))


SEED = both(value("ipv4NativeRoutingCIDR", "10.244.0.0/16"), value("ipMasqAgent", None), without(LIST))
"""The study's own values: no list, and a native range that holds no pod."""

CASES: list[Case] = [
    (ROUTING, "embedded", SEED, "pods get addresses of 192.168.0.0/16 (kubeadm's podSubnet), and neither"),
    (ROUTING, "lab", SEED, "ipv4NativeRoutingCIDR 10.244.0.0/16 holds no pod"),
    (ROUTING, "embedded", value("ipv4NativeRoutingCIDR", "10.244.0.0/16"), "10.244.0.0/16 holds no pod"),
    (ROUTING, "embedded", value("ipv4NativeRoutingCIDR", None), "native routing needs an IPv4 range"),
    (ROUTING, "embedded", both(value("ipv4NativeRoutingCIDR", "192.168.0.0/17"), value("ipMasqAgent", None)), "192.1"),
    (MASQUERADE, "embedded", without(LIST), "no ConfigMap ip-masq-agent"),
    (MASQUERADE, "embedded", setting(LIST, "metadata.namespace", "default"), "no ConfigMap ip-masq-agent"),
    (MASQUERADE, "embedded", listing(), "an empty list"),
    (MASQUERADE, "embedded", listing("172.20.0.0/16"), "lacks 192.168.0.0/16"),
    (MASQUERADE, "embedded", listing("192.168.0.0/16", "10.0.0.0/8"), "overlaps 10.10.0.0/16 (the router's network"),
    (MASQUERADE, "embedded", listing("192.168.0.0/16", "172.16.0.0/12"), "overlaps 172.31.0.0/20 (the node network"),
    (PROXY, "embedded", value("k8sServiceHost", None), "k8sServiceHost is not set"),
    (PROXY, "lab", value("k8sServicePort", ""), "k8sServicePort is not set"),
    (PROXY, "embedded", value("kubeProxyReplacement", False), "kubeadm installs no kube-proxy"),
    (ROLL, "embedded", value("updateStrategy", None), "updateStrategy.type is RollingUpdate, the default"),
    (ROLL, "embedded", value("updateStrategy.type", "RollingUpdate"), "is RollingUpdate"),
    (ROLL, "lab", value("rollOutCiliumPods", False), "rollOutCiliumPods is off, so that a changed setting reaches no"),
    (ROLL, "embedded", setting(RELEASE, "recreatePods", True), "recreatePods is on"),
    (TYPED_VALUES, "embedded", value("bpf.mapDynamicSizeRatio", 0.005), "bpf.mapDynamicSizeRatio is none"),
    (TYPED_VALUES, "embedded", value("nonsense", 1), "nonsense is none"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[3]}")
def test_the_smallest_mistake_is_found(case: Case) -> None:
    assert_refused(case)


def test_every_rule_has_a_mistake() -> None:
    # The pool needs a lab in another mode, and has tests of its own.
    assert {case[0] for case in CASES} | {POOL} == {rule.name for rule in cilium.RULES}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stack", STACKS)
def test_every_mode_passes(stack: str, mode: str) -> None:
    resources = seen(record_lab(stack, ipamMode=mode))
    for rule in cilium.RULES:
        assert findings(rule.name, resources) == []


@pytest.mark.parametrize("config", [{"routingMode": "tunnel"}, {"masquerade": "iptables"}], ids=str)
@pytest.mark.parametrize("mode", ["kubernetes", "cluster-pool"])
def test_every_datapath_passes(mode: str, config: dict[str, Any]) -> None:
    resources = seen(record_lab("embedded", ipamMode=mode, **config))
    for rule in cilium.RULES:
        assert findings(rule.name, resources) == []


def pooled() -> Any:
    return seen(record_lab("embedded", ipamMode="cluster-pool"))


def test_the_pool_keeps_what_kubernetes_gave_out() -> None:
    path = "values.ipam.operator.clusterPoolIPv4PodCIDRList"
    assert findings(POOL, pooled()) == []
    found = findings(POOL, changed(pooled(), RELEASE, path, ["172.20.0.0/16"]))
    assert found == [f"{RELEASE}: the pool (172.20.0.0/16) lacks 192.168.0.0/16, kubeadm's podSubnet"]


def test_the_pool_keeps_what_the_option_holds() -> None:
    assert findings(POOL, pooled(), held=["172.20.4.0/22"]) == []
    found = findings(POOL, pooled(), held=["172.21.0.0/16"])
    assert found == [
        f"{RELEASE}: the pool (172.20.0.0/16, 192.168.0.0/16) lacks 172.21.0.0/16, named by the option held"
    ]


def test_the_list_covers_what_the_option_says_is_in_use() -> None:
    assert findings(MASQUERADE, lab("embedded"), inUse=["172.20.0.0/16"]) == []
    assert findings(MASQUERADE, lab("embedded"), inUse=["172.21.0.0/16"]) == [
        f"{RELEASE}: nonMasqueradeCIDRs lacks 172.21.0.0/16 (in use)"
    ]


def test_a_pool_range_that_neither_covers_is_named() -> None:
    found = findings(ROUTING, listing("192.168.0.0/16")(pooled()))
    assert len(found) == 1
    assert "172.20.0.0/16 (a range of Cilium's pool)" in found[0]


def test_two_halves_cover_the_whole() -> None:
    halves = listing("172.20.0.0/17", "172.20.128.0/17", "192.168.0.0/16")
    assert findings(ROUTING, halves(pooled())) == []
    assert findings(MASQUERADE, halves(pooled())) == []


def test_a_stated_reason_allows_a_value_and_what_is_below_it() -> None:
    resources = value("bpf.mapDynamicSizeRatio", 0.005)(lab("embedded"))
    for path in ("bpf.mapDynamicSizeRatio", "bpf"):
        assert findings(TYPED_VALUES, resources, reasons={path: "the lab is small"}) == []
    assert findings(TYPED_VALUES, resources, reasons={"bpf": " "}) != []
    assert findings(TYPED_VALUES, resources, reasons={"bpf.mapDynamicSize": "another key"}) != []


def test_the_typed_set_is_what_the_program_sets() -> None:
    configs: list[dict[str, Any]] = [{"ipamMode": mode} for mode in MODES] + [{"routingMode": "tunnel"}]
    recorded = [seen(record_lab(stack, **config)) for stack in STACKS for config in configs]
    # A bundle without Envoy has the program set one value more.
    recorded.append(seen(record_lab("embedded", held_back="quay.io/cilium/cilium-envoy")))
    used = {path for resources in recorded for path in leaves(values_of(resources))}
    assert used == set(TYPED)


def values_of(resources: Any) -> dict[str, object]:
    release = next(resource for resource in resources if resource.name == RELEASE)
    return dict(release.props["values"])


@pytest.mark.parametrize("name", [rule.name for rule in cilium.RULES])
def test_what_a_preview_can_not_know_is_no_fault(name: str) -> None:
    unknown = both(setting(RELEASE, "values", UNKNOWN), setting(LIST, "data", UNKNOWN))(lab("embedded"))
    assert findings(name, unknown) == []


def test_the_range_of_kubeadm_is_read_from_its_documents() -> None:
    moved = replacing(INIT, "stdin", "podSubnet: 192.168.0.0/16", "podSubnet: 192.169.0.0/16")(lab("lab"))
    assert any("192.169.0.0/16" in finding for finding in findings(ROUTING, moved))
