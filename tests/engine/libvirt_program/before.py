"""The same objects under the same URNs, as they were made before they carried the stack's mark."""

from __future__ import annotations

import pulumi
import pulumi_libvirt as libvirt
from pulumi_command import local

from cilium_lab.config.topology import Network, RouterNetwork
from cilium_lab.libvirt.names import BASE, BEHIND_ROUTER, NODES, POOL, POOL_FOLDER
from components.machines.networks import gateway_stylesheet

_SCRIPTS = "components/scripts/local"


def make(network: Network, outer: RouterNetwork, image: str, uri: str, provider: libvirt.Provider) -> None:
    """Both networks, the pool and the base volume."""
    networks = pulumi.ComponentResource("cilium-lab:machines:Networks", "networks")
    opts = pulumi.ResourceOptions(parent=networks, provider=provider)
    stylesheet = gateway_stylesheet(network)
    assert stylesheet is not None
    libvirt.Network(
        "networks-nodes",
        name=NODES,
        bridge=network.bridge,
        mode="none",
        addresses=[str(network.cidr)],
        dhcp=libvirt.NetworkDhcpArgs(enabled=False),
        dns=libvirt.NetworkDnsArgs(enabled=False),
        autostart=True,
        xml=libvirt.NetworkXmlArgs(xslt=stylesheet),
        opts=opts,
    )
    libvirt.Network(
        "networks-router",
        name=BEHIND_ROUTER,
        bridge=outer.bridge,
        mode="none",
        dhcp=libvirt.NetworkDhcpArgs(enabled=False),
        dns=libvirt.NetworkDnsArgs(enabled=False),
        autostart=True,
        opts=opts,
    )
    parent = pulumi.ComponentResource("cilium-lab:machines:BaseImage", "image")
    logging = local.Logging.STDERR
    fetched = local.Command(
        "image-fetch",
        create=f"{_SCRIPTS}/check-image.sh {image}",
        logging=logging,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    opts = pulumi.ResourceOptions(parent=parent, provider=provider)
    pool = libvirt.Pool("image-pool", name=POOL, type="dir", target=libvirt.PoolTargetArgs(path=POOL_FOLDER), opts=opts)
    pool_ready = local.Command(
        "image-room",
        create="true",
        delete=f"{_SCRIPTS}/pool-down.sh {uri} {POOL}",
        logging=logging,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[pool]),
    )
    libvirt.Volume(
        "image-base",
        name=BASE,
        pool=pool.name,
        source=fetched.stdout,
        format="qcow2",
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[pool_ready])),
    )
