"""What the chosen source of artifacts has. A bundle says so in its index; online everything can be had."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cilium_lab.config.schema import LabConfig

INDEX = "index.json"
SCHEMA = 1


class BundleError(Exception):
    """The bundle can't be used; the text says why and what to do."""


@dataclass(frozen=True)
class Artifacts:
    """`images` are the full references that can be had, None for all; `missing` tells why something is not there."""

    images: frozenset[str] | None = None
    versions: Mapping[str, str] | None = None
    missing: Mapping[str, str] | None = None
    arch: str | None = None

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


def read(folder: Path) -> Artifacts:
    """The bundle in a folder. Raises `BundleError` when there is none."""
    path = folder / INDEX
    try:
        return from_index(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"the bundle cannot be read\n  expected: {path}\n  seen: {error}\n  next: ./lab build, or set bundlePath"
        ) from error


def mismatches(lab: LabConfig, artifacts: Artifacts) -> list[str]:
    """Where a bundle does not fit the configuration: another architecture, other versions. One text each."""
    found: list[str] = []
    if artifacts.arch is not None and artifacts.arch != lab.arch:
        found.append(f"arch is {lab.arch}, but the bundle is for {artifacts.arch}")
    wanted = {"kubernetes": lab.versions.kubernetes, "cilium": lab.versions.cilium}
    for name, version in wanted.items():
        held = (artifacts.versions or {}).get(name, version)
        if held.removeprefix("v") != version:
            found.append(f"versions.{name} is {version}, but the bundle holds {held}")
    return found
