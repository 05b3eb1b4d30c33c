"""The Helm values: every one of the seed, the derived ones, and what the chart's own schema says to them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airgap.recipes import RECIPES
from airgap.recipes.upstream import images_of_release, in_place_of
from cilium_lab.artifacts.bundle import ONLINE, Artifacts
from cilium_lab.config.chart_values import refuse_unfit
from cilium_lab.config.errors import Problems
from cilium_lab.config.load import parse
from cilium_lab.config.reserved_values import RESERVED, refuse_reserved
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, KUBERNETES, release_name
from cilium_lab.paths import CURRENT
from components.cilium.values import HUBBLE_METRICS, merge, values
from tests.helpers.chart import chart

BUNDLE = Artifacts(
    images=frozenset(f"quay.io/cilium/{name}:v{CILIUM}" for name in ("cilium", "operator-generic", "hubble-relay")),
)
STACKS: dict[str, tuple[dict[str, Any], Artifacts]] = {
    "lab": ({"machines": "vm", "artifacts": "online"}, ONLINE),
    "embedded": ({"machines": "container", "artifacts": "bundle"}, BUNDLE),
    "downloaded": (
        {"machines": "container", "artifacts": "bundle"},
        Artifacts(images=frozenset(images_of_release(CILIUM).values())),
    ),
}
MODES: dict[str, dict[str, Any]] = {
    "kubernetes": {},
    "cluster-pool": {"ipamMode": "cluster-pool"},
    "multi-pool": {"ipamMode": "multi-pool"},
    "vxlan": {"routingMode": "tunnel"},
    "geneve": {"routingMode": "tunnel", "tunnelProtocol": "geneve"},
    "iptables": {"masquerade": "iptables"},
}
# The seed's --set flags as the chart gets them, but for ipv4NativeRoutingCIDR, which it had wrong.
SEED: dict[str, Any] = {
    "k8sServiceHost": "172.31.1.10",
    "k8sServicePort": 6443,
    "ipam.mode": "kubernetes",
    "k8s.requireIPv4PodCIDR": True,
    "routingMode": "native",
    "autoDirectNodeRoutes": True,
    "endpointRoutes.enabled": True,
    "kubeProxyReplacement": True,
    "bpf.masquerade": True,
    "installNoConntrackIptablesRules": True,
    "endpointHealthChecking.enabled": False,
    "healthChecking": False,
    "hubble.enabled": True,
    "hubble.relay.enabled": True,
    "hubble.ui.enabled": True,
    "hubble.ui.service.type": "NodePort",
    "hubble.ui.service.nodePort": 30003,
    "prometheus.enabled": True,
    "operator.prometheus.enabled": True,
    "hubble.metrics.enableOpenMetrics": True,
    "hubble.metrics.enabled": [
        "dns", "drop", "tcp", "flow", "port-distribution", "icmp",
        "httpV2:exemplars=true;labelsContext=source_ip,source_namespace,source_workload,"
        "destination_ip,destination_namespace,destination_workload,traffic_direction",
    ],
    "operator.replicas": 1,
    "debug.enabled": True,
}  # fmt: skip


def at(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree[step]
    return tree


@pytest.mark.parametrize(("path", "wanted"), SEED.items())
def test_every_value_of_the_seed(path: str, wanted: object) -> None:
    seen = at(values(parse({})), path)
    assert seen == wanted
    assert type(seen) is type(wanted)


def test_native_range_holds_the_pods() -> None:
    assert values(parse({}))["ipv4NativeRoutingCIDR"] == "192.168.0.0/16"
    assert values(parse({"podCidr": "10.20.0.0/16"}))["ipv4NativeRoutingCIDR"] == "10.20.0.0/16"


def test_a_migration_changes_ipam_alone() -> None:
    before, after = values(parse({})), values(parse({"ipamMode": "cluster-pool"}))
    assert {key for key in before | after if before.get(key) != after.get(key)} == {"ipam"}


def test_cluster_pool_lists_the_new_range_first_and_the_old_one_after_it() -> None:
    ipam = at(values(parse({"ipamMode": "cluster-pool"})), "ipam")
    assert ipam["operator"] == {
        "clusterPoolIPv4PodCIDRList": ["172.20.0.0/16", "192.168.0.0/16"],
        "clusterPoolIPv4MaskSize": 24,
    }


def test_multi_pool_waits_for_no_pod_cidr() -> None:
    tree = values(parse({"ipamMode": "multi-pool"}))
    assert at(tree, "k8s.requireIPv4PodCIDR") is False
    pools = at(tree, "ipam.operator.autoCreateCiliumPodIPPools")
    assert pools == {"default": {"ipv4": {"cidrs": ["172.20.0.0/16"], "maskSize": 24}}}


def test_helm_never_restarts_an_agent() -> None:
    tree = values(parse({}))
    assert tree["updateStrategy"] == {"type": "OnDelete"}
    assert tree["rollOutCiliumPods"] is True  # a new revision of the template, by which the rollout knows who is behind
    assert values(parse({"ipamMode": "multi-pool"}))["rollOutCiliumPods"] is True


def test_operators_that_can_turn_pod_cidrs_into_those_of_a_pool_are_told_to() -> None:
    pooled = {"ipamMode": "multi-pool"}
    *_, last_but_one, newest = CILIUM_RELEASES
    flag = {"enable-cluster-pool-to-multi-pool-migration": "true"}
    assert values(parse({**pooled, "versions": {"cilium": newest}}))["extraConfig"] == flag
    assert "extraConfig" not in values(parse({**pooled, "versions": {"cilium": last_but_one}}))
    assert "extraConfig" not in values(parse({"versions": {"cilium": newest}}))
    mine = {"ciliumValues": {"extraConfig": {"mine": "1"}}, "versions": {"cilium": newest}}
    assert values(parse({**pooled, **mine}))["extraConfig"] == {**flag, "mine": "1"}


def test_iptables_masquerading_drops_what_its_agent_refuses() -> None:
    tree = values(parse({"masquerade": "iptables"}))
    assert tree["installNoConntrackIptablesRules"] is False
    assert tree["autoDirectNodeRoutes"] is True


def test_tunnel_drops_what_its_agent_refuses() -> None:
    tree = values(parse({"routingMode": "tunnel", "tunnelProtocol": "geneve"}))
    assert tree["tunnelProtocol"] == "geneve"
    assert tree["autoDirectNodeRoutes"] is False
    assert tree["installNoConntrackIptablesRules"] is False
    assert "ipv4NativeRoutingCIDR" not in tree


def test_iptables_goes_without_the_bpf_list() -> None:
    tree = values(parse({"masquerade": "iptables", "ipamMode": "cluster-pool"}))
    assert at(tree, "bpf.masquerade") is False
    assert at(tree, "ipMasqAgent.enabled") is False
    assert tree["ipv4NativeRoutingCIDR"] == "172.20.0.0/16"


def test_a_bundle_runs_what_it_has() -> None:
    tree = values(parse({"artifacts": "bundle"}), BUNDLE)
    assert at(tree, "envoy.enabled") is False
    assert tree["disableEnvoyVersionCheck"] is True
    assert at(tree, "hubble.ui") == {"enabled": False}
    for image in ("image", "operator.image", "hubble.relay.image"):
        assert at(tree, image) == {"useDigest": False, "pullPolicy": "IfNotPresent"}


def test_a_bundle_with_envoy_and_interface_runs_them() -> None:
    more = {f"quay.io/cilium/{name}:v1" for name in ("cilium-envoy", "hubble-ui", "hubble-ui-backend")}
    tree = values(parse({"artifacts": "bundle"}), Artifacts(images=frozenset((BUNDLE.images or set()) | more)))
    assert at(tree, "envoy.enabled") is True
    assert at(tree, "hubble.ui.enabled") is True


def test_upstreams_images_keep_their_digests() -> None:
    tree = values(parse({}))
    assert "image" not in tree
    assert at(tree, "envoy.enabled") is True


def test_more_values_are_laid_under_the_programs() -> None:
    given = {"bpf": {"mapDynamicSizeRatio": 0.005}, "hubble": {"relay": {"replicas": 2}}, "l7Proxy": False}
    tree = values(parse({"ciliumValues": given}))
    assert at(tree, "bpf") == {"mapDynamicSizeRatio": 0.005, "masquerade": True}
    surging = {"rollingUpdate": {"maxUnavailable": 0}}
    assert at(tree, "hubble.relay") == {
        "replicas": 2,
        "enabled": True,
        "rollOutPods": True,
        "updateStrategy": surging,
    }
    assert tree["l7Proxy"] is False


def test_merge_leaves_its_arguments_alone() -> None:
    under: dict[str, object] = {"a": {"b": 1}}
    assert merge(under, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert under == {"a": {"b": 1}}


@pytest.mark.parametrize("version", CILIUM_RELEASES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", MODES)
def test_the_chart_takes_them(mode: str, stack: str, version: str) -> None:
    """By the chart's own schema, and by the types that are made of it, which are closed."""
    raw, artifacts = STACKS[stack]
    schema = json.loads((chart(version) / "values.schema.json").read_text())
    # Through JSON, as they go to Helm.
    lab = parse({**raw, **MODES[mode], "versions": {"cilium": version}})
    rendered = json.loads(json.dumps(values(lab, artifacts)))
    jsonschema.Draft7Validator(schema).validate(rendered)
    problems = Problems()
    refuse_unfit(rendered, version, problems)
    assert problems.errors == []


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("mode", MODES)
def test_every_value_is_reserved(mode: str, stack: str) -> None:
    """Whatever the program sets, nobody else can: a value that is not in RESERVED could be set twice."""
    raw, artifacts = STACKS[stack]
    tree = values(parse({**raw, **MODES[mode]}), artifacts)
    for path in _leaves(tree):
        problems = Problems()
        single: Any = True
        for step in reversed(path.split(".")):
            single = {step: single}
        refuse_reserved(single, problems)
        assert problems.errors, path


