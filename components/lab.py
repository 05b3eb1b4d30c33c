"""The whole lab, in the order in which it comes up: machines, router, cluster, Cilium, add-ons, workloads.

Between the cluster and Cilium stands the preflight of a migration, behind Cilium the migration itself: both are quick
unless the IPAM changes.

It owns the order and what belongs to what. Everything inside the cluster is deleted with the control plane's
machine, so a destroy never waits for an API server.
"""

from __future__ import annotations

from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from cilium_lab.artifacts.bundle import ONLINE, Artifacts, mismatches, read
from cilium_lab.config.model import LabConfig
from cilium_lab.disruption.record import RECORDS
from cilium_lab.libvirt import inventory
from cilium_lab.libvirt.conflicts import conflict_report, conflicts
from cilium_lab.libvirt.healing import absent
from cilium_lab.libvirt.names import wanted_objects
from cilium_lab.requirements import look, missing, notes
from components.addons.addons import Addons
from components.addons.plan import addon_plan, checked_pages, page_urls
from components.cilium.migration import Migration
from components.cilium.preflight import Preflight
from components.cilium.release import Cilium
from components.expectation import expectation
from components.kubernetes.cluster import Cluster
from components.kubernetes.pod_security import GIVEN, PodSecurityLabels
from components.machines.fleet import Fleet
from components.machines.local_paths import LocalPaths, local_paths
from components.machines.orphans import stack_name
from components.nodes.router import Router
from components.probe_workload import Probe
from components.ssh_config import known_hosts, ssh_config
from components.workloads.workloads import Workloads, WorkloadsArgs


class Lab(pulumi.ComponentResource):
    """Everything. `outputs` is what the stack exports."""

    outputs: dict[str, pulumi.Input[object]]

    def __init__(self, name: str, config: LabConfig, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cilium-lab:index:Lab", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        machine = look()
        refuse_without(missing(config, machine))
        for note in notes(config, machine):
            pulumi.log.warn(note)
        paths = local_paths(config)
        refuse_conflicts(config, paths)
        artifacts = find_artifacts(config, paths)
        plan = addon_plan(config, artifacts)

        fleet = Fleet("fleet", config, paths, opts=child)
        machines = fleet.machines
        topology = config.topology
        nodes = [machines[host.name] for host in topology.nodes]
        Router("router", config, machines[topology.router.name], nodes, opts=child)
        cluster = Cluster("cluster", config, machines, opts=child)

        control_plane = machines[topology.control_plane.name].domain
        # inherited by every child (the engine's inheritFromParent)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=control_plane)
        provider = kubernetes.Provider(
            "cluster-api",
            kubeconfig=cluster.kubeconfig,
            enable_server_side_apply=True,
            # Else a change of a ConfigMap deletes it first: for a moment the agents would masquerade pods' traffic by
            # their built-in list (pulumi-kubernetes, diff.go, forceNewProperties).
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=cluster.nodes),
        )
        chart = str(paths.bundle / "charts" / "cilium") if paths.bundle else None
        joined = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=cluster.nodes))
        probe = Probe("probe", topology, machines, provider=provider, opts=inside) if config.migration_probe else None
        if probe:
            joined = pulumi.ResourceOptions.merge(joined, pulumi.ResourceOptions(depends_on=probe.objects))
        hosts = probe.hosts if probe else None
        preflight = Preflight("preflight", config, cluster.kubeconfig, RECORDS, hosts, opts=joined)
        cilium = Cilium(
            "cilium", config, artifacts, chart, cluster.kubeconfig, preflight.passed, provider=provider, opts=inside
        )
        released = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=cilium.resources))
        migration = Migration("migration", preflight, opts=released)
        after = pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[cilium, migration.done]))
        PodSecurityLabels("pod-security", GIVEN, provider=provider, opts=after)
        addons = Addons("addons", config, plan, provider=provider, opts=after)
        workloads = WorkloadsArgs(
            webpod_image=config.images.webpod,
            debug_image=config.images.debug,
            curl_node=topology.control_plane.name,
            sample_pool=config.sample_pool,
            mask_size=config.cluster_pool.mask_size,
        )
        Workloads("workloads", workloads, provider=provider, opts=after)

        keys = {host: machine.access.host.public for host, machine in machines.items()}
        key = machines[topology.router.name].access.user.private
        expected = expectation(
            config,
            storage=plan.has("storage"),
            monitoring=plan.has("monitoring"),
            pages=checked_pages(config, plan),
        )
        self.outputs = {
            "ipamMode": config.ipam_mode,
            "hosts": {host.name: str(host.address) for host in topology.hosts},
            "pages": page_urls(config, plan),
            "missingAddons": addons.missing_addons,
            "kubeconfig": cluster.kubeconfig,
            "sshConfig": pulumi.Output.secret(ssh_config(topology)),
            "sshKey": pulumi.Output.secret(key),
            "sshKnownHosts": pulumi.Output.all(**keys).apply(lambda public: known_hosts(topology, public)),
            "expectation": expected.to_json(),
            "next": "./lab status, or: pulumi stack output kubeconfig --show-secrets > kubeconfig",
        }
        self.register_outputs({})


def refuse_without(requirements: list[str]) -> None:
    """Raises `pulumi.RunError` with everything that this machine lacks; nothing exists by then."""
    if requirements:
        lines = "\n".join(f"  {number}. {line}" for number, line in enumerate(requirements, 1))
        raise pulumi.RunError(f"this machine is not ready for the lab:\n{lines}\nWithout libvirt or KVM: ./lab up")


def refuse_conflicts(config: LabConfig, paths: LocalPaths) -> None:
    """Raises `pulumi.RunError` with every object of libvirt in the lab's way that the stack did not make; nothing was
    changed by then. Warns of what the state holds and libvirt does not have any more.
    """
    wanted = wanted_objects(config.topology, paths.hosts)
    try:
        seen = inventory.look(inventory.Scope.of(wanted))
        state = inventory.stack_state(f"{pulumi.get_organization()}/{stack_name()}")
    except (inventory.LibvirtError, RuntimeError) as error:
        raise pulumi.RunError(f"what is in the lab's way can't be seen: {error}") from None
    found = conflicts(wanted, seen, state)
    if found:
        raise pulumi.RunError(conflict_report(found, stack_name()))
    for held in absent(state, seen):
        pulumi.log.warn(
            f"{held.kind} {held.name} of {held.uri} is in the stack's state, and libvirt does not have it any more. "
            f"Next: .venv/bin/python -m cilium_lab.libvirt.healing up --stack {pulumi.get_stack()} (./lab up does so)"
        )


def find_artifacts(config: LabConfig, paths: LocalPaths) -> Artifacts:
    """What can be had. Raises `pulumi.RunError` when a bundle is asked for and does not fit the configuration."""
    if paths.bundle is None:
        return ONLINE
    artifacts = read(Path(paths.bundle))
    wrong = mismatches(config, artifacts)
    if wrong:
        raise pulumi.RunError("the bundle does not fit the configuration:\n" + "\n".join(f"  {line}" for line in wrong))
    return artifacts
