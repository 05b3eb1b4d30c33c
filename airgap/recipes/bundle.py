"""The bundle: programs, CNI plugins, images, chart and monitoring material in one folder with an index.

Files are hard links to those of the artifacts, so the bundle takes no space of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from airgap.builder.digest import file_sha256, tree_files
from airgap.builder.recipe import Recipe, Workspace, machine_arch
from airgap.recipes.images import REFERENCES
from airgap.recipes.kubernetes import CNI, HOST_COMMANDS
from airgap.recipes.tools import MISSING
from cilium_lab.config.versions import BUNDLED

SCHEMA = 1
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "kubernetes": HOST_COMMANDS,
    "etcd": ("etcdctl",),
    "crictl": ("crictl",),
    "cilium": ("hubble",),
    "helm": ("helm",),
    "k9s": ("k9s",),
    "termshark": ("termshark",),
    "probe": ("probe",),
}
"""Artifact -> the programs of it that a person or a host runs; the rest is inside images."""


def index(folder: Path, files: Iterable[Path]) -> dict[str, object]:
    """The content of index.json for these files below `folder`."""
    listed = {
        str(path.relative_to(folder)): {"sha256": file_sha256(path), "size": path.stat().st_size} for path in files
    }
    return {
        "schema": SCHEMA,
        "arch": machine_arch(),
        "versions": dict(BUNDLED),
        "files": listed,
        "images": [{"ref": ref, "file": f"images/{name}.tar"} for name, ref in sorted(REFERENCES.items())],
        "missing": [{"name": name, "why": why} for name, why in MISSING],
    }


def _bundle(ws: Workspace) -> None:
    for artifact, names in PROGRAMS.items():
        for name in names:
            _link(ws.need(artifact) / name, ws.out / "bin" / name)
    for name in CNI:
        _link(ws.need("cni-plugins") / name, ws.out / "cni" / name)
    for name in REFERENCES:
        _link(ws.need(f"image-{name}") / f"{name}.tar", ws.out / "images" / f"{name}.tar")
    for name, folder, below in (("chart", "cilium", "charts/cilium"), ("monitoring", "monitoring", "monitoring")):
        source = ws.need(name) / folder
        for path in tree_files(source):
            _link(path, ws.out / below / path.relative_to(source))
    content = index(ws.out, tree_files(ws.out))
    (ws.out / "index.json").write_text(json.dumps(content, indent=1) + "\n")


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


RECIPES = (
    Recipe(
        "bundle",
        _bundle,
        needs=(*PROGRAMS, "cni-plugins", "chart", "monitoring", *(f"image-{name}" for name in REFERENCES)),
        cost=10,
    ),
)
