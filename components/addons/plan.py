"""Which add-ons can be had: pure, so that a preview shows it before anything exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from cilium_lab.artifacts.bundle import Artifacts
from cilium_lab.config.addons import ADDONS, Addon
from cilium_lab.config.schema import LabConfig


@dataclass(frozen=True)
class Missing:
    """A wanted add-on that will not be there, and the reason in one sentence."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True)
class AddonPlan:
    """The add-ons to install, with the image of each, and those that are wanted but cannot be had."""

    images: Mapping[str, str]
    missing: tuple[Missing, ...]

    def has(self, name: str) -> bool:
        """True if the add-on is wanted and its image can be had."""
        return name in self.images


def plan_addons(
    wanted: Iterable[str], images: Mapping[str, str], why_missing: Mapping[str, str] | None = None
) -> AddonPlan:
    """Sort the wanted add-ons into those whose image is in `images` and those that are missing.

    `images` maps an add-on to an image reference (`registry/name:tag`). `why_missing` holds reasons, as the
    bundle's index gives them; without one the reason says that the artifacts have no image.
    """
    reasons, names = why_missing or {}, set(wanted)
    available: dict[str, str] = {}
    missing: list[Missing] = []
    for addon in ADDONS:
        if addon.name not in names:
            continue
        if addon.name not in images:
            missing.append(Missing(addon.name, reasons.get(addon.name, "the chosen artifacts hold no image for it")))
        elif addon.needs and addon.needs not in available:
            missing.append(Missing(addon.name, f"it needs {addon.needs}"))
        else:
            available[addon.name] = images[addon.name]
    return AddonPlan(available, tuple(missing))


def addon_plan(config: LabConfig, artifacts: Artifacts) -> AddonPlan:
    """Which of the add-ons that the configuration switches on can be had from the artifacts."""
    wanted = [addon.name for addon in ADDONS if getattr(config.addons, addon.field)]
    images = {addon.name: _image(config, addon) for addon in ADDONS if _can_be_had(config, addon, artifacts)}
    return plan_addons(wanted, images, artifacts.missing)


def page_urls(config: LabConfig, plan: AddonPlan) -> dict[str, str]:
    """Add-on -> URL of its page on the control plane, for each add-on of the plan that has one."""
    address = config.topology.control_plane.address
    return {
        addon.name: f"http://{address}:{getattr(config.node_ports, addon.page.field)}"
        for addon in ADDONS
        if addon.page and plan.has(addon.name)
    }


def checked_pages(config: LabConfig, plan: AddonPlan) -> dict[str, str]:
    """Those of the pages that answer with status 200."""
    answering = {addon.name for addon in ADDONS if addon.page and addon.page.answers}
    return {name: url for name, url in page_urls(config, plan).items() if name in answering}


def _image(config: LabConfig, addon: Addon) -> str:
    return cast(str, getattr(config.images, addon.image)) if addon.image else addon.repositories[0]


def _can_be_had(config: LabConfig, addon: Addon, artifacts: Artifacts) -> bool:
    if addon.image:
        return artifacts.has_image(_image(config, addon))
    return all(artifacts.has_repository(repository) for repository in addon.repositories)
