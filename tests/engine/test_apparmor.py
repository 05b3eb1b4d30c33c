"""Disks under AppArmor, as on Debian and Ubuntu: libvirt's helper finds each of them and its backing file."""

from __future__ import annotations

import struct
import subprocess
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import get_args

import pytest

from cilium_lab.config.upstream import Arch
from components.machines.guest import guest
from tests.helpers.apparmor import command, readable
from tests.unit.components.test_guest import PROVIDER

pytestmark = pytest.mark.timeout(60)


def qcow2(path: Path, backing: Path | None = None) -> None:
    """The header of an empty image (qcow2 version 2): magic, version, backing file, 16 bits a cluster, 1 MiB."""
    name = str(backing).encode() if backing else b""
    at = 72 if backing else 0
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, at, len(name), 16, 2**20, 0, 1, 65536, 131072, 1, 0, 0)
    path.write_bytes((header + name).ljust(3 * 65536, b"\0"))


def rendered(arch: Arch, folder: Path) -> str:
    """A domain as libvirt gets it, with its disks in the folder."""
    looks = guest(arch, "qemu", str(folder))
    given = PROVIDER.format(
        type="qemu", arch="x86_64", board="q35", cpu_mode=looks.cpu_mode, firmware="", graphics=""
    ).replace("/pool/", f"{folder}/")
    (folder / "domain.xsl").write_text(looks.stylesheet)
    words = ["xsltproc", "--nonet", folder / "domain.xsl", "-"]
    domain = ET.fromstring(
        subprocess.run(words, input=given.strip(), capture_output=True, text=True, check=True).stdout
    )
    ET.SubElement(domain, "uuid").text = str(uuid.uuid4())
    return ET.tostring(domain, encoding="unicode")


def profile(domain: str) -> frozenset[str]:
    """The files that QEMU may open."""
    done = subprocess.run(command(domain), input=domain, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return readable(done.stderr)


@pytest.mark.parametrize("arch", get_args(Arch))
def test_the_profile_has_disk_backing_file_and_seed(arch: Arch, tmp_path: Path) -> None:
    base, disk, seed = (tmp_path / name for name in ("base.qcow2", "router.qcow2", "router-cloud-init.iso"))
    qcow2(base)
    qcow2(disk, base)
    seed.write_bytes(bytes(2048))
    domain = rendered(arch, tmp_path)
    assert {str(base), str(disk), str(seed)} <= profile(domain)
    # the reason for the path: by pool and volume, as the provider writes it, the helper finds neither
    volume = domain.replace('type="file" device="disk"', 'type="volume" device="disk"').replace(
        f'<source file="{disk}"', '<source pool="cilium-lab" volume="router.qcow2"'
    )
    assert volume != domain
    assert not {str(base), str(disk)} & profile(volume)
