"""The lab's control plane alone, as an emulated machine made by the lab's own components and host scripts."""

import sys
from pathlib import Path

import pulumi
import pulumi_libvirt as libvirt

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from components.kubernetes.documents import PAUSE_IMAGE, cgroup_driver
from components.machines.image import BaseImage
from components.machines.keys import new_key_pair
from components.machines.local_paths import local_paths
from components.machines.machine import Access
from components.machines.networks import Networks
from components.machines.orphans import new_owner
from components.machines.virtual_machine import VirtualMachine
from components.nodes.artifacts import install_artifacts
from components.outputs import known_hosts, ssh_config
from tests.vm.single import lab_config

settings = pulumi.Config("single")
lab = lab_config(settings.require_int("memory"))
topology, paths = lab.topology, local_paths(lab)
host, hypervisor = topology.control_plane, topology.hypervisors[0]
provider = libvirt.Provider("libvirt", uri=hypervisor.uri)
owner = new_owner()
networks = Networks(
    "networks", hypervisor, topology.network, topology.router_network, uplink=False, owner=owner, provider=provider
)


def make_machine() -> None:
    """The machine, prepared to be a node, and how to get in."""
    given = settings.get("image")
    image = BaseImage("image", lab, hypervisor, Path(given) if given else paths.image, owner=owner, provider=provider)
    access = Access(new_key_pair("user-key", "user", 1), new_key_pair("host-key", host.name, 1))
    machine = VirtualMachine(
        host,
        topology,
        lab.arch,
        image,
        paths.bundle,
        access,
        depends_on=networks.created,
        owner=owner,
        provider=provider,
    )
    installed = install_artifacts(machine, lab, parent=machine)
    machine.run("node", "configure-node.sh", cgroup_driver(host), PAUSE_IMAGE, depends_on=[installed])
    pulumi.export("sshConfig", pulumi.Output.secret(ssh_config(topology)))
    pulumi.export("sshKey", pulumi.Output.secret(access.user.private))
    hosts = {other.name: access.host.public for other in topology.hosts}  # only the one answers
    pulumi.export("sshKnownHosts", pulumi.Output.all(**hosts).apply(lambda public: known_hosts(topology, public)))


if not settings.get_bool("networksAlone"):
    make_machine()