def test_what_is_reserved_is_set_or_must_stay_unset() -> None:
    """RESERVED has no entry that outlived its value."""
    releases = [{"versions": {"cilium": version}} for version in CILIUM_RELEASES]
    every = [
        values(parse({**raw, **mode, **release}), artifacts)
        for raw, artifacts in STACKS.values()
        for mode in MODES.values()
        for release in releases
    ]
    paths = {path for tree in every for path in _leaves(tree)}
    unset = {"enableIPv4Masquerade"}
    for reserved in RESERVED:
        used = any(f"{path}.".startswith(f"{reserved}.") for path in paths)
        assert used != (reserved in unset), reserved


def rendered(tree: dict[str, object], version: str, folder: Path) -> list[dict[str, Any]]:
    """What Helm makes of these values."""
    helm = shutil.which("helm", path=str(CURRENT / "bundle" / "bin")) or shutil.which("helm")
    if helm is None:
        pytest.skip("no helm here: neither built (./lab build) nor installed")
    file = folder / "values.json"
    file.write_text(json.dumps(tree))
    cluster = ["--namespace", "kube-system", "--kube-version", KUBERNETES]
    arguments = [helm, "template", "cilium", chart(version), *cluster, "-f", file]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.mark.parametrize("version", CILIUM_RELEASES)
