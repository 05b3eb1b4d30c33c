"""The workloads: what their manifests promise, and what the component registers."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from cilium_lab.config.load import parse
from components.manifest import declare, type_token
from components.workloads.manifests import (
    POOL_ANNOTATION,
    curl_pod,
    webpod_budget,
    webpod_deployment,
    webpod_service,
)
from components.workloads.workloads import Workloads
from tests.helpers.pulumi_recorder import Recording, record

IMAGE = "example.test/echo:1"


def template() -> dict[str, Any]:
    pod: dict[str, Any] = webpod_deployment(IMAGE)["spec"]["template"]
    return pod


def test_webpods_are_kept_apart_by_a_label_that_they_carry() -> None:
    rules = template()["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    selected = rules[0]["labelSelector"]["matchLabels"]
    assert rules[0]["topologyKey"] == "kubernetes.io/hostname"
    assert selected
    assert selected.items() <= template()["metadata"]["labels"].items()


def test_webpod_keeps_every_replica_while_it_rolls() -> None:
    spec = webpod_deployment(IMAGE)["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_webpod_serves_on_while_it_terminates() -> None:
    pod = template()["spec"]
    container = pod["containers"][0]
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert 0 < pause < pod["terminationGracePeriodSeconds"]
    assert container["readinessProbe"]["httpGet"]["port"] == 80


def test_webpod_is_not_best_effort() -> None:
    assert template()["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "200m"


@pytest.mark.parametrize("selecting", [webpod_service()["spec"]["selector"], webpod_budget()["spec"]["selector"]])
def test_service_and_budget_select_the_pods(selecting: dict[str, Any]) -> None:
    wanted = selecting.get("matchLabels", selecting)
    assert wanted
    assert wanted.items() <= template()["metadata"]["labels"].items()


def test_service_is_the_studys() -> None:
    spec = webpod_service()["spec"]
    assert spec["type"] == "ClusterIP"
    assert (spec["ports"][0]["port"], spec["ports"][0]["targetPort"]) == (80, 80)


def test_budget_allows_one_eviction() -> None:
    assert webpod_budget()["spec"]["maxUnavailable"] == 1


def test_curl_pod_is_the_studys() -> None:
    spec = curl_pod(IMAGE, "k8s-cp")["spec"]
    container = spec["containers"][0]
    assert spec["nodeName"] == "k8s-cp"
    assert spec["terminationGracePeriodSeconds"] == 0
    assert (container["command"], container["args"]) == (["tail"], ["-f", "/dev/null"])


def test_type_tokens_are_those_of_the_sdk() -> None:
    # The SDK's classes carry their token, but its type stubs don't say so.
    apps: Any = k8s.apps.v1.Deployment
    core: Any = k8s.core.v1.Service
    policy: Any = k8s.policy.v1.PodDisruptionBudget
    assert type_token(webpod_deployment(IMAGE)) == apps.pulumi_type
    assert type_token(webpod_service()) == core.pulumi_type
    assert type_token(webpod_budget()) == policy.pulumi_type


def test_a_manifest_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"box: .*ConfigMap.*metadata\.name"):
        declare("box", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, opts=pulumi.ResourceOptions())


@pytest.fixture
def recording() -> Recording:
    return recorded(None)


def recorded(sample_pool: IPv4Network | None) -> Recording:
    lab = parse({"ipamMode": "multi-pool"})
    images = lab.images.model_copy(update={"webpod": "echo:1", "debug": "tools:1"})
    config = lab.model_copy(update={"images": images, "sample_pool": sample_pool})

    def program() -> None:
        provider = k8s.Provider("cluster")
        machine = pulumi.ComponentResource("test:index:Machine", "machine")
        Workloads("workloads", config, provider=provider, opts=pulumi.ResourceOptions(deleted_with=machine))

    return record(program)


def test_component_registers_its_children(recording: Recording) -> None:
    children = {item.name: item for item in recording.registered if item.parent == "workloads"}
    assert {name: item.token for name, item in children.items()} == {
        "workloads-webpod": "kubernetes:apps/v1:Deployment",
        "workloads-webpod-service": "kubernetes:core/v1:Service",
        "workloads-webpod-budget": "kubernetes:policy/v1:PodDisruptionBudget",
        "workloads-curl-pod": "kubernetes:core/v1:Pod",
    }
    assert all("::cluster::" in item.provider for item in children.values())


def test_only_services_are_not_waited_for(recording: Recording) -> None:
    unwaited = {
        item.name
        for item in recording.registered
        if item.inputs.get("metadata", {}).get("annotations", {}).get("pulumi.com/skipAwait") == "true"
    }
    assert unwaited == {"workloads-webpod-service"}
    assert "annotations" not in webpod_service()["metadata"]


def test_component_passes_its_images_and_its_end_on(recording: Recording) -> None:
    found = recording.by_name()
    assert found["workloads"].token == "cilium-lab:workloads:Workloads"
    # Children inherit this from their parent inside the engine.
    assert found["workloads"].deleted_with.endswith("::machine")
    webpod = found["workloads-webpod"].inputs["spec"]["template"]["spec"]
    curl = found["workloads-curl-pod"].inputs["spec"]
    assert webpod["containers"][0]["image"] == "echo:1"
    assert (curl["containers"][0]["image"], curl["nodeName"]) == ("tools:1", "k8s-cp")
    assert recording.outputs["workloads"] == {}


def test_a_second_pool_comes_with_both_ways_to_request_it() -> None:
    found = recorded(IPv4Network("172.21.0.0/16")).by_name()
    assert found["workloads-pool"].token == "kubernetes:cilium.io/v2alpha1:CiliumPodIPPool"
    assert found["workloads-pool"].inputs["spec"]["ipv4"] == {"cidrs": ["172.21.0.0/16"], "maskSize": 24}
    pool = found["workloads-pool"].inputs["metadata"]["name"]
    annotations = {POOL_ANNOTATION: pool}
    own = found["workloads-pooled-by-pod"].inputs["spec"]["template"]["metadata"]
    assert own["annotations"] == annotations
    other = found["workloads-pooled-by-namespace"].inputs
    namespace = found["workloads-pooled-namespace"].inputs["metadata"]
    assert other["spec"]["template"]["metadata"]["annotations"] == {}
    assert (other["metadata"]["namespace"], namespace["annotations"]) == (namespace["name"], annotations)
    for name in ("workloads-pooled-by-pod", "workloads-pooled-by-namespace"):
        behind = {urn.rpartition("::")[2] for urn in found[name].request.dependencies}
        assert {"workloads-pool", "workloads-pooled-namespace"} <= behind
