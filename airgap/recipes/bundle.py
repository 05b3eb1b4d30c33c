"""The bundle: programs, CNI plugins, images, chart and monitoring material in one folder with an index; and further
releases of Cilium and Kubernetes in folders of their own.

Files are hard links to those of the artifacts, so the bundle takes no space of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airgap.builder.digest import file_sha256, tree_files
from airgap.builder.recipe import Recipe, Workspace, machine_arch
from airgap.recipes.cilium import of_release
from airgap.recipes.images import REFERENCES, control_plane_images, release_images
from airgap.recipes.kubernetes import CNI, HOST_COMMANDS, of_kubernetes
from airgap.recipes.tools import MISSING
from cilium_lab.config.versions import (
    BUNDLED,
    CILIUM,
    CILIUM_RELEASES,
    KUBERNETES,
    KUBERNETES_RELEASES,
    kubernetes_release_name,
    release_name,
)

SCHEMA = 1
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "kubernetes": HOST_COMMANDS,
    "etcd": ("etcdctl",),
    "crictl": ("crictl",),
    "cilium": ("hubble",),
    "cilium-cli": ("cilium",),
    "helm": ("helm",),
    "k9s": ("k9s",),
    "termshark": ("termshark",),
    "probe": ("probe",),
}
"""Artifact -> the programs of it that a person or a host runs; the rest is inside images."""


@dataclass(frozen=True)
class Contents:
    """What a bundle holds."""

    programs: Mapping[str, tuple[str, ...]]
    """As PROGRAMS."""
    images: Mapping[str, str]
    """Name of the archive, whose recipe is `image-NAME` -> full reference."""
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    """What it lacks -> why."""
    monitoring: bool = True
    """Whether it has Cilium's monitoring example, which nothing of the lab reads."""


def index(folder: Path, files: Iterable[Path], contents: Contents) -> dict[str, object]:
    """The content of index.json for these files below `folder`."""
    listed = {
        str(path.relative_to(folder)): {"sha256": file_sha256(path), "size": path.stat().st_size} for path in files
    }
    return {
        "schema": SCHEMA,
        "arch": machine_arch(),
        "versions": dict(contents.versions),
        "files": listed,
        "images": [{"ref": ref, "file": f"images/{name}.tar"} for name, ref in sorted(contents.images.items())],
        "missing": [{"name": name, "why": why} for name, why in contents.missing.items()],
    }


def recipe(contents: Contents) -> Recipe:
    """The bundle."""
    material = ("monitoring",) if contents.monitoring else ()

    def make(ws: Workspace) -> None:
        for artifact, names in contents.programs.items():
            for name in names:
                _link(ws.need(artifact) / name, ws.out / "bin" / name)
        for name in CNI:
            _link(ws.need("cni-plugins") / name, ws.out / "cni" / name)
        _link_images(ws, contents.images)
        _link_tree(ws.need("chart") / "cilium", ws.out / "charts/cilium")
        for name in material:
            _link_tree(ws.need(name) / name, ws.out / name)
        _write(ws, index(ws.out, tree_files(ws.out), contents))

    needs = (*contents.programs, "cni-plugins", "chart", *material, *(f"image-{name}" for name in contents.images))
    return Recipe("bundle", make, needs=needs, cost=10)


def release(version: str, images: Mapping[str, str]) -> Recipe:
    """A release of Cilium that is not the bundle's own: its images and its chart, made when a stack wants it."""
    chart = of_release("chart", version)

    def make(ws: Workspace) -> None:
        _link_images(ws, images)
        _link_tree(ws.need(chart) / "cilium", ws.out / "charts/cilium")
        _write(ws, index(ws.out, tree_files(ws.out), Contents({}, images, {"cilium": version}, dict(MISSING))))

    return Recipe(release_name(version), make, needs=(chart, *(f"image-{name}" for name in images)), cost=3)


def kubernetes_release(version: str) -> Recipe:
    """A release of Kubernetes that is not the bundle's own: its programs and the control plane's images."""
    images = {image.name: image.ref for image in control_plane_images(version)}
    programs, commands = of_kubernetes("kubernetes", version), HOST_COMMANDS

    def make(ws: Workspace) -> None:
        for name in commands:
            _link(ws.need(programs) / name, ws.out / "bin" / name)
        _link_images(ws, images)
        _write(ws, index(ws.out, tree_files(ws.out), Contents({}, images, {"kubernetes": version}, {})))

    return Recipe(
        kubernetes_release_name(version), make, needs=(programs, *(f"image-{name}" for name in images)), cost=3
    )


def _link_images(ws: Workspace, names: Iterable[str]) -> None:
    for name in names:
        _link(ws.need(f"image-{name}") / f"{name}.tar", ws.out / "images" / f"{name}.tar")


def _link_tree(source: Path, target: Path) -> None:
    for path in tree_files(source):
        _link(path, target / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def _write(ws: Workspace, content: Mapping[str, object]) -> None:
    (ws.out / "index.json").write_text(json.dumps(content, indent=1) + "\n")


RECIPES = (
    recipe(Contents(PROGRAMS, REFERENCES, BUNDLED, dict(MISSING))),
    *(release(version, release_images(version)) for version in CILIUM_RELEASES if version != CILIUM),
    *(kubernetes_release(version) for version in KUBERNETES_RELEASES if version != KUBERNETES),
)