def test_a_bundle_of_upstreams_has_every_image_that_the_chart_names(version: str, tmp_path: Path) -> None:
    """By tag: the archives that containerd imports do not know the digests of upstream's indexes."""
    recipes = {recipe.name: recipe for recipe in in_place_of(RECIPES)}
    bundle = recipes["bundle" if version == CILIUM else release_name(version)]
    had = {f"image-{name}": ref for name, ref in images_of_release(version).items()}
    assert set(had) <= set(bundle.needs)
    artifacts = Artifacts(images=frozenset(had.values()))
    documents = rendered(
        values(parse({"artifacts": "bundle", "versions": {"cilium": version}}), artifacts), version, tmp_path
    )
    named = set(re.findall(r"image: \"?([^\s\"]+)", yaml.safe_dump_all(documents)))
    assert len(named) == 6
    assert named <= set(had.values())


@pytest.mark.parametrize("version", CILIUM_RELEASES)
@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        ("kubernetes", {"ipam": "kubernetes", "ipv4-native-routing-cidr": "192.168.0.0/16"}),
        ("kubernetes", {"enable-ip-masq-agent": "true", "enable-bpf-masquerade": "true", "debug": "true"}),
        ("kubernetes", {"kube-proxy-replacement": "true", "k8s-require-ipv4-pod-cidr": "true"}),
        ("kubernetes", {"routing-mode": "native", "auto-direct-node-routes": "true", "enable-endpoint-routes": "true"}),
        ("kubernetes", {"hubble-metrics": " ".join(HUBBLE_METRICS)}),
        ("cluster-pool", {"cluster-pool-ipv4-cidr": "172.20.0.0/16 192.168.0.0/16"}),
        ("multi-pool", {"auto-create-cilium-pod-ip-pools": "default=ipv4-cidrs:172.20.0.0/16;ipv4-mask-size:24"}),
        ("geneve", {"routing-mode": "tunnel", "tunnel-protocol": "geneve"}),
    ],
)
def test_helm_makes_the_agents_settings_of_them(
    mode: str, settings: dict[str, str], version: str, tmp_path: Path
) -> None:
    documents = rendered(values(parse({**MODES[mode], "versions": {"cilium": version}})), version, tmp_path)
    (config,) = [d["data"] for d in documents if d["kind"] == "ConfigMap" and d["metadata"]["name"] == "cilium-config"]
    assert {key: " ".join(config[key].split()) for key in settings} == settings
    # The program owns this one: Helm must neither make nor remove it.
    assert not [d for d in documents if d["metadata"]["name"] == "ip-masq-agent"]


def _leaves(tree: Any, prefix: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return [prefix.removesuffix(".")]
    return [path for key, value in tree.items() for path in _leaves(value, f"{prefix}{key}.")]
