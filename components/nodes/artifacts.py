"""Programs and images on a host. This is the only place that knows whether they come from a bundle or from upstream."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from shlex import join

import pulumi
from pulumi_command import local, remote

from cilium_lab.artifacts.bundle import Archive
from cilium_lab.config.schema import LabConfig, Versions
from cilium_lab.config.upstream import Arch
from cilium_lab.config.versions import REPOSITORIES, TOOLS
from components.machines.container_domain import BUNDLE
from components.machines.files import File, pack
from components.machines.machine import Machine

PACKAGES = (
    # certificates and join tokens depend on the clock
    "chrony",
    # the policy under which containers run while SELinux stays enforcing
    "container-selinux",
    "conntrack-tools",
    "socat",
    "ethtool",
    "iproute-tc",
    "jq",
    "tar",
    "tcpdump",
    # the study's termshark drives it
    "wireshark-cli",
)
"""Of the distribution itself, signed by its own keys: what kubeadm's preflight needs, and the study's tools."""


def install_artifacts(machine: Machine, config: LabConfig, *, parent: pulumi.Resource) -> remote.Command:
    """Put Kubernetes' programs, the container runtime and the tools on a node."""
    if config.artifacts == "bundle":
        return machine.run("artifacts", "install-bundle.sh", BUNDLE, parent=parent)
    return machine.run(
        "artifacts",
        "install-online.sh",
        stdin=online_list(config.arch, config.versions),
        parent=parent,
        depends_on=[_open_firewall(machine, config, parent)],
    )


def import_images(
    machine: Machine,
    archives: Sequence[Archive],
    *,
    what: str = "images",
    parent: pulumi.Resource,
    depends_on: pulumi.Resource,
) -> local.Command:
    """Give a node images and programs that lie on this machine beside the bundle, over SSH: a running host sees the
    bundle that it was started with, and no other folder of this machine.
    """
    listed = "".join(f"{one.image} {one.file} {one.sha256}\n" for one in archives)
    address, access = str(machine.host.address), machine.access
    return local.Command(
        f"{machine.host.name}-{what}",
        create=join(["components/scripts/local/import-images.sh", address, listed]),
        stdin=pulumi.Output.secret(
            pulumi.Output.all(access.user.private, access.host.public).apply(partial(_way_in, address))
        ),
        # a host that is replaced starts from nothing
        triggers=[machine.domain.id],
        logging=local.Logging.STDERR,
        add_previous_output_in_env=False,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[depends_on], deleted_with=machine.domain),
    )


def _way_in(address: str, keys: list[str]) -> str:
    private, host = keys
    return pack({"key": File(private.strip() + "\n"), "known_hosts": File(f"{address} {host.strip()}\n")})


def install_router_packages(machine: Machine, config: LabConfig, *, parent: pulumi.Resource) -> list[remote.Command]:
    """What the router serves its page with; the root file system of containers holds it already."""
    if config.artifacts == "bundle" or machine.host.machine == "container":
        return []
    opened = _open_firewall(machine, config, parent)
    return [machine.run("packages", "install-packages.sh", "httpd", "tcpdump", parent=parent), opened]


def _open_firewall(machine: Machine, config: LabConfig, parent: pulumi.Resource) -> remote.Command:
    """Else a distribution's firewall closes the ports of Kubernetes and Cilium, and drops what pods send."""
    pools = [config.pod_cidr, *config.cluster_pool.cidrs, *([config.sample_pool] if config.sample_pool else [])]
    networks = [config.topology.network.cidr, *pools]
    return machine.run("firewall", "open-firewall.sh", *map(str, networks), parent=parent)


def online_list(arch: Arch, versions: Versions) -> str:
    """What install-online.sh reads: one line for each repository, package and tool. Pure.

    A tool of another version than the pinned one has no sum here, but the address of its publisher's.
    """
    minor = versions.kubernetes.rpartition(".")[0]
    lines = [
        f"repository {r.name} {r.url.format(minor=minor)} {r.key.format(minor=minor)} {r.fingerprint}"
        for r in REPOSITORIES
    ]
    kubernetes = (f"{name}-{versions.kubernetes}" for name in ("kubeadm", "kubelet", "kubectl"))
    lines += [f"kubernetes {package}" for package in kubernetes]
    lines += [f"package {package}" for package in (f"containerd.io-{versions.containerd}", *PACKAGES)]
    wanted = {
        "cilium": versions.cilium_cli,
        "hubble": versions.hubble,
        "k9s": versions.k9s,
        "termshark": versions.termshark,
    }
    for name, version in wanted.items():
        tool = TOOLS[name]
        sum_ = tool.pinned(version, arch) or f"from {tool.published(version, arch)}"
        lines.append(f"tool {name} {version} {tool.address(version, arch)} {sum_}")
    return "".join(f"{line}\n" for line in lines)
