"""The study's router: forwards, has the addresses behind it, and serves one page. Nodes get a lasting route to it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from components.machines.machine import Machine
from components.topology import NODE_INTERFACE, Topology


class Router(pulumi.ComponentResource):
    """Configures the router and the static route on every node."""

    def __init__(
        self,
        name: str,
        topology: Topology,
        router: Machine,
        nodes: Sequence[Machine],
        *,
        depends_on: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:hosts:Router", name, None, opts)
        behind = topology.router_network
        links = [f"{link.name}={link.interface}" for link in behind.links]
        router.run("router", "router.sh", *links, parent=self, depends_on=depends_on)
        for node in nodes:
            node.run(
                "route",
                "static-route.sh",
                str(behind.cidr),
                str(topology.router.address),
                NODE_INTERFACE,
                parent=self,
            )
        self.register_outputs({})
