"""A lab's artifacts in one file: exported, imported on a machine with an empty cache, and files that are not whole."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap import prerequisites
from airgap.builder import builder, golang
from airgap.builder.builder import Builder
from airgap.builder.recipe import Recipe, Workspace
from airgap.builder.report import Progress
from airgap.recipes.packages import MACHINE_PACKAGES
from cilium_lab.paths import ROOT
from labctl import carrying, source, venv
from labctl.command import LabError
from labctl.source import Supply

OLD_GO = "go1.26.1 linux/amd64"


def tree(ws: Workspace) -> None:
    """What a root file system has: owners, a capability, a device that marks a removed file, a link."""
    (ws.out / "ping").write_text("program")
    os.chown(ws.out / "ping", 0, 1234)
    (ws.out / "ping").chmod(0o4755)
    os.setxattr(ws.out / "ping", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.mknod(ws.out / "gone", 0o600 | 0o020000, os.makedev(0, 0))
    (ws.out / "link").symlink_to("/nowhere")


def repository(ws: Workspace) -> None:
    (ws.out / "Packages").write_text("")


def recipes(note: str) -> tuple[Recipe, ...]:
    base = Recipe("base", repository)
    return (base, Recipe("one", tree, (note,), needs=("base",)), Recipe(MACHINE_PACKAGES, repository))


@dataclass
class Machine:
    """Caches of machines, one after the other, and what they build."""

    top: Path
    patch: pytest.MonkeyPatch

    def boot(self, name: str, note: str = "") -> Path:
        """A machine with an empty cache, whose recipes have that note; returns its cache."""
        cache = self.top / name
        cache.mkdir()
        for module, constant, place in (
            (builder, "ARTIFACTS", "artifacts"),
            (builder, "CURRENT", "current"),
            (builder, "LOGS", "logs"),
            (carrying, "ARTIFACTS", "artifacts"),
            (carrying, "CACHE", ""),
            (source, "_CHOSEN", "source.json"),
            (venv, "WHEELS", "wheels"),
            (golang, "_CARRIED", "go/carried-version"),
        ):
            self.patch.setattr(module, constant, cache / place)
        self.patch.setattr(Supply, "builder", lambda _self: Builder(recipes(note), Progress(io.StringIO())))
        return cache


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    prerequisites.install((prerequisites.ZSTD,))
    wheels = tmp_path / "index"
    wheels.mkdir()
    (wheels / "some-1.whl").write_text("wheel")
    monkeypatch.setattr(venv, "wheels", lambda: wheels)
    monkeypatch.setattr(prerequisites, "missing", lambda _packages: [])
    monkeypatch.setattr(carrying, "TOOLCHAIN", ("one",))
    monkeypatch.setattr(carrying, "BUNDLE", ())
    return Machine(tmp_path, monkeypatch)


def test_what_was_exported_is_there_after_an_import(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.boot("here")
    file = tmp_path / "lab.tar"
    assert carrying.bundle(["export", str(file)]) == 0
    assert f"bundle import {file.name}" in capsys.readouterr().out
    there = machine.boot("there")
    assert carrying.bundle(["import", str(file)]) == 0
    ping = there / "current/one/ping"
    status = ping.stat()
    assert (status.st_mode & 0o7777, status.st_gid, ping.read_text()) == (0o4755, 1234, "program")
    assert os.getxattr(ping, "security.capability").hex().startswith("01000002")
    assert os.lstat(there / "current/one/gone").st_rdev == 0
    assert (there / "current/one/link").readlink() == Path("/nowhere")
    assert (there / "wheels/some-1.whl").read_text() == "wheel"
    built = Supply("registries").builder()
    assert built.missing(["one"]) == []
    assert json.loads((there / "source.json").read_text())["source"] == "registries"
    assert not list((there / "artifacts").glob(".import*"))
    # and on to the next machine, from here
    machine.patch.setattr(venv, "wheels", lambda: there / "wheels")
    assert carrying.bundle(["export", str(tmp_path / "again.tar")]) == 0


def test_the_file_holds_the_checkout(machine: Machine, tmp_path: Path) -> None:
    machine.boot("here")
    carrying.bundle(["export", str(tmp_path / "lab.tar")])
    subprocess.run(["tar", "-xf", tmp_path / "lab.tar", "-C", tmp_path, "cilium-lab"], check=True)
    for name in ("lab", "Pulumi.yaml", "airgap/recipes/packages.py"):
        assert (tmp_path / "cilium-lab" / name).read_bytes() == (ROOT / name).read_bytes()
    assert os.access(tmp_path / "cilium-lab/lab", os.X_OK)


def test_artifacts_are_found_without_the_toolchain_that_made_them(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.boot("here")
    monkeypatch.setattr(golang, "_printed", lambda *_words: f"go version {OLD_GO}")
    carrying.bundle(["export", str(tmp_path / "lab.tar")])
    machine.boot("there")
    monkeypatch.setattr(golang, "_printed", lambda *_words: "go version go1.26.9 linux/amd64")
    assert golang.version() == "go1.26.9 linux/amd64"
    carrying.bundle(["import", str(tmp_path / "lab.tar")])
    assert golang.version() == OLD_GO


def rewritten(file: Path, change: Callable[[dict[str, object]], None]) -> None:
    """The file with another manifest."""
    folder = file.with_suffix(".d")
    subprocess.run(["mkdir", folder], check=True)
    subprocess.run(["tar", "-xf", file, "-C", folder], check=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    subprocess.run(["tar", "-cf", file, "-C", folder, *os.listdir(folder)], check=True)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("schema", 7, "seen: schema 7"),
        ("arch", "s390x", "seen: arch s390x"),
        ("bytes", 1 << 60, "next: free space"),
        ("sha256", "0" * 64, "the manifest says 0000"),
        ("artifacts", {"one": "0" * 16}, "seen: other recipes made one"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_nothing_of_it_stays(
    machine: Machine, tmp_path: Path, name: str, value: object, told: str
) -> None:
    machine.boot("here")
    file = tmp_path / "lab.tar"
    carrying.bundle(["export", str(file)])
    rewritten(file, lambda manifest: manifest.update({name: value}))
    there = machine.boot("there")
    with pytest.raises(LabError) as raised:
        carrying.bundle(["import", str(file)])
    assert told in str(raised.value)
    left = {path.name for path in (there / "artifacts").glob("*")} if (there / "artifacts").exists() else set[str]()
    assert left == set()
    assert not (there / "go/carried-version").exists()
    assert not (there / "source.json").exists()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.97])
def test_a_file_that_was_cut_off_is_refused(machine: Machine, tmp_path: Path, share: float) -> None:
    machine.boot("here")
    file = tmp_path / "lab.tar"
    carrying.bundle(["export", str(file)])
    with tarfile.open(file) as whole:
        end = whole.getmember("artifacts.tar.zst").offset_data + whole.getmember("artifacts.tar.zst").size
    os.truncate(file, int(end * share))
    there = machine.boot("there")
    with pytest.raises(LabError, match=r"(?s)expected: a whole file.*copy it again"):
        carrying.bundle(["import", str(file)])
    assert not list((there / "artifacts").glob("*")) if (there / "artifacts").exists() else True


def test_another_checkout_is_pointed_to_the_one_in_the_file(machine: Machine, tmp_path: Path) -> None:
    machine.boot("here")
    carrying.bundle(["export", str(tmp_path / "lab.tar")])
    machine.boot("there", note="edited")
    with pytest.raises(LabError, match=r"next: take the checkout out of the file .*tar -xf FILE cilium-lab"):
        carrying.bundle(["import", str(tmp_path / "lab.tar")])
