"""What kubeadm is told, checked for what it means, and by kubeadm itself where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cilium_lab.config.load import parse
from cilium_lab.config.versions import KUBERNETES
from cilium_lab.paths import CURRENT
from components.kubernetes import documents, hardening

CONTAINERS: dict[str, Any] = {"machines": "container", "artifacts": "bundle"}


def kinds(raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    lab = parse(raw)
    every = [*documents.init_documents(lab), *documents.join_documents(lab, lab.topology.workers[0])]
    return {document["kind"]: document for document in every}


def test_ranges_and_version_are_the_seeds() -> None:
    cluster = kinds({})["ClusterConfiguration"]
    assert cluster["kubernetesVersion"] == f"v{KUBERNETES}"
    assert cluster["networking"] == {"podSubnet": "192.168.0.0/16", "serviceSubnet": "10.96.0.0/12"}
    assert {"name": "node-cidr-mask-size", "value": "24"} in cluster["controllerManager"]["extraArgs"]


def test_no_kube_proxy_even_after_an_upgrade() -> None:
    assert kinds({})["ClusterConfiguration"]["proxy"] == {"disabled": True}


def test_control_plane_is_not_tainted() -> None:
    assert kinds({})["InitConfiguration"]["nodeRegistration"]["taints"] == []
    assert "taints" not in kinds({})["JoinConfiguration"]["nodeRegistration"]


def test_nodes_register_with_name_and_address() -> None:
    for kind, name, address in (
        ("InitConfiguration", "k8s-cp", "172.31.1.10"),
        ("JoinConfiguration", "k8s-w1", "172.31.1.11"),
    ):
        registration = kinds({})[kind]["nodeRegistration"]
        assert registration["name"] == name
        assert {"name": "node-ip", "value": address} in registration["kubeletExtraArgs"]
        assert registration["criSocket"] == "unix:///run/containerd/containerd.sock"
    assert kinds({})["InitConfiguration"]["localAPIEndpoint"] == {"advertiseAddress": "172.31.1.10", "bindPort": 6443}


def test_no_token_lives_for_a_day() -> None:
    tokens = kinds({})["InitConfiguration"]["bootstrapTokens"]
    assert [token["ttl"] for token in tokens] == ["1m0s"]
    assert "token" not in tokens[0]


def test_a_worker_does_not_skip_verification_of_the_ca() -> None:
    assert kinds({})["JoinConfiguration"]["discovery"] == {"file": {"kubeConfigPath": documents.DISCOVERY_FILE}}


def test_machines_ignore_no_check_and_keep_kubelets_other_defaults() -> None:
    found = kinds({})
    assert found["InitConfiguration"]["nodeRegistration"]["ignorePreflightErrors"] == []
    assert set(found["KubeletConfiguration"]) - set(hardening.kubelet()) == {"apiVersion", "kind", "cgroupDriver"}
    assert found["KubeletConfiguration"]["cgroupDriver"] == "systemd"


def test_containers_share_kernel_disk_and_swap() -> None:
    found = kinds(CONTAINERS)
    kubelet = found["KubeletConfiguration"]
    assert kubelet["cgroupDriver"] == "cgroupfs"
    assert kubelet["failSwapOn"] is False
    assert kubelet["featureGates"] == {"KubeletInUserNamespace": True}
    assert kubelet["evictionHard"]["nodefs.available"] == "0%"
    ignored = found["JoinConfiguration"]["nodeRegistration"]["ignorePreflightErrors"]
    assert ignored == ["SystemVerification", "Swap", "HTTPProxyCIDR"]


@pytest.mark.parametrize(
    ("raw", "ignored"),
    [({"artifacts": "bundle"}, ["HTTPProxyCIDR"]), ({"machines": "container"}, ["SystemVerification", "Swap"])],
)
def test_each_ignored_check_has_its_own_cause(raw: dict[str, Any], ignored: list[str]) -> None:
    lab = parse(raw)
    assert documents.ignored_preflight_errors(lab, lab.topology.control_plane) == ignored


def test_yaml_is_a_stream_of_the_same_documents() -> None:
    made = documents.init_documents(parse(CONTAINERS))
    assert list(yaml.safe_load_all(documents.to_yaml(*made))) == made


@pytest.mark.parametrize("raw", [{}, CONTAINERS], ids=["machines", "containers"])
def test_kubeadm_takes_them(raw: dict[str, Any], tmp_path: Path) -> None:
    kubeadm = shutil.which("kubeadm", path=str(CURRENT / "bundle" / "bin")) or shutil.which("kubeadm")
    if kubeadm is None:
        pytest.skip("no kubeadm here: neither built (./lab build) nor installed")
    lab = parse(raw)
    discovery = tmp_path / "discovery.conf"
    discovery.touch()
    for name, made in (
        ("init", documents.init_documents(lab)),
        ("join", documents.join_documents(lab, lab.topology.workers[0])),
    ):
        file = tmp_path / f"{name}.yaml"
        # kubeadm wants the discovery file to be there while it validates
        file.write_text(documents.to_yaml(*made).replace(documents.DISCOVERY_FILE, str(discovery)))
        done = subprocess.run([kubeadm, "config", "validate", "--config", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "unknown field" not in done.stderr
