"""The add-ons: which of them can be had, what their manifests promise, and what the components register."""

from __future__ import annotations

import json
import logging
import re
from types import SimpleNamespace
from typing import Any

import pulumi_kubernetes as k8s
import pytest

from cilium_lab.artifacts.bundle import Artifacts
from cilium_lab.config.addons import ADDONS, HUBBLE_UI, Addon, Page
from cilium_lab.config.images import Images
from cilium_lab.config.load import parse
from cilium_lab.config.options import option_name
from cilium_lab.config.schema import BY_PATH, LabConfig
from cilium_lab.config.versions import IMAGES as DEFAULT_IMAGES
from components.addons import addons as addons_module
from components.addons import grafana, prometheus, storage
from components.addons import plan as plan_module
from components.addons.addons import Addons
from components.addons.descriptor import Descriptor, Object, checksum, descriptors
from components.addons.plan import addon_plan, checked_pages, page_urls, plan_addons
from tests.helpers.pulumi_recorder import Recording, record

IMAGES = {"storage": "store:1", "monitoring": "prom:1", "grafana": "graf:1"}
LAB = parse({})


# --- the plan


def test_a_wanted_addon_without_image_is_missing_with_the_bundles_reason() -> None:
    plan = plan_addons(["storage", "grafana"], {"storage": "store:1"}, {"grafana": "not on the proxy"})
    assert dict(plan.images) == {"storage": "store:1"}
    assert [str(item) for item in plan.missing] == ["grafana: not on the proxy"]


def test_an_addon_that_nobody_wants_is_neither_had_nor_missing() -> None:
    plan = plan_addons(["monitoring"], IMAGES)
    assert not plan.has("grafana")
    assert plan.missing == ()


def test_grafana_without_monitoring_would_have_nothing_to_show() -> None:
    assert plan_addons(["monitoring", "grafana"], {"grafana": "graf:1"}).missing[1].why == "it needs monitoring"
    assert not plan_addons(["grafana"], IMAGES).has("grafana")


def test_a_missing_addon_has_a_reason_even_if_the_bundle_gives_none() -> None:
    assert "no image" in plan_addons(["hubble-ui"], {}).missing[0].why


def test_pages_are_named_only_for_addons_that_are_there() -> None:
    plan = plan_addons(["monitoring", "grafana"], {"monitoring": "p:1"})
    assert page_urls(LAB, plan) == {"monitoring": "http://172.31.1.10:30001"}


def test_a_check_expects_the_pages_that_answer_at_their_root() -> None:
    plan = addon_plan(LAB, Artifacts())
    assert checked_pages(LAB, plan) == {
        "grafana": "http://172.31.1.10:30002",
        "hubble-ui": "http://172.31.1.10:30003",
    }


@pytest.mark.parametrize("name", [addon.name for addon in ADDONS])
def test_an_addon_that_is_switched_off_is_not_planned(name: str) -> None:
    (addon,) = (one for one in ADDONS if one.name == name)
    also = {one.field for one in ADDONS if one.needs == name}
    off = {option_name(field): False for field in {addon.field, *also}}
    plan = addon_plan(parse({"addons": off}), Artifacts())
    assert {one.name for one in ADDONS if not plan.has(one.name)} == {name, *also}
    assert plan.missing == ()


def test_an_addon_of_the_chart_needs_all_of_its_images() -> None:
    lab = parse({"artifacts": "bundle"})
    some = Artifacts(images=frozenset([f"{HUBBLE_UI.repositories[0]}:v1"]))
    every = Artifacts(images=frozenset(f"{repository}:v1" for repository in HUBBLE_UI.repositories))
    assert not addon_plan(lab, some).has("hubble-ui")
    assert addon_plan(lab, every).has("hubble-ui")


# --- the table, and what reads it


def test_the_configuration_has_the_options_of_the_table_with_its_defaults() -> None:
    options = {f"addons.{option_name(addon.field)}": addon.default for addon in ADDONS}
    options |= {f"nodePorts.{option_name(addon.page.field)}": addon.page.port for addon in ADDONS if addon.page}
    assert {path: option.default for path, option in BY_PATH.items() if path in options} == options
    assert {path for path in BY_PATH if path.startswith(("addons.", "nodePorts."))} == set(options)
    for addon in ADDONS:
        assert BY_PATH[f"addons.{option_name(addon.field)}"].description == addon.description


