"""What the stack exports: pages, the ways in, what to try next, and what the checks compare with.

What tools read is secret also where it holds no secret, so that `pulumi up` ends with a list that a person reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pulumi

from cilium_lab.checks.expectation import Expectation
from cilium_lab.config.schema import LabConfig
from cilium_lab.config.topology import NODE_INTERFACE, Host, Topology
from components.addons.addons import components
from components.addons.plan import AddonPlan, checked_pages, page_urls
from components.addons.storage import STORAGE_CLASS
from components.cilium.ipam import native_cidr, pod_ranges
from components.machines.machine import Machine
from components.manifest import Manifest
from components.workloads.manifests import pooled_by_namespace, pooled_by_pod, webpod_deployment

SSH_FOLDER = "~/.ssh/cilium-lab"
"""Where the ssh_config expects the key and the list of host keys."""


def stack_outputs(
    config: LabConfig,
    machines: Mapping[str, Machine],
    kubeconfig: pulumi.Input[str],
    plan: AddonPlan,
) -> dict[str, pulumi.Input[object]]:
    """Everything by its name. labctl/access.py reads kubeconfig, sshConfig, sshKey, sshKnownHosts and expectation,
    labctl/connectivity images."""
    topology = config.topology
    host_keys = {name: machine.access.host.public for name, machine in machines.items()}
    trusted = pulumi.Output.all(**host_keys).apply(lambda public: known_hosts(topology, public))
    return {
        "ipamMode": config.ipam_mode,
        "hosts": {host.name: str(host.address) for host in topology.hosts},
        "pages": page_urls(config, plan),
        "missingAddons": [str(missing) for missing in plan.missing],
        "next": next_steps(config),
        "images": pulumi.Output.secret(config.images.model_dump()),
        "kubeconfig": pulumi.Output.secret(kubeconfig),
        "sshConfig": pulumi.Output.secret(ssh_config(topology)),
        "sshKey": pulumi.Output.secret(machines[topology.router.name].access.user.private),
        "sshKnownHosts": pulumi.Output.secret(trusted),
        "expectation": pulumi.Output.secret(expectation(config, plan).to_json()),
    }


def next_steps(config: LabConfig) -> list[str]:
    """What to try on a lab that is up, one line each."""
    control_plane = config.topology.control_plane
    pulumi_command = "./lab pulumi" if control_plane.machine == "container" else "pulumi"
    steps = [
        f"get in: ./lab ssh {control_plane.name}, or ./lab kubectl get pods -A -o wide",
        "look: ./lab status, and ./lab verify for all checks",
    ]
    other = {"kubernetes": "cluster-pool", "cluster-pool": "kubernetes"}.get(config.ipam_mode)
    if other:  # from multi-pool no way leads to another mode
        steps.append(f"migrate: {pulumi_command} config set ipamMode {other}, then {pulumi_command} up")
    return steps


def ssh_config(topology: Topology) -> str:
    """ssh_config(5) with pinned host keys, for every host by its name."""
    entries = [
        f"Host {host.name}\n  HostName {host.address}\n  User root\n  IdentityFile {SSH_FOLDER}/key\n"
        f"  IdentitiesOnly yes\n  UserKnownHostsFile {SSH_FOLDER}/known_hosts\n  StrictHostKeyChecking yes\n"
        for host in topology.hosts
    ]
    return "\n".join(entries)


def known_hosts(topology: Topology, public_keys: Mapping[str, str]) -> str:
    """known_hosts(5): every host's address with its pinned key; `public_keys` is keyed by host name."""
    lines = (f"{host.address} {public_keys[host.name].strip()}\n" for host in topology.hosts)
    return "".join(lines)


def router_page(router: Host) -> str:
    """The one page of the router's web server."""
    return f"<h1>Web Server : {router.name}</h1>"


def own_workloads(config: LabConfig, plan: AddonPlan) -> tuple[str, ...]:
    """What the stack brings beside the objects of Cilium's chart that its values switch on: `Deployment ns/name`."""
    manifests: list[Manifest] = [webpod_deployment(config.images.webpod)]
    if config.sample_pool:
        manifests += [pooled_by_pod(config.images.webpod), pooled_by_namespace(config.images.webpod)]
    for objects in components(config, plan).values():
        manifests += [one.manifest for one in objects if one.manifest["kind"] == "Deployment"]
    named = [f"Deployment {m['metadata']['namespace']}/{m['metadata']['name']}" for m in manifests]
    kube_system = ("DaemonSet kube-system/cilium", "Deployment kube-system/cilium-operator")
    return tuple(sorted([*named, *kube_system, "Deployment kube-system/coredns"]))


def _host_routing(config: LabConfig) -> str:
    """What the agents decide: masquerading by iptables needs the host's own stack, and so may the configuration."""
    bpf = cast(Mapping[str, object], config.cilium_values.get("bpf") or {})
    legacy = bpf.get("hostLegacyRouting") is True
    return "Legacy" if legacy or config.masquerade != "bpf" else "BPF"


def expectation(config: LabConfig, plan: AddonPlan) -> Expectation:
    """The lab of the configuration, as the checks compare with it. Of the add-ons it has those of the plan."""
    topology = config.topology
    behind = topology.router_network
    links = tuple(str(link.interface.ip) for link in behind.links)
    tunnel = config.tunnel_protocol
    return Expectation(
        nodes={host.name: str(host.address) for host in topology.nodes},
        control_plane=topology.control_plane.name,
        kubernetes_version=config.versions.kubernetes,
        cilium_version=config.versions.cilium,
        router=topology.router.name,
        router_address=str(topology.router.address),
        router_study_address=links[0] if links else str(behind.address),
        router_addresses=(str(topology.router.address), str(behind.address), *links),
        router_page=router_page(topology.router),
        router_interface=NODE_INTERFACE,
        ipam_mode=config.ipam_mode,
        pod_ranges=tuple(map(str, pod_ranges(config))),
        node_mask=config.cluster_pool.mask_size,
        routing="native" if config.routing_mode == "native" else tunnel,
        masquerade=config.masquerade,
        debug_image=config.images.debug,
        kubernetes_range=str(config.pod_cidr),
        host_routing=_host_routing(config),
        native_range=str(native_cidr(config) or ""),
        workloads=own_workloads(config, plan),
        sample_pool=str(config.sample_pool) if config.sample_pool else None,
        storage_class=STORAGE_CLASS if plan.has("storage") else None,
        prometheus_port=config.node_ports.prometheus if plan.has("monitoring") else None,
        pages=checked_pages(config, plan),
    )
