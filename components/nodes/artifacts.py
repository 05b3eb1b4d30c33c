"""Programs and images on a host. This is the only place that knows whether they come from a bundle or from upstream."""

from __future__ import annotations

import pulumi
from pulumi_command import remote

from cilium_lab.config.model import LabConfig
from components.machines.container_domain import BUNDLE
from components.machines.machine import Machine
from components.nodes.online import online_list


def install_artifacts(machine: Machine, config: LabConfig, *, parent: pulumi.Resource) -> remote.Command:
    """Put Kubernetes' programs, the container runtime and the tools on a node."""
    if config.artifacts == "bundle":
        return machine.run("artifacts", "install-bundle.sh", BUNDLE, parent=parent)
    return machine.run(
        "artifacts",
        "install-online.sh",
        stdin=online_list(config.arch, config.versions),
        parent=parent,
        depends_on=[_trust(machine, config, parent)],
    )


def install_router_packages(machine: Machine, config: LabConfig, *, parent: pulumi.Resource) -> list[remote.Command]:
    """What the router serves its page with; the root file system of containers holds it already."""
    if config.artifacts == "bundle" or machine.host.machine == "container":
        return []
    trusted = _trust(machine, config, parent)
    return [machine.run("packages", "install-packages.sh", "httpd", "tcpdump", parent=parent), trusted]


def _trust(machine: Machine, config: LabConfig, parent: pulumi.Resource) -> remote.Command:
    """A distribution's firewall would close the ports of Kubernetes and Cilium, and drop what pods send."""
    pools = [config.pod_cidr, *config.cluster_pool.cidrs, *([config.sample_pool] if config.sample_pool else [])]
    networks = [config.topology.network.cidr, *pools]
    return machine.run("firewall", "trust.sh", *map(str, networks), parent=parent)
