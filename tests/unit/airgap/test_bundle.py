"""The bundle's index, the recipes that it needs, and the masks of the root file system."""

from __future__ import annotations

import hashlib
import platform
import re
from pathlib import Path

import pytest

from airgap.recipes import RECIPES
from airgap.recipes.bundle import Contents, index
from airgap.recipes.images import REFERENCES
from airgap.recipes.rootfs import masked_units
from airgap.recipes.tools import MISSING
from cilium_lab.artifacts.bundle import from_index
from cilium_lab.config.versions import BUNDLED, CILIUM


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_the_index_is_one_that_the_program_reads(
    tmp_path: Path, machine: str, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubelet").write_bytes(b"kubelet")
    content = index(tmp_path, [tmp_path / "bin/kubelet"], Contents({}, REFERENCES, BUNDLED, dict(MISSING)))
    assert content["files"] == {
        "bin/kubelet": {"sha256": hashlib.sha256(b"kubelet").hexdigest(), "size": 7},
    }
    artifacts = from_index(content)
    assert artifacts.arch == arch
    assert artifacts.has_image(f"quay.io/cilium/cilium:v{CILIUM}")
    assert not artifacts.has_repository("quay.io/cilium/hubble-ui")
    assert artifacts.versions == BUNDLED
    assert artifacts.missing == dict(MISSING)


def test_every_recipe_that_is_needed_exists_once() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert len(names) == len(set(names))
    for recipe in RECIPES:
        assert set(recipe.needs) <= set(names), recipe.name


def test_every_image_is_in_the_bundle_and_in_the_seed() -> None:
    recipes = {recipe.name: recipe for recipe in RECIPES}
    for name in REFERENCES:
        assert f"image-{name}" in recipes["bundle"].needs
        assert f"image-{name}" in recipes["containerd-seed"].needs


def test_versions_are_plain_numbers() -> None:
    for name, version in BUNDLED.items():
        assert re.fullmatch(r"\d+(\.\d+){1,2}(-pre\.\d+)?", version), name


def test_masked_units_are_unit_names_and_none_that_a_host_needs() -> None:
    units = masked_units()
    assert len(units) == len(set(units))
    assert all(re.fullmatch(r"[a-zA-Z0-9@_.-]+\.(service|mount|automount|timer|target)", unit) for unit in units)
    assert not {"ssh.service", "containerd.service", "systemd-sysctl.service", "dbus.service"} & set(units)
