"""The Debian packages that the embedded stack needs of a machine, as a repository in a folder.

Relative to Debian's smallest system, so that any machine of that release finds there what it lacks, without a network.
"""

from __future__ import annotations

import shutil

from airgap.builder.digest import file_sha256
from airgap.builder.recipe import Recipe, Workspace
from airgap.prerequisites import PACKAGES
from airgap.recipes import debian

MACHINE_PACKAGES = "machine-packages"
_NAMES = (*(package.name for package in PACKAGES), "python3", "zstd")
"""zstd unpacks what is carried; ./lab itself is Python."""


def _repository(ws: Workspace) -> None:
    apt = debian.download(ws, ws.need("base-tree") / "tree/var/lib/dpkg/status", ["install", *_NAMES])
    stanzas: list[str] = []
    for package in sorted((apt / "cache/archives").glob("*.deb")):
        shutil.copyfile(package, ws.out / package.name)
        fields = ws.output(["dpkg-deb", "--field", package]).strip()
        place = f"Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {file_sha256(package)}"
        stanzas.append(f"{fields}\n{place}\n")
    (ws.out / "Packages").write_text("\n".join(stanzas))


RECIPES = (Recipe(MACHINE_PACKAGES, _repository, inputs=(debian.IN_TREE,), needs=("base-tree",), cost=25),)
