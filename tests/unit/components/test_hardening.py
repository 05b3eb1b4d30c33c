"""What the API server, kubelet and the namespaces are told."""

from __future__ import annotations

from typing import Any

import pytest

from cilium_lab.config.load import parse
from components.kubernetes import documents, hardening
from components.kubernetes.cluster import control_plane_files, settings_digest
from components.kubernetes.pod_security import GIVEN
from components.machines.cloud_init import user_data
from policies.texts import unpack

BOTH: list[dict[str, Any]] = [{}, {"machines": "container", "artifacts": "bundle"}]


def arguments(raw: dict[str, Any], part: str = "apiServer") -> dict[str, str]:
    found = documents.cluster_configuration(parse(raw))[part]["extraArgs"]
    return {one["name"]: one["value"] for one in found}


@pytest.mark.parametrize("raw", BOTH)
def test_both_stacks_are_hardened_alike(raw: dict[str, Any]) -> None:
    api = arguments(raw)
    assert api["enable-admission-plugins"] == "NodeRestriction"
    assert api["encryption-provider-config"] == hardening.ENCRYPTION
    for part in ("apiServer", "controllerManager", "scheduler"):
        assert arguments(raw, part)["profiling"] == "false"
    kubelet = documents.kubelet_configuration(parse(raw))
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}
    assert kubelet["readOnlyPort"] == 0
    assert kubelet["protectKernelDefaults"] is (raw == {})


def test_every_file_that_the_api_server_names_is_there_and_is_mounted() -> None:
    for audit in (True, False):
        raw = {"kubernetes": {"audit": audit}}
        api = documents.cluster_configuration(parse(raw))["apiServer"]
        named = {one["value"] for one in api["extraArgs"] if one["value"].startswith("/")}
        placed = {f"{hardening.FOLDER}/{name}" for name in unpack(control_plane_files(parse(raw)))}
        assert named - {f"{hardening.AUDIT_FOLDER}/audit.log"} == placed | {hardening.ENCRYPTION}
        mounted = {volume["hostPath"] for volume in api["extraVolumes"]}
        assert {path.rpartition("/")[0] for path in named} == mounted


def test_the_audit_log_is_bounded_and_keeps_no_contents() -> None:
    api = arguments({})
    assert (int(api["audit-log-maxbackup"]) + 1) * int(api["audit-log-maxsize"]) == 1100
    assert api["audit-log-maxage"] == "30"
    levels = [rule["level"] for rule in hardening.audit_policy()["rules"]]
    assert set(levels) == {"None", "Metadata"}
    assert levels[-1] == "Metadata"
    assert not [name for name in arguments({"kubernetes": {"audit": False}}) if name.startswith("audit")]


def test_the_anonymous_see_probes_and_the_public_ca_only() -> None:
    anonymous = hardening.authentication()["anonymous"]
    assert {condition["path"] for condition in anonymous["conditions"]} == {
        "/livez",
        "/readyz",
        "/healthz",
        "/api/v1/namespaces/kube-public/configmaps/cluster-info",
    }


def test_kubelets_digest_follows_its_settings() -> None:
    virtual, container = map(parse, BOTH)
    assert settings_digest(virtual) != settings_digest(container)
    assert settings_digest(virtual) == settings_digest(parse({"kubernetes": {"audit": False}}))


def test_namespaces_without_pods_are_restricted_and_the_others_have_a_reason() -> None:
    for one in GIVEN:
        assert one.reason
        assert set(one.labels.values()) == {one.enforce, one.warn}
    assert [one.namespace for one in GIVEN if one.enforce == "privileged"] == ["default", "kube-system"]


def test_virtual_machines_take_keys_alone() -> None:
    lab = parse({})
    text = user_data(lab.topology.router, "key", "private", "public")
    for line in ("PasswordAuthentication no", "KbdInteractiveAuthentication no", "AuthenticationMethods publickey"):
        assert line in text
