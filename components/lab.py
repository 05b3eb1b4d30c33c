"""The whole lab, in the order in which it comes up: machines, router, cluster, Cilium, add-ons, workloads.

Cilium stands between the preflight of a migration and the migration itself; both are quick unless the IPAM changes.
This component owns the order, and what is deleted with what: everything inside the cluster goes with the control
plane's machine, so that a destroy never waits for an API server.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from cilium_lab.artifacts.bundle import with_images_of
from cilium_lab.config.schema import LabConfig
from cilium_lab.disruption.record import records_of
from components.addons.addons import Addons
from components.addons.plan import addon_plan
from components.cilium.migration import Migration
from components.cilium.preflight import Preflight
from components.cilium.release import Cilium
from components.kubernetes.cluster import Cluster, upgraded_nodes
from components.kubernetes.pod_security import GIVEN, PodSecurityLabels
from components.machines.fleet import Fleet
from components.machines.local_paths import local_paths
from components.nodes.router import Router
from components.outputs import stack_outputs
from components.prerequisites import find_artifacts, refuse
from components.workloads.probe import Probe
from components.workloads.workloads import Workloads


class Lab(pulumi.ComponentResource):
    """Everything. `outputs` is what the stack exports."""

    outputs: dict[str, pulumi.Input[object]]

    def __init__(self, name: str, config: LabConfig, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cilium-lab:index:Lab", name, None, opts)
        paths = local_paths(config)
        refuse(config, paths)
        artifacts = find_artifacts(config, paths)
        config = with_images_of(config, artifacts)
        plan = addon_plan(config, artifacts)
        topology = config.topology
        child = pulumi.ResourceOptions(parent=self)

        machines = Fleet("fleet", config, paths, opts=child).machines
        Router("router", config, machines, opts=child)
        cluster = Cluster("cluster", config, artifacts, machines, opts=child)
        kubeconfig = cluster.kubeconfig

        control_plane = machines[topology.control_plane.name].domain
        provider = self._api(cluster)

        def inside(*after: pulumi.Resource) -> pulumi.ResourceOptions:
            # children inherit deleted_with from their parent (the engine's inheritFromParent)
            return pulumi.ResourceOptions(parent=self, deleted_with=control_plane, depends_on=after)

        probe = None
        if config.migration.probe:
            probe = Probe("probe", topology, machines, config.migration.probe_rate, provider=provider, opts=inside())
        probe_objects: Sequence[pulumi.Resource] = probe.objects if probe else ()
        probe_hosts = probe.hosts if probe else None
        ready = inside(*cluster.nodes, *probe_objects)
        records = records_of(pulumi.get_stack())
        nodes = upgraded_nodes(config, machines)
        preflight = Preflight("preflight", config, artifacts, kubeconfig, records, probe_hosts, nodes, opts=ready)
        passed = preflight.passed
        cilium = Cilium("cilium", config, artifacts, kubeconfig, passed, provider=provider, opts=inside())
        migration = Migration("migration", preflight, opts=inside(*cilium.resources))

        migrated = inside(cilium, migration.done)
        PodSecurityLabels("pod-security", GIVEN, provider=provider, opts=migrated)
        Addons("addons", config, plan, provider=provider, opts=migrated)
        Workloads("workloads", config, provider=provider, opts=migrated)

        self.outputs = stack_outputs(config, machines, kubeconfig, plan)
        self.register_outputs({})

    def _api(self, cluster: Cluster) -> kubernetes.Provider:
        """The cluster's API server, once every node is a member."""
        return kubernetes.Provider(
            "cluster-api",
            kubeconfig=cluster.kubeconfig,
            enable_server_side_apply=True,
            # Else a change of a ConfigMap deletes it first: for a moment the agents would masquerade pods' traffic by
            # their built-in list (pulumi-kubernetes, diff.go, forceNewProperties).
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=cluster.nodes),
        )
