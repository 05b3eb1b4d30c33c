"""Installs the add-ons that the plan allows and reports those that it does not.

Hubble's page is made by the Cilium chart; here it only counts as wanted and had, so that one list tells all.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.addons import grafana, prometheus
from components.addons.monitoring import Monitoring, MonitoringArgs
from components.addons.plan import AddonName, AddonPlan
from components.addons.storage import LocalPathStorage

# The study's NodePort for Hubble's page; the chart's values set it.
HUBBLE_UI_PORT = 30003


@dataclass(frozen=True)
class AddonsArgs:
    """The plan, the image of storage's helper pods, a node's address for the pages' URLs, and NodePorts."""

    plan: AddonPlan
    helper_image: str
    node_address: str
    prometheus_port: int = prometheus.NODE_PORT
    grafana_port: int = grafana.NODE_PORT
    hubble_ui_port: int = HUBBLE_UI_PORT


def page_urls(args: AddonsArgs) -> dict[str, str]:
    """Add-on -> URL of its page on `node_address`, for each add-on of the plan that has one."""
    ports: dict[AddonName, int] = {
        "monitoring": args.prometheus_port,
        "grafana": args.grafana_port,
        "hubble-ui": args.hubble_ui_port,
    }
    return {name: f"http://{args.node_address}:{port}" for name, port in ports.items() if args.plan.has(name)}


class Addons(pulumi.ComponentResource):
    """Storage and monitoring. Outputs: `pages` (add-on -> URL) and `missingAddons` (one sentence each)."""

    pages: pulumi.Output[dict[str, str]]
    missing_addons: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        args: AddonsArgs,
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:addons:Addons", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        images = args.plan.images
        for missing in args.plan.missing:
            pulumi.log.warn(f"add-on left out: {missing}", resource=self)
        if "storage" in images:
            helper = args.helper_image
            LocalPathStorage(f"{name}-storage", images["storage"], helper, provider=provider, opts=child)
        if "monitoring" in images:
            monitoring = MonitoringArgs(
                prometheus_image=images["monitoring"],
                prometheus_port=args.prometheus_port,
                grafana_image=images.get("grafana"),
                grafana_port=args.grafana_port,
            )
            Monitoring(f"{name}-monitoring", monitoring, provider=provider, opts=child)
        self.pages = pulumi.Output.from_input(page_urls(args))
        self.missing_addons = pulumi.Output.from_input([str(missing) for missing in args.plan.missing])
        self.register_outputs({"pages": self.pages, "missingAddons": self.missing_addons})
