"""What the stack's objects of libvirt are called, and where they lie: pure, and the only place that says so.

libvirt's names are flat, so that two stacks can't have the same ones beside each other; the second is refused
(`conflicts`).
"""

from __future__ import annotations

from pathlib import Path

from cilium_lab.config.topology import Hypervisor, Topology
from cilium_lab.libvirt.conflicts import Wanted

NODES = "cilium-lab"
BEHIND_ROUTER = "cilium-lab-router"
"""The two networks."""
POOL = "cilium-lab"
POOL_FOLDER = "/var/lib/libvirt/images/cilium-lab"
BASE = "base.qcow2"
"""The volume that all disks are overlays of."""


def network_uri(hypervisor: Hypervisor) -> str:
    """Networks are made by libvirt's network driver, which its QEMU URI reaches and the LXC URI does not."""
    scheme, _, rest = hypervisor.uri.partition("://")
    return f"{scheme.replace('lxc', 'qemu', 1)}://{rest}"


def host_volumes(host: str) -> tuple[str, str]:
    """A host's two volumes: its disk and its cloud-init disk."""
    return f"{host}.qcow2", f"{host}-cloud-init.iso"


def pool_volumes(topology: Topology, uri: str) -> list[str]:
    """All volumes in the pool of that libvirt, which may be several hypervisors'."""
    hosts = [host.name for host in topology.hosts if topology.hypervisor_of(host).uri == uri]
    return [BASE, *(volume for host in hosts for volume in host_volumes(host))]


def wanted_objects(topology: Topology, containers: Path) -> list[Wanted]:
    """Everything that the stack makes under a fixed name, each once. `containers` has a folder for each container."""
    wanted: dict[Wanted, None] = {}
    for host in topology.hosts:
        hypervisor = topology.hypervisor_of(host)
        uri = network_uri(hypervisor)
        inner, outer = topology.network.bridge, topology.router_network.bridge
        wanted[Wanted("network", uri, NODES, "nodeNetwork.bridge", bridge=inner)] = None
        wanted[Wanted("network", uri, BEHIND_ROUTER, "routerNetwork.bridge", bridge=outer)] = None
        if host.machine == "vm":
            volumes = frozenset(pool_volumes(topology, hypervisor.uri))
            wanted[Wanted("pool", uri, POOL, path=POOL_FOLDER, volumes=volumes)] = None
        root = str(containers / host.name / "root") if host.machine == "container" else ""
        wanted[Wanted("domain", hypervisor.uri, host.name, "hosts[].name", path=root)] = None
    return list(wanted)
