"""All recipes, for each of the two sources of artifacts."""

from __future__ import annotations

import functools
from typing import Literal

from airgap.builder.recipe import Recipe
from airgap.recipes import RECIPES, upstream

Source = Literal["upstream", "registries"]
"""Where an artifact comes from: downloaded as upstream publishes it, or built from package registries."""


@functools.cache
def catalogue(source: Source) -> tuple[Recipe, ...]:
    """The recipes for that source."""
    return upstream.in_place_of(RECIPES) if source == "upstream" else RECIPES
