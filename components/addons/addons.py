"""Installs the add-ons that the plan allows and reports those that it does not.

Cilium's chart makes Hubble's page; here it only counts as wanted and had, so that one list holds all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from cilium_lab.config.addons import ADDONS
from cilium_lab.config.schema import LabConfig
from components.addons.descriptor import Object, descriptors
from components.addons.plan import AddonPlan, page_urls
from components.manifest import declare


class Addons(pulumi.ComponentResource):
    """The add-ons of the plan. Outputs: `pages` (add-on -> URL) and `missingAddons` (one sentence each)."""

    pages: pulumi.Output[dict[str, str]]
    missing_addons: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        config: LabConfig,
        plan: AddonPlan,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:addons:Addons", name, None, opts)
        for missing in plan.missing:
            pulumi.log.warn(f"add-on left out: {missing}", resource=self)
        child = pulumi.ResourceOptions(parent=self)
        for component, objects in components(config, plan).items():
            AddonObjects(f"{name}-{component.addon}", component.type, objects, provider=provider, opts=child)
        self.pages = pulumi.Output.from_input(page_urls(config, plan))
        self.missing_addons = pulumi.Output.from_input([str(missing) for missing in plan.missing])
        self.register_outputs({"pages": self.pages, "missingAddons": self.missing_addons})


class AddonObjects(pulumi.ComponentResource):
    """The objects of one add-on, and of those that need it and have no component of their own."""

    def __init__(
        self,
        name: str,
        token: str,
        objects: Sequence[Object],
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(token, name, None, opts)
        declared: dict[str, pulumi.Resource] = {}
        for one in objects:
            before = [declared[other] for other in one.after]
            inside = pulumi.ResourceOptions(parent=self, provider=provider, depends_on=before)
            declared[one.name] = declare(f"{name}-{one.name}", one.manifest, opts=inside)
        self.register_outputs({})


@dataclass(frozen=True)
class Component:
    """The component of an add-on: the add-on's name, and the type token."""

    addon: str
    type: str


def components(config: LabConfig, plan: AddonPlan) -> Mapping[Component, Sequence[Object]]:
    """The components of the plan's add-ons with their objects, in the order in which they are declared."""
    described = descriptors()
    found: dict[Component, list[Object]] = {}
    homes: dict[str, Component] = {}
    for addon in ADDONS:
        descriptor = described.get(addon.name)
        if descriptor and plan.has(addon.name):
            own = Component(addon.name, descriptor.component) if descriptor.component else homes[addon.needs]
            homes[addon.name] = own
            found.setdefault(own, []).extend(descriptor.objects(config))
    return found
