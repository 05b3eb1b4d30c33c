"""Types of the values of Cilium's chart, a module for each minor release, made by tools/chart_types.py."""

from __future__ import annotations

import importlib
from types import ModuleType

from cilium_lab.config.versions import CILIUM_RELEASES

MINORS = tuple(dict.fromkeys(version.rpartition(".")[0] for version in CILIUM_RELEASES))
"""The minor releases whose values are known, oldest first."""


def module_name(minor: str) -> str:
    """The module of a minor release (x.y): v1_17 of 1.17."""
    return f"v{minor.replace('.', '_')}"


def of_version(version: str) -> ModuleType:
    """The types of the chart of that version (x.y.z); ImportError for a minor release that is not of MINORS."""
    return importlib.import_module(f"{__name__}.{module_name(version.rpartition('.')[0])}")
