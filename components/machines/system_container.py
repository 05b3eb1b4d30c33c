"""A host as a libvirt LXC domain with systemd as its init: the kernel is the hypervisor's own.

The libvirt provider refuses LXC connections (it looks for a guest of type hvm), so the domain is defined with virsh
by a local command; the program therefore has to run on the hypervisor itself.
"""

from __future__ import annotations

from shlex import join

import pulumi
from pulumi_command import local

from cilium_lab.config.topology import Host, Topology
from cilium_lab.libvirt.ownership import Mark
from components.machines.container_domain import ContainerPaths, domain_xml
from components.machines.files import File, pack
from components.machines.identity import identity_files, key_files
from components.machines.local_paths import LocalPaths
from components.machines.machine import Access, Machine
from components.machines.orphans import Owner

_UP = "components/scripts/local/container-up.sh"
_DOWN = "components/scripts/local/container-down.sh"


class SystemContainer(Machine):
    """An overlay of the shared root file system, with the host's identity on it, started by libvirt."""

    def __init__(
        self,
        host: Host,
        topology: Topology,
        paths: LocalPaths,
        access: Access,
        *,
        depends_on: list[pulumi.Resource],
        owner: Owner,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("SystemContainer", host.name, host, access, opts)
        uri = topology.hypervisor_of(host).uri
        own = paths.hosts / host.name
        behind = topology.router_network if host.role == "router" else None
        folders = ContainerPaths(own, paths.bundle)

        def files(values: list[str]) -> str:
            authorized, private, public, identity = values
            xml = domain_xml(host, topology.network, behind, folders, Mark(identity, owner.stack))
            named = identity_files(host, topology.network, topology.hosts)
            born_with = key_files(authorized, private, public)
            return pack(
                {
                    "domain.xml": File(xml),
                    **{f"root/{path}": file for path, file in named.items()},
                    **{f"birth/{path}": file for path, file in born_with.items()},
                }
            )

        seed = str(paths.seed) if paths.seed and host.is_node else "-"
        self.domain = local.Command(
            f"{host.name}-domain",
            create=owner.identity.apply(lambda i: join([_UP, uri, host.name, str(own), str(paths.rootfs), seed, i])),
            delete=owner.identity.apply(lambda i: join([_DOWN, uri, host.name, str(own), i])),
            stdin=pulumi.Output.all(access.user.public, access.host.private, access.host.public, owner.identity).apply(
                files
            ),
            # it is given the host's private key
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            # two containers of one name and one folder cannot be: the old one goes first
            opts=pulumi.ResourceOptions(parent=self, depends_on=depends_on, delete_before_replace=True),
        )
        self._await_ready()
