"""The lab's two libvirt networks: the nodes' with the gateway's address on it, and the one behind the router."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pulumi
import pulumi_libvirt as libvirt

from cilium_lab.config.topology import Hypervisor, Network, RouterNetwork
from cilium_lab.libvirt.names import BEHIND_ROUTER, NODES, network_uri
from components.machines.orphans import Owner, without_orphaned_network


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
    """Makes both networks on one hypervisor. `uplink` tells whether hosts reach the internet (NAT) or nothing."""

    created: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        hypervisor: Hypervisor,
        network: Network,
        router_network: RouterNetwork,
        *,
        uplink: bool,
        owner: Owner,
        provider: libvirt.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:machines:Networks", name, None, opts)
        uri = network_uri(hypervisor)
        xslt = owner.stylesheet("network", gateway_stylesheet(network))
        nodes = libvirt.Network(
            f"{name}-nodes",
            name=NODES,
            bridge=network.bridge,
            mode="nat" if uplink else "none",
            addresses=[str(network.cidr)],
            dhcp=libvirt.NetworkDhcpArgs(enabled=False),
            dns=libvirt.NetworkDnsArgs(enabled=uplink),
            autostart=True,
            xml=libvirt.NetworkXmlArgs(xslt=xslt),
            opts=self._options(owner, uri, NODES, provider, str(network.gateway)),
        )
        behind = libvirt.Network(
            f"{name}-router",
            name=BEHIND_ROUTER,
            bridge=router_network.bridge,
            mode="none",
            dhcp=libvirt.NetworkDhcpArgs(enabled=False),
            dns=libvirt.NetworkDnsArgs(enabled=False),
            autostart=True,
            xml=libvirt.NetworkXmlArgs(xslt=owner.stylesheet("network")),
            opts=self._options(owner, uri, BEHIND_ROUTER, provider, ""),
        )
        self.created = [nodes, behind]
        self.register_outputs({})

    def _options(
        self, owner: Owner, uri: str, network: str, provider: libvirt.Provider, gateway: str
    ) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider,
            # two networks of one name and one bridge cannot be: the old one goes first
            delete_before_replace=True,
            # The mark is no reason to re-create a network that an earlier version made without it. What else stands in
            # the stylesheet is one: an earlier version noted no trigger, which is no change (shouldTriggerReplace in
            # the engine's step_generator.go).
            ignore_changes=["xml"],
            replacement_trigger=[gateway],
            hooks=without_orphaned_network(owner, uri, network),
        )
