"""A host as a libvirt QEMU domain: KVM where the hypervisor has it, started from a cloud image."""

from __future__ import annotations

import pulumi
import pulumi_libvirt as libvirt

from components.machines.cloud_init import network_config, user_data
from components.machines.image import BaseImage
from components.machines.machine import Access, Machine
from components.topology import Host, Topology

_GIB = 1024**3


class VirtualMachine(Machine):
    """A copy-on-write disk, a NoCloud disk with the host's identity, and the domain."""

    def __init__(
        self,
        host: Host,
        topology: Topology,
        image: BaseImage,
        access: Access,
        *,
        depends_on: list[pulumi.Resource],
        provider: libvirt.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VirtualMachine", host.name, host, access, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        disk = libvirt.Volume(
            f"{host.name}-disk",
            name=f"{host.name}.qcow2",
            pool=image.pool.name,
            base_volume_id=image.volume.id,
            size=host.disk_gib * _GIB,
            opts=child,
        )
        keys = pulumi.Output.all(access.user.public, access.host.private, access.host.public)
        seed = libvirt.CloudInitDisk(
            f"{host.name}-cloud-init",
            name=f"{host.name}-cloud-init.iso",
            pool=image.pool.name,
            user_data=pulumi.Output.secret(keys.apply(lambda k: user_data(host, topology, k[0], k[1], k[2]))),
            network_config=network_config(host, topology),
            opts=child,
        )
        interfaces = [
            libvirt.DomainNetworkInterfaceArgs(bridge=topology.network.bridge, mac=host.mac, wait_for_lease=False)
        ]
        if host.role == "router":
            behind = topology.router_network
            interfaces.append(libvirt.DomainNetworkInterfaceArgs(bridge=behind.bridge, mac=behind.mac))
        self.domain = libvirt.Domain(
            f"{host.name}-domain",
            name=host.name,
            type="kvm",
            memory=host.memory_mib,
            vcpu=host.cpus,
            cpu=libvirt.DomainCpuArgs(mode="host-passthrough"),
            autostart=True,
            cloudinit=seed.id,
            disks=[libvirt.DomainDiskArgs(volume_id=disk.id)],
            network_interfaces=interfaces,
            consoles=[libvirt.DomainConsoleArgs(type="pty", target_type="serial", target_port="0")],
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=depends_on)),
        )
        self._await_ready()
