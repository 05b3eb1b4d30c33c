"""The lab's two libvirt networks: the nodes' with the gateway's address on it, and the one behind the router."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pulumi
import pulumi_libvirt as libvirt

from cilium_lab.config.topology import Hypervisor, Network, RouterNetwork
from components.machines.leftovers import without_leftover_network


def network_uri(hypervisor: Hypervisor) -> str:
    """Networks are made by libvirt's network driver, which its QEMU URI reaches and the LXC URI does not."""
    scheme, _, rest = hypervisor.uri.partition("://")
    return f"{scheme.replace('lxc', 'qemu', 1)}://{rest}"


def gateway_stylesheet(network: Network) -> str | None:
    """XSLT that puts the gateway's address on the bridge; None where it is the provider's own choice.

    terraform-provider-libvirt always gives the bridge the first address of the range (libvirt/network.go,
    getNetworkIPConfig); the study's gateway is 172.31.0.2.
    """
    if network.gateway == network.cidr.network_address + 1:
        return None
    return (
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        '<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>'
        '<xsl:template match="/network/ip/@address"><xsl:attribute name="address">'
        f"<xsl:value-of select={quoteattr(repr(str(network.gateway)))}/>"
        "</xsl:attribute></xsl:template></xsl:stylesheet>"
    )


class Networks(pulumi.ComponentResource):
    """Makes both networks on one hypervisor. `uplink` says whether hosts may reach the world (NAT) or nothing."""

    created: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        hypervisor: Hypervisor,
        network: Network,
        router_network: RouterNetwork,
        *,
        uplink: bool,
        provider: libvirt.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:machines:Networks", name, None, opts)
        uri = network_uri(hypervisor)
        stylesheet = gateway_stylesheet(network)
        nodes = libvirt.Network(
            f"{name}-nodes",
            name="cilium-lab",
            bridge=network.bridge,
            mode="nat" if uplink else "none",
            addresses=[str(network.cidr)],
            dhcp=libvirt.NetworkDhcpArgs(enabled=False),
            dns=libvirt.NetworkDnsArgs(enabled=uplink),
            autostart=True,
            xml=libvirt.NetworkXmlArgs(xslt=stylesheet) if stylesheet else None,
            opts=self._options(uri, "cilium-lab", provider),
        )
        behind = libvirt.Network(
            f"{name}-router",
            name="cilium-lab-router",
            bridge=router_network.bridge,
            mode="none",
            dhcp=libvirt.NetworkDhcpArgs(enabled=False),
            dns=libvirt.NetworkDnsArgs(enabled=False),
            autostart=True,
            opts=self._options(uri, "cilium-lab-router", provider),
        )
        self.created = [nodes, behind]
        self.register_outputs({})

    def _options(self, uri: str, network: str, provider: libvirt.Provider) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, provider=provider, hooks=without_leftover_network(uri, network))
