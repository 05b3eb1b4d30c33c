"""The bundle's index, the parts that it needs, and the masks of the root file system."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from airgap.recipes import PARTS
from airgap.recipes.bundle import index
from airgap.recipes.images import REFERENCES
from airgap.recipes.rootfs import masked_units
from airgap.recipes.tools import MISSING
from airgap.recipes.versions import VERSIONS
from cilium_lab.artifacts.bundle import from_index


def test_the_index_is_one_that_the_program_reads(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubelet").write_bytes(b"kubelet")
    content = index(tmp_path, [tmp_path / "bin/kubelet"])
    assert content["files"] == {
        "bin/kubelet": {"sha256": hashlib.sha256(b"kubelet").hexdigest(), "size": 7},
    }
    artifacts = from_index(content)
    assert artifacts.arch == "amd64"
    assert artifacts.has_image("quay.io/cilium/cilium:v1.17.6")
    assert not artifacts.has_repository("quay.io/cilium/hubble-ui")
    assert artifacts.versions == VERSIONS
    assert artifacts.missing == dict(MISSING)


def test_every_part_that_is_needed_exists_once() -> None:
    names = [part.name for part in PARTS]
    assert len(names) == len(set(names))
    for part in PARTS:
        assert set(part.needs) <= set(names), part.name


def test_every_image_is_in_the_bundle_and_in_the_seed() -> None:
    parts = {part.name: part for part in PARTS}
    for name in REFERENCES:
        assert f"image-{name}" in parts["bundle"].needs
        assert f"image-{name}" in parts["containerd-seed"].needs


def test_versions_are_plain_numbers() -> None:
    for name, version in VERSIONS.items():
        assert re.fullmatch(r"\d+(\.\d+){1,2}", version), name


def test_masked_units_are_unit_names_and_none_that_a_host_needs() -> None:
    units = masked_units()
    assert len(units) == len(set(units))
    assert all(re.fullmatch(r"[a-zA-Z0-9@_.-]+\.(service|mount|automount|timer|target)", unit) for unit in units)
    assert not {"ssh.service", "containerd.service", "systemd-sysctl.service", "dbus.service"} & set(units)
