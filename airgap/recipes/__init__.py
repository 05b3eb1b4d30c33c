"""Recipes: each module of this package that has RECIPES says how its artifacts are made."""

from __future__ import annotations

import importlib
import pkgutil

from airgap.builder.recipe import Recipe
from airgap.recipes.cilium import of_release
from cilium_lab.config.versions import CILIUM_RELEASES


def _collect() -> tuple[Recipe, ...]:
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = (importlib.import_module(f"{__name__}.{name}") for name in modules)
    return tuple(recipe for module in found for recipe in getattr(module, "RECIPES", ()))


RECIPES = _collect()
"""Every recipe that builds from package registries."""
TOOLCHAIN = ("pulumi", "plugin-kubernetes", "plugin-libvirt", "plugin-command")
BUNDLE = ("bundle", "rootfs", "containerd-seed")
"""With TOOLCHAIN, what a lab needs."""
CHARTS = tuple(of_release("chart", version) for version in CILIUM_RELEASES)
"""What the tests hold the program's values against."""
VIRTUAL_MACHINES = ("vm-image",)
"""What only a stack with virtual machines needs besides."""
