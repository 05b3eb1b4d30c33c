"""What the doctor finds, and what is installed when something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest

from airgap import prerequisites
from airgap.prerequisites import PACKAGES, Package, PrerequisiteError
from airgap.recipes.bundle import Contents, index
from cilium_lab.kvm import Kvm, State
from labctl import doctor
from labctl.doctor import Finding, Report

GOOD, BAD = Finding("thing", "there", True, "unused"), Finding("other", "not there", False, "get one")


@pytest.mark.parametrize(("embedded", "lab", "fits"), [(GOOD, BAD, True), (BAD, GOOD, True), (BAD, BAD, False)])
def test_one_stack_that_fits_is_enough(embedded: Finding, lab: Finding, fits: bool) -> None:
    assert Report((GOOD, embedded), (GOOD, lab)).fits == fits


def test_the_text_says_which_stack_fits_and_what_to_do() -> None:
    lines = Report((GOOD, BAD), (GOOD,)).text().splitlines()
    assert lines[0] == "stack embedded: does not fit yet"
    assert lines[3].split("-> ") == ["      ", "get one"]
    assert lines[4] == "stack lab: fits this machine"
    assert not any("unused" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "answer", "what"),
    [
        ("_memory_gib", 1.5, "memory"),
        ("_free_disk_gib", 3.0, "disk"),
        ("_cgroups", "none", "cgroups"),
        ("_namespaces", "without pid", "namespaces"),
        ("_bpf", "no BPF file system", "BPF"),
        ("_overlay", "not in the kernel", "overlay"),
    ],
)
def test_what_a_machine_lacks_is_found_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, answer: Any, what: str
) -> None:
    monkeypatch.setattr(doctor, name, lambda: answer)
    found = {finding.what: finding for finding in doctor.examine().embedded}
    assert not found[what].ok
    assert found[what].remedy


def test_a_machine_with_all_of_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    good = {"_memory_gib": 64.0, "_free_disk_gib": 500.0, "_cgroups": "v2", "_namespaces": "all", "_bpf": "available"}
    good |= {"_overlay": "available"}
    for name, answer in good.items():
        monkeypatch.setattr(doctor, name, lambda answer=answer: answer)
    monkeypatch.setattr(prerequisites, "missing", list)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert all(finding.ok for finding in doctor.examine().embedded)


def test_packages_that_apt_can_install_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisites, "missing", lambda: ["jq", "patch"])
    for manager, ok, remedy in (
        ("apt-get", True, "sudo apt-get install -y jq patch"),
        ("dnf", False, "sudo dnf install -y jq patch"),
        ("", False, "install these Debian packages, or their like, by hand: jq patch"),
    ):
        monkeypatch.setattr(shutil, "which", lambda name, manager=manager, **_more: name if name == manager else None)
        found = next(finding for finding in doctor.examine().embedded if finding.what == "packages")
        assert (found.ok, found.seen, found.remedy) == (ok, "missing: jq patch", remedy)


@pytest.mark.parametrize("state", get_args(State))
def test_kvm_is_what_boots_a_kernel(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    tried = Kvm(state, "KVM internal error", "another machine")
    monkeypatch.setattr(doctor, "try_kvm", lambda: tried)
    found = next(finding for finding in doctor.examine().lab if finding.what == "KVM")
    assert found == Finding("KVM", str(tried), state == "works", "another machine")


@pytest.mark.parametrize(("fits", "code"), [(True, 0), (False, 1)])
def test_the_exit_status_tells(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fits: bool, code: int
) -> None:
    report = Report((GOOD if fits else BAD,), (BAD,))
    monkeypatch.setattr(doctor, "examine", lambda: report)
    assert doctor.doctor([]) == code
    assert capsys.readouterr().out == report.text() + "\n"


@pytest.mark.parametrize(("machine", "embedded"), [("x86_64", True), ("aarch64", False), ("riscv64", False)])
def test_images_are_built_for_one_architecture(monkeypatch: pytest.MonkeyPatch, machine: str, embedded: bool) -> None:
    assert index(Path(), [], Contents({}, {}, {}, {}))["arch"] == "amd64"
    monkeypatch.setattr("platform.machine", lambda: machine)
    found = next(finding for finding in doctor.examine().embedded if finding.what == "architecture")
    assert (found.ok, found.seen) == (embedded, machine)
    assert "amd64 alone" in found.remedy


def test_looking_changes_nothing_and_this_machine_can_be_looked_at() -> None:
    first = doctor.examine()
    assert [finding.what for finding in doctor.examine().embedded] == [finding.what for finding in first.embedded]
    assert all(finding.ok or finding.remedy for finding in (*first.embedded, *first.lab))


# --- packages


class Apt:
    """Stands for apt-get: notes its words; `status` is what it ends with, `installs` whether anything comes of it."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.status = 0
        self.installs = True
        self.lacking = ["jq", "patch"]

    def run(self, words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert options["env"]["DEBIAN_FRONTEND"] == "noninteractive"
        self.calls.append(words)
        if self.installs and "install" in words:
            self.lacking = []
        return subprocess.CompletedProcess(words, self.status, "some words", "E: no space left")


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Apt:
    made = Apt()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name, **_more: "/usr/bin/apt-get")
    monkeypatch.setattr(subprocess, "run", made.run)
    monkeypatch.setattr(prerequisites, "missing", lambda _packages: made.lacking)
    return made