def test_every_addon_is_made_here_or_by_the_chart_and_its_images_are_pinned_or_the_charts() -> None:
    assert set(descriptors()) == {addon.name for addon in ADDONS if addon.image}
    images = Images.model_fields
    for addon in ADDONS:
        assert bool(addon.image) != bool(addon.repositories)
        assert not addon.image or (addon.image in DEFAULT_IMAGES and addon.image in images)


def test_an_addon_without_a_component_of_its_own_needs_one_that_is_listed_before() -> None:
    names = [addon.name for addon in ADDONS]
    for addon in ADDONS:
        assert not addon.needs or names.index(addon.needs) < names.index(addon.name)
    alone = {name for name, descriptor in descriptors().items() if not descriptor.component}
    assert alone <= {addon.name for addon in ADDONS if addon.needs}


# --- storage


def test_the_class_is_the_default_and_waits_for_a_consumer() -> None:
    found = storage.storage_class()
    assert found["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert found["volumeBindingMode"] == "WaitForFirstConsumer"
    assert (found["provisioner"], found["reclaimPolicy"]) == ("rancher.io/local-path", "Delete")


def test_the_namespace_lets_helper_pods_mount_host_paths() -> None:
    assert storage.namespace()["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


@pytest.mark.parametrize(
    ("binding", "role"),
    [
        (storage.cluster_role_binding(), storage.cluster_role()),
        (storage.helper_role_binding(), storage.helper_role()),
        (prometheus.cluster_role_binding(), prometheus.cluster_role()),
    ],
)
def test_bindings_refer_to_their_role_and_account(binding: dict[str, Any], role: dict[str, Any]) -> None:
    accounts = [storage.service_account()["metadata"], prometheus.service_account()["metadata"]]
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (
        role["kind"],
        role["metadata"]["name"],
    )
    assert {(s["name"], s["namespace"]) for s in binding["subjects"]} <= {
        (account["name"], account["namespace"]) for account in accounts
    }


def test_the_provisioner_may_write_volumes_but_not_read_secrets() -> None:
    rules = storage.cluster_role()["rules"]
    verbs = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    assert {"create", "delete"} <= verbs["persistentvolumes"]
    assert "secrets" not in verbs
    assert "*" not in {verb for granted in verbs.values() for verb in granted}


def test_the_provisioner_reads_the_config_that_is_mounted() -> None:
    spec = storage.deployment("store:1", "0")["spec"]["template"]["spec"]
    container = spec["containers"][0]
    data = storage.config_map("sh:1")["data"]
    path = container["command"][container["command"].index("--config") + 1]
    mount = container["volumeMounts"][0]["mountPath"]
    assert path.removeprefix(mount) in data
    assert spec["volumes"][0]["configMap"]["name"] == storage.config_map("sh:1")["metadata"]["name"]
    assert spec["serviceAccountName"] == storage.service_account()["metadata"]["name"]
    assert json.loads(data["helperPod.yaml"])["spec"]["containers"][0]["image"] == "sh:1"
    assert json.loads(data["config.json"])["nodePathMap"][0]["paths"] == ["/opt/local-path-provisioner"]


# --- Prometheus: its relabelling is run here on what service discovery says about Cilium's pods


def scraped(job: dict[str, Any], meta: dict[str, str]) -> dict[str, str] | None:
    """The labels that a discovered target ends up with, or None if it is dropped (keep, drop, replace)."""
    labels = dict(meta)
    for rule in job["relabel_configs"]:
        value = rule.get("separator", ";").join(labels.get(name, "") for name in rule.get("source_labels", []))
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        action = rule.get("action", "replace")
        if (action == "keep" and not match) or (action == "drop" and match):
            return None
        if action == "replace" and match:
            replacement = re.sub(r"\$(\d)", r"\\\1", rule.get("replacement", "$1"))
            labels[rule["target_label"]] = match.expand(replacement)
    return labels


def discovered(labels: dict[str, str], port_name: str, number: int, **annotations: str) -> dict[str, str]:
    prefix = "__meta_kubernetes_pod"
    return {
        "__address__": f"172.31.1.11:{number}",
        f"{prefix}_ip": "172.31.1.11",
        f"{prefix}_name": "the-pod",
        f"{prefix}_node_name": "k8s-w1",
        f"{prefix}_container_port_name": port_name,
        "__meta_kubernetes_namespace": "kube-system",
        **{f"{prefix}_label_{key}": value for key, value in labels.items()},
        **{f"{prefix}_annotation_prometheus_io_{key}": value for key, value in annotations.items()},
    }


def jobs_that_scrape(meta: dict[str, str]) -> dict[str, dict[str, str]]:
    jobs = [job for job in prometheus.scrape_config()["scrape_configs"] if "relabel_configs" in job]
    return {job["job_name"]: labels for job in jobs if (labels := scraped(job, meta)) is not None}


AGENT = {"k8s_app": "cilium", "app_kubernetes_io_part_of": "cilium"}
OPERATOR = {"io_cilium_app": "operator", "name": "cilium-operator", "app_kubernetes_io_part_of": "cilium"}


@pytest.mark.parametrize(
    ("labels", "port", "number", "job"),
    [
        (AGENT, "prometheus", 9962, "cilium-agent"),
        (AGENT, "hubble-metrics", 9965, "hubble"),
        (OPERATOR, "prometheus", 9963, "cilium-operator"),
    ],
)
def test_each_of_ciliums_ports_has_exactly_one_job(labels: dict[str, str], port: str, number: int, job: str) -> None:
    # The chart annotates its pods as well; that must not make a second job scrape them.
    found = jobs_that_scrape(discovered(labels, port, number, scrape="true", port=str(number)))
    assert list(found) == [job]
    assert found[job]["__address__"] == f"172.31.1.11:{number}"
    assert (found[job]["node"], found[job]["pod"], found[job]["k8s_app"]) == ("k8s-w1", "the-pod", "cilium")


def test_ciliums_other_ports_are_not_scraped() -> None:
    assert jobs_that_scrape(discovered(AGENT, "peer-service", 4244)) == {}


def test_an_annotated_pod_is_scraped_where_its_annotations_say() -> None:
    meta = discovered({"app": "mine"}, "http", 80, scrape="true", port="8080", path="/stats")
    found = jobs_that_scrape(meta)
    assert list(found) == ["annotated-pods"]
    assert found["annotated-pods"]["__address__"] == "172.31.1.11:8080"
    assert found["annotated-pods"]["__metrics_path__"] == "/stats"


def test_a_pod_without_annotation_is_left_alone() -> None:
    assert jobs_that_scrape(discovered({"app": "webpod"}, "http", 80)) == {}


def test_the_config_file_is_the_config() -> None:
    assert json.loads(prometheus.config_map()["data"]["prometheus.yaml"]) == prometheus.scrape_config()


@pytest.mark.parametrize("deployment", [prometheus.deployment("p:1", "0"), grafana.deployment("g:1", "0")])
def test_monitoring_keeps_to_the_restricted_level_of_its_namespace(deployment: dict[str, Any]) -> None:
    assert prometheus.namespace()["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert {next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} <= {"configMap", "emptyDir"}


@pytest.mark.parametrize(
    ("service", "deployment", "port"),
    [
        (prometheus.service(30001), prometheus.deployment("p:1", "0"), 30001),
        (grafana.service(30002), grafana.deployment("g:1", "0"), 30002),
    ],
)
def test_pages_are_node_ports_of_their_pods(service: dict[str, Any], deployment: dict[str, Any], port: int) -> None:
    pod = deployment["spec"]["template"]
    entry = service["spec"]["ports"][0]
    assert service["spec"]["type"] == "NodePort"
    assert entry["nodePort"] == port
    assert entry["targetPort"] == pod["spec"]["containers"][0]["ports"][0]["containerPort"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_grafana_finds_prometheus_and_every_mounted_file() -> None:
    data = grafana.config_map()["data"]
    source = json.loads(data["datasource.yaml"])["datasources"][0]
    service = prometheus.service(30001)
    assert source["url"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    mounts = grafana.deployment("g:1", "0")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {mount["subPath"] for mount in mounts} == set(data)
    board = json.loads(data["cilium-lab.json"])
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}


def test_a_changed_config_changes_the_pod_template_and_nothing_else_does() -> None:
    assert checksum(storage.config_map("sh:1")) != checksum(storage.config_map("sh:2"))
    assert checksum({"a": 1, "b": 2}) == checksum({"b": 2, "a": 1})
    template = prometheus.deployment("p:1", "abc")["spec"]["template"]["metadata"]
    assert "abc" in template["annotations"].values()


# --- the component


def test_an_addon_more_is_a_row_an_image_and_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's fields, which the configuration makes, are planted beside."""
    echo = Addon("echo-server", "Echo.", image="echo", page=Page("echo", 30009))
    fields: list[tuple[str, str, object]] = [
        ("addons", "echo_server", True),
        ("node_ports", "echo", 30009),
        ("images", "echo", "docker.io/echo/echo:1.0"),
    ]
    widened = {part: SimpleNamespace(**vars(getattr(LAB, part)), **{name: value}) for part, name, value in fields}
    config = LAB.model_copy(update=widened)

    def objects(lab: LabConfig) -> list[Object]:
        image = getattr(lab.images, echo.image)
        return [Object("namespace", prometheus.namespace()), Object("pod", pod(image), after=("namespace",))]

    def pod(image: str) -> dict[str, Any]:
        metadata = {"name": "echo", "namespace": prometheus.NAMESPACE}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [{"image": image}]}}

    described = {**descriptors(), echo.name: Descriptor(echo.name, objects, component="cilium-lab:addons:Echo")}
    for module in (plan_module, addons_module):
        monkeypatch.setattr(module, "ADDONS", (*ADDONS, echo))
    monkeypatch.setattr(addons_module, "descriptors", lambda: described)
    plan = addon_plan(config, Artifacts())

    def program() -> None:
        Addons("addons", config, plan, provider=k8s.Provider("cluster"))

    recording = record(program)
    found = recording.by_name()
    assert found["addons-echo-server"].token == "cilium-lab:addons:Echo"
    assert found["addons-echo-server-pod"].parent == "addons-echo-server"
    assert found["addons-echo-server-pod"].inputs["spec"]["containers"] == [{"image": "docker.io/echo/echo:1.0"}]
    assert recording.outputs["addons"]["pages"]["echo-server"] == "http://172.31.1.10:30009"
    assert checked_pages(config, plan)["echo-server"] == "http://172.31.1.10:30009"
    lacking = addon_plan(config, Artifacts(images=frozenset(), missing={"echo-server": "not built yet"}))
    assert "echo-server: not built yet" in [str(missing) for missing in lacking.missing]


def build(images: dict[str, str]) -> Recording:
    def program() -> None:
        plan = plan_addons(["storage", "monitoring", "grafana", "hubble-ui"], images, {"hubble-ui": "npm only"})
        Addons("addons", LAB, plan, provider=k8s.Provider("cluster"))

    return record(program)


def test_components_and_children_are_named_after_their_parents() -> None:
    recording = build(IMAGES)
    found = recording.by_name()
    assert found["addons"].token == "cilium-lab:addons:Addons"
    assert found["addons-storage"].token == "cilium-lab:addons:LocalPathStorage"
    assert found["addons-monitoring"].token == "cilium-lab:addons:Monitoring"
    for item in found.values():
        if item.token.startswith("kubernetes:"):
            assert item.parent in {"addons-storage", "addons-monitoring"}
            assert item.name.startswith(f"{item.parent}-")
            assert "::cluster::" in item.provider
    assert len([item for item in found.values() if item.token == "kubernetes:apps/v1:Deployment"]) == 3


def test_missing_addons_are_reported_and_not_faked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        recording = build({"monitoring": "prom:1"})
    assert "addons-storage" not in recording.by_name()
    assert "addons-monitoring-grafana" not in recording.by_name()
    missing = recording.outputs["addons"]["missingAddons"]
    assert [text.split(":")[0] for text in missing] == ["storage", "grafana", "hubble-ui"]
    assert "hubble-ui: npm only" in missing
    assert recording.outputs["addons"]["pages"] == {"monitoring": "http://172.31.1.10:30001"}
    warned = [record.getMessage() for record in caplog.records]
    assert [text for text in warned if "npm only" in text]
    assert len(warned) == 3


def test_every_object_goes_to_a_namespace_that_is_made_here_or_to_none() -> None:
    made = {item.inputs["metadata"]["name"] for item in build(IMAGES).registered if item.token.endswith(":Namespace")}
    used = {
        item.inputs["metadata"]["namespace"]
        for item in build(IMAGES).registered
        if "namespace" in item.inputs.get("metadata", {})
    }
    assert used == made == {"local-path-storage", "cilium-monitoring"}
