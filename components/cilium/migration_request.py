"""The document of a migration, from the lab's configuration: a pure function."""

from __future__ import annotations

from cilium_lab.config.model import LabConfig
from cilium_lab.config.topology import API_SERVER_PORT
from cilium_lab.rollout.request import Canary, Desired
from components.cilium.ipam import masquerade_agent
from components.workloads import curl_pod, webpod

_DOMAIN = "svc.cluster.local"
_API = f"https://kubernetes.default.{_DOMAIN}/readyz"


def desired_cluster(lab: LabConfig) -> Desired:
    """What `preflight` and `run` are asked for. The node's own port of the API server is tried besides its Service."""
    topology = lab.topology
    behind = topology.router_network
    routers = (topology.router.address, *(link.interface.ip for link in behind.links[:1]))
    service = f"{webpod.NAME}.{webpod.NAMESPACE}.{_DOMAIN}"
    pages = (
        f"http://{service}/",
        _API,
        f"https://{topology.control_plane.address}:{API_SERVER_PORT}/readyz",
        *(f"http://{address}/" for address in routers),
    )
    return Desired(
        mode=lab.ipam_mode,
        pools=lab.cluster_pool.cidrs,
        pod_cidr=lab.pod_cidr,
        mask_size=lab.cluster_pool.mask_size,
        foreign={
            "the node network": topology.network.cidr,
            "the Service range": lab.service_cidr,
            "the network behind the router": behind.cidr,
        },
        direct_routes=lab.routing_mode == "native",
        masquerade_list=masquerade_agent(lab),
        recreate=(f"{curl_pod.NAMESPACE}/{curl_pod.NAME}", *lab.migration_recreate),
        services=("kube-system/kube-dns", f"{webpod.NAMESPACE}/{webpod.NAME}"),
        canary=Canary(lab.images.debug, pages, (service,), f"{webpod.NAMESPACE}/{webpod.LABELS['app']}"),
    )
