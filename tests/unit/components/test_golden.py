"""The four machines of the study, as a preview of the stack `lab` shows them, and the files that they are told by."""

from __future__ import annotations

import ipaddress

import pytest
import yaml

from components.machines.guest import memory_limit
from tests.helpers.pulumi_recorder import Recording, Registered
from tests.helpers.recorded_lab import record_lab
from tools.golden_files import GOLDEN, golden_files

HOSTS = {
    "k8s-cp": ("172.31.1.10/20", 4096, 2),
    "k8s-w1": ("172.31.1.11/20", 3072, 2),
    "k8s-w2": ("172.31.1.12/20", 3072, 2),
    "router": ("172.31.1.20/20", 1024, 1),
}


@pytest.fixture(scope="module")
def preview() -> Recording:
    return record_lab("lab", preview=True)


@pytest.mark.parametrize("name", sorted(golden_files()))
def test_what_machines_are_told_is_what_was_looked_at(name: str) -> None:
    path = GOLDEN / name
    assert path.exists(), "new: python3 -m tools.golden_files, then look at git diff"
    assert golden_files()[name] == path.read_text(), "changed: python3 -m tools.golden_files, then look at git diff"


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(golden_files())


def test_a_preview_shows_the_four_virtual_machines_of_the_study(preview: Recording) -> None:
    domains = [item for item in preview.registered if item.token == "libvirt:index/domain:Domain"]
    shown = {item.inputs["name"]: (item.inputs["memory"], item.inputs["vcpu"]) for item in domains}
    # defined up to what it can grow to in place, and given what is configured
    assert shown == {name: (memory_limit(memory), cpus) for name, (_, memory, cpus) in HOSTS.items()}
    found = preview.by_name()
    given = {name: found[f"{name}-memory"].inputs["create"].split()[-1] for name in HOSTS}
    assert given == {name: str(memory) for name, (_, memory, _) in HOSTS.items()}


def test_a_preview_shows_each_machines_own_network(preview: Recording) -> None:
    found = preview.by_name()
    for name, (address, _, _) in HOSTS.items():
        disk: Registered = found[f"{name}-cloud-init"]
        network = disk.inputs["networkConfig"]
        assert network == (GOLDEN / f"{name}.network-config").read_text()
        assert yaml.safe_load(network)["ethernets"]["ens160"]["addresses"] == [address]


def test_a_preview_shows_kubeadms_documents(preview: Recording) -> None:
    assert preview.by_name()["k8s-cp-kubeadm-init"].inputs["stdin"] == (GOLDEN / "kubeadm-init.yaml").read_text()


def test_the_golden_machines_are_the_studys() -> None:
    router = yaml.safe_load((GOLDEN / "router.network-config").read_text())["ethernets"]
    assert [router[name]["addresses"] for name in ("ens160", "ens192")] == [["172.31.1.20/20"], ["10.10.10.10/16"]]
    cluster = next(
        document
        for document in yaml.safe_load_all((GOLDEN / "kubeadm-init.yaml").read_text())
        if document["kind"] == "ClusterConfiguration"
    )
    assert cluster["networking"] == {"podSubnet": "192.168.0.0/16", "serviceSubnet": "10.96.0.0/12"}
    gateway = router["ens160"]["routes"][0]["via"]
    assert ipaddress.ip_address(gateway) in ipaddress.ip_interface("172.31.1.20/20").network
