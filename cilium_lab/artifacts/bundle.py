"""What the chosen source of artifacts has. A bundle says so in its index; online everything can be had.

A bundle holds the study's releases of Cilium and Kubernetes. Another one lies beside it in a folder of its own, with an
index as the bundle has, and is made when a stack wants it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from cilium_lab.config.schema import LabConfig
from cilium_lab.config.versions import (
    CILIUM,
    CILIUM_RELEASES,
    IMAGES,
    KUBERNETES,
    KUBERNETES_RELEASES,
    kubernetes_release_name,
    release_name,
)

INDEX = "index.json"
SCHEMA = 1


class BundleError(Exception):
    """The bundle can't be used; the text says why and what to do."""


@dataclass(frozen=True)
class Archive:
    """A docker-archive of one image, or a program; and its sha256 in 64 hexadecimal digits."""

    image: str
    """Its full reference; of a program the path that it gets on a host."""
    file: Path
    sha256: str


@dataclass(frozen=True)
class Artifacts:
    """`images` are the full references that can be had, None for all; `missing` tells why something is not there."""

    images: frozenset[str] | None = None
    versions: Mapping[str, str] | None = None
    missing: Mapping[str, str] | None = None
    arch: str | None = None
    chart: Path | None = None
    """The folder of Cilium's chart; None: it comes from upstream's repository."""
    archives: tuple[Archive, ...] = ()
    """Images of a release of Cilium beside the bundle, which hosts do not have from the bundle."""
    kubernetes: tuple[Archive, ...] = ()
    """The same of a release of Kubernetes: images, and programs by their paths on hosts."""

    def has_image(self, reference: str) -> bool:
        """Whether an image of that exact reference can be had."""
        return self.images is None or reference in self.images

    def has_repository(self, repository: str) -> bool:
        """Whether an image of that repository can be had, in whatever version: quay.io/cilium/hubble-ui."""
        return self.images is None or any(
            image.startswith((f"{repository}:", f"{repository}@")) for image in self.images
        )


ONLINE = Artifacts()


def from_index(index: Mapping[str, object]) -> Artifacts:
    """What a bundle's index.json says."""
    if index.get("schema") != SCHEMA:
        raise BundleError(
            f"the bundle is of another version\n  expected: an index of schema {SCHEMA}\n"
            f"  seen: schema {index.get('schema')!r}\n  next: ./lab build"
        )
    images = cast(Sequence[Mapping[str, str]], index.get("images", ()))
    missing = cast(Sequence[Mapping[str, str]], index.get("missing", ()))
    return Artifacts(
        images=frozenset(image["ref"] for image in images),
        versions=cast(Mapping[str, str], index.get("versions", {})),
        missing={entry["name"]: entry["why"] for entry in missing},
        arch=cast(str, index.get("arch", "")),
    )


def release_folder(bundle: Path, version: str) -> Path:
    """Where a release of Cilium lies that is not the bundle's own."""
    return bundle.parent / release_name(version)


def kubernetes_folder(bundle: Path, version: str) -> Path:
    """The same for a release of Kubernetes."""
    return bundle.parent / kubernetes_release_name(version)


def read(folder: Path) -> Artifacts:
    """The bundle in a folder. Raises `BundleError` when there is none."""
    return replace(from_index(_index(folder, "./lab build, or set bundlePath")), chart=_chart(folder))


def with_release(bundle: Artifacts, folder: Path) -> Artifacts:
    """A bundle with the release of Cilium in that folder instead of its own. Raises `BundleError` for a bad one."""
    index = _index(folder, f"./lab build {folder.name}")
    release = from_index(index)
    files = cast(Mapping[str, Mapping[str, str]], index["files"])
    images = cast(Sequence[Mapping[str, str]], index["images"])
    return replace(
        bundle,
        images=(bundle.images or frozenset()) | (release.images or frozenset()),
        versions={**(bundle.versions or {}), **(release.versions or {})},
        chart=_chart(folder),
        archives=tuple(Archive(i["ref"], folder / i["file"], files[i["file"]]["sha256"]) for i in images),
    )


def with_kubernetes(bundle: Artifacts, folder: Path) -> Artifacts:
    """A bundle with the release of Kubernetes in that folder instead of its own. Raises `BundleError` for a bad one."""
    index = _index(folder, f"./lab build {folder.name}")
    version = cast(Mapping[str, str], index["versions"])["kubernetes"]
    files = cast(Mapping[str, Mapping[str, str]], index["files"])
    images = cast(Sequence[Mapping[str, str]], index["images"])
    names = {f"{kubernetes_programs(version)}/{Path(file).name}": file for file in files if file.startswith("bin/")}
    names |= {image["ref"]: image["file"] for image in images}
    return replace(
        bundle,
        images=(bundle.images or frozenset()) | {image["ref"] for image in images},
        versions={**(bundle.versions or {}), "kubernetes": version},
        kubernetes=tuple(Archive(name, folder / file, files[file]["sha256"]) for name, file in names.items()),
    )


def kubernetes_programs(version: str) -> str:
    """The folder on a host of the programs of a release of Kubernetes that is not the bundle's own."""
    return f"/opt/cilium-lab/kubernetes/{version}"


def _chart(folder: Path) -> Path:
    return folder / "charts" / "cilium"


def _index(folder: Path, remedy: str) -> Mapping[str, object]:
    path = folder / INDEX
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"the bundle cannot be read\n  expected: {path}\n  seen: {error}\n  next: {remedy}"
        ) from error


def with_images_of(lab: LabConfig, artifacts: Artifacts) -> LabConfig:
    """The configuration with upstream's own images where a bundle has them, and not the project's stand-ins.

    An image that the configuration names stays.
    """
    found = {
        name: image.online.tagged
        for name, image in IMAGES.items()
        if getattr(lab.images, name) == image.bundle and not artifacts.has_image(image.bundle)
        if artifacts.has_image(image.online.tagged)
    }
    return lab.model_copy(update={"images": lab.images.model_copy(update=found)})


def mismatches(lab: LabConfig, artifacts: Artifacts) -> list[str]:
    """Where a bundle does not fit the configuration: another architecture, other versions. One text each."""
    found: list[str] = []
    if artifacts.arch is not None and artifacts.arch != lab.arch:
        found.append(f"arch is {lab.arch}, but the bundle is for {artifacts.arch}")
    held = artifacts.versions or {}
    if _differs(held, "kubernetes", lab.versions.kubernetes):
        wanted = lab.versions.kubernetes
        remedy = _remedy(wanted, KUBERNETES, KUBERNETES_RELEASES, kubernetes_release_name)
        found.append(f"versions.kubernetes is {wanted}, but the bundle holds {held['kubernetes']}; {remedy}")
    if _differs(held, "cilium", lab.versions.cilium):
        wanted = lab.versions.cilium
        remedy = _remedy(wanted, CILIUM, CILIUM_RELEASES, release_name)
        found.append(f"versions.cilium is {wanted}, but the bundle holds {held['cilium']}; {remedy}")
    return found


def _remedy(version: str, own: str, known: Iterable[str], named: Callable[[str], str]) -> str:
    """What to do for a version; `own` is the bundle's, `known` can be built, and `named` is what a build calls one."""
    if version not in known:
        return f"releases that can be built: {', '.join(known)}"
    return f"next: ./lab build{'' if version == own else f' {named(version)}'} (./lab up does so)"


def _differs(held: Mapping[str, str], name: str, wanted: str) -> bool:
    return held.get(name, wanted).removeprefix("v") != wanted