def test_only_what_is_missing_is_installed(apt: Apt) -> None:
    prerequisites.install()
    assert [words[2] for words in apt.calls] == ["update", "install"]
    assert apt.calls[1][-2:] == ["jq", "patch"]
    prerequisites.install()
    assert len(apt.calls) == 2


def test_the_output_of_apt_get_is_shown_when_it_fails(apt: Apt) -> None:
    apt.status = 100
    with pytest.raises(PrerequisiteError, match=r"(?s)apt-get update failed:.*no space left"):
        prerequisites.install()


def test_what_does_not_come_by_installing_is_named(apt: Apt) -> None:
    apt.installs = False
    with pytest.raises(PrerequisiteError, match="these are missing still: jq patch"):
        prerequisites.install()


def test_without_apt_the_packages_are_named(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name, **_more: None)
    with pytest.raises(PrerequisiteError, match="by hand: jq patch"):
        prerequisites.install()
    assert apt.calls == []


def test_on_fedora_what_is_missing_is_told_by_its_names_there_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the whole list, on a machine that has dnf and nothing else."""
    (tmp_path / "dnf").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    present = {"e2fsprogs", "procps"}
    monkeypatch.setattr(prerequisites, "_present", lambda package: package.name in present)
    with pytest.raises(PrerequisiteError) as told:
        prerequisites.install((*PACKAGES, *prerequisites.VIRTUAL_MACHINES))
    words = str(told.value).partition("next: sudo dnf install -y ")[2].split()
    debians = {"python3-venv", "libvirt-clients", "dnsmasq-base", "xsltproc", "iproute2", "openssh-client", "procps"}
    assert not {*debians, "qemu-utils", "genisoimage", "e2fsprogs"} & {*words}
    there = {"libvirt-client", "libvirt-daemon-driver-network", "libvirt-daemon-log", "libvirt-daemon-driver-lxc"}
    assert {*there, "dnsmasq", "libxslt", "iproute", "openssh-clients", "qemu-system-x86-core", "xorriso"} <= {*words}
    assert len(words) == len({*words})


def test_a_package_is_seen_where_fedora_has_it(tmp_path: Path) -> None:
    there = tmp_path / "libvirt_lxc"
    package = Package("libvirt-daemon-driver-lxc", str(tmp_path / "no-such-file"), "", str(there))
    assert prerequisites.missing([package]) == ["libvirt-daemon-driver-lxc"]
    there.touch()
    assert prerequisites.missing([package]) == []


def test_without_root_the_way_to_get_it_is_named(apt: Apt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PrerequisiteError, match=r"sudo \./lab up"):
        prerequisites.install()


def test_packages_are_seen_by_path_or_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    present = tmp_path / "tool"
    present.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    packages = [Package(name, name) for name in (str(present), "tool", "no-such-tool", str(tmp_path / "no-file"))]
    assert prerequisites.missing(packages) == ["no-such-tool", str(tmp_path / "no-file")]


def test_the_python_that_runs_can_make_virtual_environments_once_its_package_is_there() -> None:
    # the distribution's, or one's own in whatever folder: the path is that of the running Python
    shown_by = next(package.shown_by for package in PACKAGES if package.name == "python3-venv")
    import ensurepip

    assert Path(shown_by) == Path(ensurepip.__file__).parent


@pytest.mark.parametrize(
    ("free", "ok", "told"),
    [
        (9.0, False, "9 GiB free"),
        (12.0, True, "12 GiB free: enough for what is downloaded"),
        (30.0, True, "30 GiB free"),
    ],
)
def test_building_takes_more_disk_than_downloading(
    monkeypatch: pytest.MonkeyPatch, free: float, ok: bool, told: str
) -> None:
    monkeypatch.setattr(doctor, "_free_disk_gib", lambda: free)
    found = next(finding for finding in doctor.examine().embedded if finding.what == "disk")
    assert (found.ok, found.seen.startswith(told)) == (ok, True)
    assert "24 to build" in found.remedy
