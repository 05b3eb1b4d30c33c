"""All hosts of the lab with their networks and keys; the one place that knows which kind of machine a host is."""

from __future__ import annotations

import pulumi
import pulumi_libvirt as libvirt

from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import Host, Hypervisor
from cilium_lab.libvirt.names import network_uri
from components.machines.image import BaseImage
from components.machines.keys import new_key_pair
from components.machines.local_paths import LocalPaths
from components.machines.machine import Access, Machine
from components.machines.networks import Networks
from components.machines.orphans import new_owner
from components.machines.system_container import SystemContainer
from components.machines.virtual_machine import VirtualMachine


class Fleet(pulumi.ComponentResource):
    """Makes every host. `machines` is keyed by host name."""

    machines: dict[str, Machine]

    def __init__(
        self, name: str, config: LabConfig, paths: LocalPaths, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("cilium-lab:machines:Fleet", name, None, opts)
        self._config, self._paths = config, paths
        self._child = pulumi.ResourceOptions(parent=self)
        topology = config.topology
        self._owner = new_owner(self._child)
        user = new_key_pair("lab-user-key", "cilium-lab", config.key_epoch, opts=self._child)
        # by the URI of libvirt's network driver
        self._images: dict[str, BaseImage] = {}
        self._bridges: dict[str, Networks] = {}
        self._libvirts: dict[str, libvirt.Provider] = {}
        for hypervisor in topology.hypervisors:
            if any(host.hypervisor == hypervisor.name for host in topology.hosts):
                self._prepare(hypervisor)
        self.machines = {}
        for host in topology.hosts:
            key = new_key_pair(f"{host.name}-host-key", host.name, config.key_epoch, opts=self._child)
            self.machines[host.name] = self._make(host, Access(user, key))
        for machine in self.machines.values():
            machine.finish(self.machines.values())
        self.register_outputs({})

    def _prepare(self, hypervisor: Hypervisor) -> None:
        topology, name, uri = self._config.topology, hypervisor.name, network_uri(hypervisor)
        if uri not in self._libvirts:  # one machine may be two hypervisors, for virtual machines and for containers
            self._libvirts[uri] = libvirt.Provider(f"libvirt-{name}", uri=uri, opts=self._child)
            self._bridges[uri] = Networks(
                f"networks-{name}",
                hypervisor,
                topology.network,
                topology.router_network,
                uplink=self._config.artifacts == "online",
                owner=self._owner,
                provider=self._libvirts[uri],
                opts=self._child,
            )
        if hypervisor.kind == "vm" and uri not in self._images:  # its pool has one name
            self._images[uri] = BaseImage(
                f"image-{name}",
                self._config,
                hypervisor,
                self._paths.image,
                owner=self._owner,
                provider=self._libvirts[uri],
                opts=self._child,
            )

    def _make(self, host: Host, access: Access) -> Machine:
        uri = network_uri(self._config.topology.hypervisor_of(host))
        networks = self._bridges[uri]
        if host.machine == "container":
            depends_on = networks.created
            topology = self._config.topology
            return SystemContainer(
                host, topology, self._paths, access, depends_on=depends_on, owner=self._owner, opts=self._child
            )
        return VirtualMachine(
            host,
            self._config.topology,
            self._config.arch,
            self._images[uri],
            self._paths.bundle,
            access,
            depends_on=networks.created,
            owner=self._owner,
            provider=self._libvirts[uri],
            opts=self._child,
        )
