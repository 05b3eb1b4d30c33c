"""The study's router: it forwards, has the addresses behind it and serves a page. Nodes get a lasting route to it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import NODE_INTERFACE
from components.machines.machine import Machine
from components.nodes.artifacts import install_router_packages


class Router(pulumi.ComponentResource):
    """Configures the router and the static route on every node."""

    def __init__(
        self,
        name: str,
        config: LabConfig,
        machines: Mapping[str, Machine],
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:hosts:Router", name, None, opts)
        topology = config.topology
        behind = topology.router_network
        router = machines[topology.router.name]
        packages = install_router_packages(router, config, parent=self)
        links = [f"{link.name}={link.interface}" for link in behind.links]
        router.run("router", "router.sh", *links, parent=self, depends_on=packages)
        for node in topology.nodes:
            machines[node.name].run(
                "route",
                "static-route.sh",
                str(behind.cidr),
                str(topology.router.address),
                NODE_INTERFACE,
                parent=self,
            )
        self.register_outputs({})
