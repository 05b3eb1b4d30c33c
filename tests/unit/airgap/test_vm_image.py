"""The image of virtual machines: its boot sector, its files, and what is done with it before a host starts from it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from airgap.recipes import vm_image
from airgap.recipes.rootfs import masked_units
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES, KUBERNETES, KUBERNETES_RELEASES
from components.machines.local_paths import IMAGE
from labctl import embedded, session

LOCAL = Path(__file__).parents[3] / "components" / "scripts" / "local"


def test_the_program_looks_for_the_image_where_the_builder_puts_it() -> None:
    assert vm_image.NAME == IMAGE


def test_the_boot_sector_has_grubs_code_and_one_bootable_partition_to_the_disks_end() -> None:
    loader = bytes(range(256)) * 2
    made = vm_image.boot_sector(loader, 8 * 2**20)
    assert len(made) == 512
    assert made[:446] == loader[:446]
    entry = made[446:462]
    assert (entry[0], entry[4]) == (0x80, 0x83)
    first, count = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:16], "little")
    assert (first, first + count) == (2048, 8 * 2**20)
    assert made[462:510] == bytes(48)
    assert made[510:] == b"\x55\xaa"


def test_a_virtual_machine_keeps_nothing_that_is_for_containers(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    (units / "sysinit.target.wants").mkdir(parents=True)
    for unit in masked_units():
        (units / unit).symlink_to("/dev/null")
    (units / "sysinit.target.wants/lab-node-prep.service").symlink_to("../lab-node-prep.service")
    subprocess.run(["cp", "-r", f"{vm_image._CONTAINER_FILES}/.", tmp_path], check=True)
    vm_image._leave_container(tmp_path)
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()]
    assert left == ["etc/ssh/sshd_config.d/lab.conf"]


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LOCAL / script, *words], capture_output=True, text=True)


def test_a_whole_image_is_taken_and_a_truncated_one_refused(tmp_path: Path) -> None:
    image = tmp_path / IMAGE
    content = os.urandom(5000)
    image.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / f"{IMAGE}.sha256").write_text(f"{digest}  {IMAGE}\n")
    assert run("check-image.sh", str(image)).stdout == f"{image}\n"
    image.write_bytes(content[:4000])
    refused = run("check-image.sh", str(image))
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"expected: sha256 {digest}" in refused.stderr
    assert f"seen: sha256 {hashlib.sha256(content[:4000]).hexdigest()}, 4000 bytes" in refused.stderr
    assert "next: " in refused.stderr


def test_where_there_is_no_image_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    refused = run("check-image.sh", str(tmp_path / IMAGE))
    assert refused.returncode == 1
    assert "./lab build vm-image" in refused.stderr


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("config:\n  cilium-lab:machines: container\n", False),
        ("config:\n  cilium-lab:machines: vm\n", True),
        ("config:\n  cilium-lab:hosts:\n    - {name: router, machine: vm}\n", True),
        ('config:\n  cilium-lab:hosts:\n    - name: router\n      machine: "vm"\n', True),
        ("config:\n  # machines: vm\n  cilium-lab:machines: container\n", False),
        ("config:\n  cilium-lab:hypervisors:\n    - {name: local-vm}\n", False),
    ],
)
def test_an_image_is_built_for_stacks_that_ask_for_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, wanted: bool
) -> None:
    (tmp_path / f"Pulumi.{embedded.EMBEDDED}.yaml").write_text(text)
    monkeypatch.setattr(session, "ROOT", tmp_path)
    assert embedded.wants_virtual_machines() == wanted


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("config: {}\n", False),
        ("config:\n  cilium-lab:versions:\n    cilium: VERSION\n", True),
        ('config:\n  cilium-lab:versions: {"cilium": "VERSION"}\n', True),
        ("config:\n  cilium-lab:versions:\n    # cilium: VERSION\n    hubble: VERSION\n", False),
        ("config:\n  cilium-lab:versions:\n    cilium: VERSION1\n", False),
        (f"config:\n  cilium-lab:versions:\n    cilium: {CILIUM}\n", False),
    ],
)
@pytest.mark.parametrize("version", [version for version in CILIUM_RELEASES if version != CILIUM])
def test_a_release_is_built_for_stacks_that_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: bool, version: str
) -> None:
    (tmp_path / f"Pulumi.{embedded.EMBEDDED}.yaml").write_text(text.replace("VERSION", version))
    monkeypatch.setattr(session, "ROOT", tmp_path)
    assert embedded.wanted_release() == (version if named else CILIUM)


@pytest.mark.parametrize("version", [version for version in KUBERNETES_RELEASES if version != KUBERNETES])
def test_a_release_of_kubernetes_is_built_for_stacks_that_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    file = tmp_path / f"Pulumi.{embedded.EMBEDDED}.yaml"
    monkeypatch.setattr(session, "ROOT", tmp_path)
    for text, named in ((f"    kubernetes: {version}\n", version), (f"    cilium: {version}\n", KUBERNETES)):
        file.write_text(f"config:\n  cilium-lab:versions:\n{text}")
        assert embedded.wanted_kubernetes() == named
