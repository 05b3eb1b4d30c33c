"""The policies on size: both stacks pass on a hypervisor that is large enough, and not on one that is too small."""

from __future__ import annotations

import pytest

from policies import size
from policies.resource import UNKNOWN
from tests.helpers.policy_rules import findings, having, setting
from tests.helpers.recorded_lab import lab

MEMORY, DISK = "size-memory-fits", "size-disk-fits"
URIS = {"lab": "qemu:///system", "embedded": "lxc:///system"}
NEEDED_MIB = 4096 + 3072 + 3072 + 1024
MOST_MIB = {"embedded": NEEDED_MIB, "lab": 4096 + 4096 + 4096 + 1024}
"""A virtual machine may be given memory up to the next power of two without a restart, so that much is counted."""
NEEDED_GIB = 20 + 20 + 20 + 10
TYPES = [rule.name for rule in size.RULES]


@pytest.mark.parametrize("stack", URIS)
def test_hosts_that_just_fit_pass(stack: str) -> None:
    assert findings(MEMORY, lab(stack), memoryMiB={URIS[stack]: MOST_MIB[stack]}) == []


@pytest.mark.parametrize("stack", URIS)
def test_a_mebibyte_too_little_is_found(stack: str) -> None:
    found = findings(MEMORY, lab(stack), memoryMiB={URIS[stack]: MOST_MIB[stack] - 1})
    most = MOST_MIB[stack]
    assert len(found) == 1
    assert f"{URIS[stack]} has {most - 1} MiB of memory, and its hosts need {most}: k8s-cp-domain 4096" in found[0]


def test_disks_are_counted_and_the_base_image_is_not() -> None:
    assert findings(DISK, lab("lab"), diskGiB={"qemu:///system": NEEDED_GIB}) == []
    found = findings(DISK, lab("lab"), diskGiB={"qemu:///system": NEEDED_GIB - 0.5})
    assert len(found) == 1
    assert f"and its hosts need {NEEDED_GIB}: k8s-cp-disk 20" in found[0]


def test_containers_have_no_disk_of_their_own() -> None:
    assert findings(DISK, lab("embedded"), diskGiB={"lxc:///system": 1, "qemu:///system": 1}) == []


def test_this_machine_is_measured_where_it_is_the_hypervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "_machine_memory", lambda: 8192.0)
    monkeypatch.setattr(size, "_machine_disk", lambda: 50.0)
    assert "has 8192 MiB" in findings(MEMORY, lab("embedded"))[0]
    assert "has 50 GiB" in findings(DISK, lab("lab"))[0]


def test_a_machine_has_memory_and_a_disk() -> None:
    assert size._machine_memory() > 512
    assert size._machine_disk() > 1


def test_a_remote_hypervisor_is_judged_by_the_options_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "_machine_memory", lambda: 1.0)
    uri = "qemu+ssh://root@kvm.example/system"
    moved = lab("lab")
    for host in ("k8s-cp", "k8s-w1", "k8s-w2", "router"):
        moved = having(f"{host}-domain", provider={"uri": uri})(moved)
    assert findings(MEMORY, moved) == []
    assert uri in findings(MEMORY, moved, memoryMiB={uri: 1024})[0]


@pytest.mark.parametrize(("uri", "here"), [("qemu:///system", True), ("lxc:///system", True), ("", False)])
def test_a_uri_without_host_is_this_machine(uri: str, here: bool) -> None:
    assert size.local(uri) is here


def test_what_a_preview_can_not_know_is_no_fault() -> None:
    unknown = setting("k8s-cp-domain", "stdin", UNKNOWN)(lab("embedded"))
    assert findings(MEMORY, unknown, memoryMiB={"lxc:///system": NEEDED_MIB - 4096}) == []
    assert findings(MEMORY, unknown, memoryMiB={"lxc:///system": NEEDED_MIB - 4097}) != []
