"""The image of virtual machines: its boot sector, its files, and what is done with it before a host starts from it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from airgap.recipes import vm_image
from airgap.recipes.rootfs import masked_units
from components.machines.local_paths import IMAGE
from labctl import session

LOCAL = Path(__file__).parents[3] / "components" / "scripts" / "local"
POOL = """\
Name:           cilium-lab
State:          running
Capacity:       1073741824
Allocation:     0
Available:      {free}
"""


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


def run(script: str, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None
    return subprocess.run([LOCAL / script, *words], capture_output=True, text=True, env=environment)


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


@pytest.fixture
def virsh(tmp_path: Path) -> Path:
    """A folder for the PATH with a virsh that notes its words and prints what `answers/<command>` holds."""
    folder = tmp_path / "bin"
    (folder / "answers").mkdir(parents=True)
    body = f'#!/bin/bash\nshift 3\necho "$*" >> {folder}/calls\n[ -e {folder}/answers/$1 ] && cat {folder}/answers/$1\n'
    (folder / "virsh").write_text(body)
    (folder / "virsh").chmod(0o755)
    (folder / "answers" / "pool-refresh").touch()
    return folder


@pytest.mark.parametrize(("free", "fits"), [(2**30 + 10_000, True), (2**30 + 9_999, False), (0, False)])
def test_a_pool_without_room_is_refused(virsh: Path, tmp_path: Path, free: int, fits: bool) -> None:
    (virsh / "answers" / "pool-info").write_text(POOL.format(free=free))
    image = tmp_path / "image"
    image.write_bytes(bytes(10_000))
    done = run("pool-up.sh", "qemu:///system", "cilium-lab", str(image), "1024", path=virsh)
    assert (done.returncode == 0) == fits
    if not fits:
        for words in ("pool cilium-lab of qemu:///system is full", "expected: 1024 MiB free", "seen: ", "next: "):
            assert words in done.stderr


def test_volumes_that_failed_runs_left_are_removed_from_the_pool(virsh: Path) -> None:
    (virsh / "answers" / "vol-list").write_text(
        " base.qcow2     /pool/base.qcow2\n k8s-w1.qcow2   /pool/k8s-w1.qcow2\n"
    )
    (virsh / "answers" / "vol-delete").touch()
    done = run("pool-down.sh", "qemu:///system", "cilium-lab", path=virsh)
    assert done.returncode == 0, done.stderr
    calls = (virsh / "calls").read_text().splitlines()
    assert calls[-2:] == ["vol-delete --pool cilium-lab base.qcow2", "vol-delete --pool cilium-lab k8s-w1.qcow2"]


@pytest.mark.parametrize("defined", [True, False])
def test_a_domain_that_could_not_be_started_is_undefined(virsh: Path, defined: bool) -> None:
    if defined:
        (virsh / "answers" / "dominfo").touch()
        (virsh / "answers" / "undefine").touch()
    done = run("domain-down.sh", "qemu:///system", "router", path=virsh)
    assert done.returncode == 0, done.stderr
    calls = (virsh / "calls").read_text().splitlines()
    assert calls == (["dominfo router", "destroy router", "undefine --nvram router"] if defined else ["dominfo router"])


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
    (tmp_path / f"Pulumi.{session.STACK}.yaml").write_text(text)
    monkeypatch.setattr(session, "ROOT", tmp_path)
    assert session.wants_virtual_machines() == wanted


@pytest.mark.parametrize(("state", "how"), [("running", "--config --live"), ("shut off", "--config")])
def test_memory_is_changed_for_now_and_for_the_next_start(virsh: Path, state: str, how: str) -> None:
    (virsh / "answers" / "domstate").write_text(f"{state}\n")
    (virsh / "answers" / "setmem").touch()
    done = run("domain-memory.sh", "qemu:///system", "k8s-w1", "2560", path=virsh)
    assert done.returncode == 0, done.stderr
    assert (virsh / "calls").read_text().splitlines()[-1] == f"setmem k8s-w1 2560MiB {how}"
