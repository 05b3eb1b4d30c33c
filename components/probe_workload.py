"""The probes as resources: the workload that is asked, and what a migration needs to let hosts ask.

The workload comes before Cilium and its preflight: who turns probes on and changes the mode in one go has them as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from cilium_lab.config.topology import Topology
from cilium_lab.disruption.targets import Hosts
from components.machines.machine import Machine
from components.manifest import declare
from components.ssh_config import known_hosts
from components.workloads.probe import probe_manifests


class Probe(pulumi.ComponentResource):
    """`objects` are the workload's; `hosts` (a secret) is where to ask from."""

    objects: list[pulumi.Resource]
    hosts: pulumi.Output[Hosts]

    def __init__(
        self,
        name: str,
        topology: Topology,
        machines: Mapping[str, Machine],
        *,
        provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cilium-lab:probes:Probe", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, provider=provider)
        self.objects = [
            declare(f"{name}-{manifest['kind'].lower()}", manifest, opts=child) for manifest in probe_manifests()
        ]
        public = {host: machine.access.host.public for host, machine in machines.items()}
        private = machines[topology.router.name].access.user.private
        self.hosts = pulumi.Output.secret(
            pulumi.Output.all(private=private, **public).apply(lambda keys: _hosts(topology, keys))
        )
        self.register_outputs({})


def _hosts(topology: Topology, keys: Mapping[str, str]) -> Hosts:
    """The control plane and the first worker ask as hosts, besides the router. `keys` has `private` and host names."""
    behind = topology.router_network
    workers = [host.name for host in topology.nodes if host.role == "worker"]
    return Hosts(
        nodes={host.name: str(host.address) for host in topology.nodes},
        inside=(topology.control_plane.name, *workers[:1]),
        router=topology.router.name,
        router_address=str(topology.router.address),
        behind=str(behind.links[0].interface.ip if behind.links else behind.address),
        key=keys["private"],
        known_hosts=known_hosts(topology, keys),
    )
