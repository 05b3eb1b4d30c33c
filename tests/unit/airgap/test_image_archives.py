"""Image archives: the same input gives the same bytes, and the digests in them are those of their content."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tarfile
from pathlib import Path

import pytest

from airgap.images.archive import Config, Entry, layer_from_entries, layer_from_tree, write_archive
from airgap.recipes.images import REFERENCES
from cilium_lab.config.images import default_images


def _tree(folder: Path) -> Path:
    (folder / "usr/bin").mkdir(parents=True)
    (folder / "usr/bin/tool").write_bytes(b"program")
    (folder / "usr/bin/tool").chmod(0o4755)
    (folder / "bin").symlink_to("usr/bin")
    os.mkfifo(folder / "pipe")
    return folder


def test_a_layer_does_not_depend_on_times_or_on_the_order_of_creation(tmp_path: Path) -> None:
    entries = {"b/file": Entry(b"x", 0o600, owner=7), "a": Entry(link="b/file"), "empty": Entry(mode=0o1777)}
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    layer_from_entries(entries, first)
    layer_from_entries(dict(reversed(entries.items())), second)
    assert first.read_bytes() == second.read_bytes()

    tree = _tree(tmp_path / "tree")
    layer_from_tree(tree, first)
    os.utime(tree / "usr/bin/tool", (1, 1))
    layer_from_tree(tree, second)
    assert first.read_bytes() == second.read_bytes()


def test_entries_get_parents_owners_modes_and_links(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    layer_from_entries({"home/u": Entry(mode=0o700, owner=65532), "s/t": Entry(link="../home")}, layer)
    with tarfile.open(layer) as tar:
        members = {member.name: member for member in tar}
    assert list(members) == ["home", "home/u", "s", "s/t"]
    assert (members["home/u"].mode, members["home/u"].uid, members["home/u"].gid) == (0o700, 65532, 65532)
    assert members["s/t"].linkname == "../home"


def test_a_tree_keeps_modes_and_leaves_special_files_out(tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    layer_from_tree(_tree(tmp_path / "tree"), layer)
    with tarfile.open(layer) as tar:
        modes = {member.name: member.mode for member in tar}
    assert "pipe" not in modes
    assert modes["usr/bin/tool"] == 0o4755


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device node needs root")
def test_a_file_that_an_overlay_removed_becomes_a_whiteout(tmp_path: Path) -> None:
    tree, layer = _tree(tmp_path / "tree"), tmp_path / "layer.tar"
    os.mknod(tree / "usr/gone", 0o020000, os.makedev(0, 0))
    layer_from_tree(tree, layer)
    with tarfile.open(layer) as tar:
        assert "usr/.wh.gone" in tar.getnames()
        assert "usr/gone" not in tar.getnames()


@pytest.mark.parametrize(("machine", "arch"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_an_image_is_labelled_with_the_architecture_of_its_programs(
    machine: str, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert json.loads(Config().document(["0"]))["architecture"] == arch


def test_an_archive_says_what_it_holds(tmp_path: Path) -> None:
    layers = [tmp_path / "low.tar", tmp_path / "high.tar"]
    layer_from_entries({"a": Entry(b"low")}, layers[0])
    layer_from_entries({"a": Entry(b"high")}, layers[1])
    archive = tmp_path / "image.tar"
    write_archive(archive, "lab.local/x:1", Config(entrypoint=("/a",), user="nobody"), layers)
    with tarfile.open(archive) as tar:
        content = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]  # a regular file has one
    (manifest,) = json.loads(content["manifest.json"])
    assert manifest["RepoTags"] == ["lab.local/x:1"]
    digests = [hashlib.sha256(content[name]).hexdigest() for name in manifest["Layers"]]
    assert [content[name] for name in manifest["Layers"]] == [layer.read_bytes() for layer in layers]
    document = json.loads(content[manifest["Config"]])
    assert document["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in digests]
    assert manifest["Config"] == f"{hashlib.sha256(content[manifest['Config']]).hexdigest()}.json"
    assert document["config"]["Entrypoint"] == ["/a"]
    assert "Cmd" not in document["config"]


def test_the_bundle_has_every_image_that_the_program_takes_from_it() -> None:
    wanted = default_images("bundle")
    had = set(REFERENCES.values())
    assert len(had) == len(REFERENCES)
    for name in ("webpod", "debug", "local_path", "local_path_helper", "prometheus"):
        assert getattr(wanted, name) in had, name
    assert wanted.grafana not in had  # it cannot be built from package registries
