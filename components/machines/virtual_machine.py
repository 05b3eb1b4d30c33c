"""A host as a libvirt QEMU domain, started from a cloud image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import join

import pulumi
import pulumi_libvirt as libvirt
from pulumi_command import local

from cilium_lab.config.topology import Host, Topology
from cilium_lab.config.upstream import Arch
from cilium_lab.libvirt.names import BEHIND_ROUTER, NODES, POOL, POOL_FOLDER, host_volumes
from components.machines.address_conflict import check_address
from components.machines.cloud_init import BUNDLE_TAG, network_config, user_data
from components.machines.guest import guest, memory_limit
from components.machines.identity import hosts_file
from components.machines.image import BaseImage
from components.machines.machine import Access, Machine
from components.machines.orphans import Owner, without_orphaned_domain, without_orphaned_volume

_GIB = 1024**3
_DOWN = "components/scripts/local/domain-down.sh"
_MEMORY = "components/scripts/local/domain-memory.sh"


class VirtualMachine(Machine):
    """A copy-on-write disk, a NoCloud disk with the host's identity, and the domain.

    Its memory is changed while it runs, up to `memory_limit`. Another number of processors, another address or another
    kind of hypervisor make another machine: a preview shows that as a replacement, and it starts from a new disk, like
    every host that is replaced.

    `bundle` is a folder on the hypervisor that the machine sees read-only, or None.
    """

    def __init__(
        self,
        host: Host,
        topology: Topology,
        arch: Arch,
        image: BaseImage,
        bundle: Path | None,
        access: Access,
        *,
        depends_on: list[pulumi.Resource],
        owner: Owner,
        provider: libvirt.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("VirtualMachine", host.name, host, access, opts)
        self._image, self._provider, self._hosts = image, provider, topology.hosts
        hypervisor = topology.hypervisor_of(host)
        looks = guest(arch, hypervisor.domain_type or "kvm", POOL_FOLDER)
        limit = memory_limit(host.memory_mib)
        self._nature = [looks.type, looks.board, looks.cpu_mode, host.cpus, limit, str(host.address)]
        disk_name, seed_name = host_volumes(host.name)
        disk = libvirt.Volume(
            f"{host.name}-disk",
            name=disk_name,
            pool=image.pool.name,
            base_volume_id=image.volume.id,
            size=host.disk_gib * _GIB,
            opts=self._in_pool(disk_name),
        )
        # The first pairs, whatever the epoch is: another text would replace this disk, and cloud-init not read it.
        # A machine that boots for the first time gets today's keys before any other step.
        first = pulumi.Output.all(access.user.first, access.host.first)
        shared = bundle is not None
        data = first.apply(lambda k: user_data(host, k[0].public, k[1].private, k[1].public, bundle=shared))
        seed = libvirt.CloudInitDisk(
            f"{host.name}-cloud-init",
            name=seed_name,
            pool=image.pool.name,
            user_data=pulumi.Output.secret(data),
            network_config=network_config(host, topology),
            opts=self._in_pool(seed_name),
        )
        cleared = local.Command(
            f"{host.name}-cleared",
            delete=owner.identity.apply(lambda identity: join([_DOWN, hypervisor.uri, host.name, identity])),
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[disk, seed]),
        )
        self.domain = libvirt.Domain(
            f"{host.name}-domain",
            name=host.name,
            type=looks.type,
            arch=looks.arch,
            machine=looks.board,
            memory=limit,
            vcpu=host.cpus,
            cpu=libvirt.DomainCpuArgs(mode=looks.cpu_mode),
            xml=libvirt.DomainXmlArgs(xslt=owner.stylesheet("domain", looks.stylesheet)),
            autostart=True,
            cloudinit=seed.id,
            disks=[libvirt.DomainDiskArgs(volume_id=disk.id)],
            filesystems=[
                libvirt.DomainFilesystemArgs(
                    source=str(bundle), target=BUNDLE_TAG, accessmode="passthrough", readonly=True
                )
            ]
            if bundle
            else None,
            network_interfaces=interfaces(host, topology),
            consoles=[libvirt.DomainConsoleArgs(type="pty", target_type="serial", target_port="0")],
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                depends_on=[cleared, *depends_on],
                # two domains of one name and one disk cannot be: the old one goes first
                delete_before_replace=True,
                replacement_trigger=self._nature,
                # cloudinit: read at the first boot alone; the provider would look for it where it had been put (see
                # guest). xml: a machine that an earlier version made has no mark, and is no other one for that; what
                # else stands in the stylesheet and makes one is in its nature
                ignore_changes=["cloudinit", "xml"],
                hooks=without_orphaned_domain(
                    owner, hypervisor.uri, host.name, lambda: check_address(host.name, str(host.address), host.mac)
                ),
            ),
        )
        local.Command(
            f"{host.name}-memory",
            create=join([_MEMORY, hypervisor.uri, host.name, str(host.memory_mib)]),
            stdin=self.domain.id,
            triggers=[self.domain.id],
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.domain),
        )
        self._await_ready()

    def finish(self, machines: Iterable[Machine]) -> None:
        """The same, and the names of all hosts, whichever came since the first boot; containers have them as a file."""
        self.run("names", "hosts-file.sh", stdin=hosts_file(self._hosts))
        super().finish(machines)

    def _in_pool(self, volume: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            provider=self._provider,
            depends_on=[self._image.pool_ready],
            # one of the same name cannot be beside it
            delete_before_replace=True,
            replacement_trigger=self._nature,
            hooks=without_orphaned_volume(self._image.pool.id, self._image.uri, POOL, volume),
        )


def interfaces(host: Host, topology: Topology) -> list[libvirt.DomainNetworkInterfaceArgs]:
    """By network: where each driver of libvirt is a daemon of its own, nobody else starts the one of networks when the
    machine's does after a reboot, and a bridge is missing then. Addresses are the machine's own: no lease is waited
    for.
    """
    places = [(NODES, host.mac)]
    if host.role == "router":
        places.append((BEHIND_ROUTER, topology.router_network.mac))
    return [
        libvirt.DomainNetworkInterfaceArgs(network_name=name, mac=mac, wait_for_lease=False) for name, mac in places
    ]
