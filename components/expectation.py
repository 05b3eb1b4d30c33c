"""What the checks of a running lab compare with, derived from its configuration."""

from __future__ import annotations

from cilium_lab.checks.expectation import Expectation
from cilium_lab.config.model import LabConfig
from cilium_lab.config.topology import NODE_INTERFACE, Host
from components.cilium.ipam import pod_ranges

STORAGE_CLASS = "local-path"


def router_page(router: Host) -> str:
    """The one page of the router's web server."""
    return f"<h1>Web Server : {router.name}</h1>"


def expectation(config: LabConfig, *, storage: bool, monitoring: bool, pages: dict[str, str]) -> Expectation:
    """The lab as it was asked for; `storage` and `monitoring` say whether their images could be had."""
    topology = config.topology
    behind = topology.router_network
    links = tuple(str(link.interface.ip) for link in behind.links)
    tunnel = config.tunnel_protocol
    return Expectation(
        nodes={host.name: str(host.address) for host in topology.nodes},
        control_plane=topology.control_plane.name,
        kubernetes_version=config.versions.kubernetes,
        router=topology.router.name,
        router_address=str(topology.router.address),
        router_study_address=links[0] if links else str(behind.address),
        router_addresses=(str(topology.router.address), str(behind.address), *links),
        router_page=router_page(topology.router),
        router_interface=NODE_INTERFACE,
        ipam_mode=config.ipam_mode,
        pod_ranges=tuple(map(str, pod_ranges(config))),
        node_mask=config.cluster_pool.mask_size,
        routing="native" if config.routing_mode == "native" else tunnel,
        masquerade=config.masquerade,
        debug_image=config.images.debug,
        sample_pool=str(config.sample_pool) if config.sample_pool else None,
        storage_class=STORAGE_CLASS if storage else None,
        prometheus_port=config.node_ports.prometheus if monitoring else None,
        pages=pages,
    )
