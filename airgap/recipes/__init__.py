"""Recipes: each module of this package that has PARTS says how its parts are made."""

from __future__ import annotations

import importlib
import pkgutil

from airgap.builder.part import Part


def _collect() -> tuple[Part, ...]:
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{name}") for name in modules)
    return tuple(part for module in found for part in getattr(module, "PARTS", ()))


PARTS = _collect()
"""Every part of every recipe."""
