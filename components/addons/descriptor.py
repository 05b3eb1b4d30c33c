"""What a module of this package says about its add-on: the objects, in which order, and the component's type."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cilium_lab.config.schema import LabConfig
from components import addons
from components.manifest import Manifest


@dataclass(frozen=True)
class Object:
    """One object of the cluster."""

    name: str
    """Of the resource, after its component's name and a hyphen."""
    manifest: Manifest
    after: tuple[str, ...] = ()
    """The names of the objects of the same component that have to exist before."""


@dataclass(frozen=True)
class Descriptor:
    """An add-on's objects, as a pure function of the configuration."""

    addon: str
    """Its name in `cilium_lab.config.addons.ADDONS`."""
    objects: Callable[[LabConfig], Sequence[Object]]
    component: str = ""
    """The type token of its component; empty when its objects belong to the component of the add-on that it needs."""


def checksum(manifest: Manifest) -> str:
    """sha256 in hex of the manifest, whatever the order of its keys: as an annotation of a pod template it makes a new
    pod of a changed configuration."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def descriptors() -> Mapping[str, Descriptor]:
    """The descriptor of each add-on that this program makes itself, by the add-on's name."""
    modules = (
        importlib.import_module(f"{addons.__name__}.{one.name}") for one in pkgutil.iter_modules(addons.__path__)
    )
    found = (getattr(module, "DESCRIPTOR", None) for module in modules)
    return {one.addon: one for one in found if isinstance(one, Descriptor)}
