"""Which add-ons can be had: pure, so that a preview tells it before anything exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

AddonName = Literal["storage", "monitoring", "grafana", "hubble-ui"]
ADDONS: tuple[AddonName, ...] = get_args(AddonName)


@dataclass(frozen=True)
class Missing:
    """A wanted add-on that will not be there, and the reason in one sentence."""

    name: AddonName
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True)
class AddonPlan:
    """The add-ons to install, with the image of each, and those that are wanted but cannot be had."""

    images: Mapping[AddonName, str]
    missing: tuple[Missing, ...]

    def has(self, name: AddonName) -> bool:
        """True if the add-on is wanted and its image can be had."""
        return name in self.images


def plan_addons(
    wanted: Iterable[AddonName], images: Mapping[str, str], why_missing: Mapping[str, str] | None = None
) -> AddonPlan:
    """Sort the wanted add-ons into those whose image is in `images` and those that are missing.

    `images` maps an add-on to an image reference (`registry/name:tag`). `why_missing` holds reasons, as the
    bundle's index gives them; without one the reason says that the artifacts have no image.
    """
    reasons = why_missing or {}
    asked = set(wanted)
    in_order: list[AddonName] = [name for name in ADDONS if name in asked]
    available: dict[AddonName, str] = {}
    missing: list[Missing] = []
    for name in in_order:
        if name not in images:
            missing.append(Missing(name, reasons.get(name, "the chosen artifacts hold no image for it")))
        elif name == "grafana" and "monitoring" not in available:
            missing.append(Missing(name, "it needs monitoring"))
        else:
            available[name] = images[name]
    return AddonPlan(available, tuple(missing))
