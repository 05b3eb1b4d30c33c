"""The configuration: every option is declared once, here; those of hosts and networks in `topology`.

The options of add-ons and images are the rows of `addons.ADDONS` and `versions.IMAGES`.

From a field come its parsing, its type and its default, the messages about it, its entry in Pulumi.yaml, its line in
docs/configuration.md and its place in schema/config.schema.json. Only `cilium_lab.config.load.parse` returns a
`LabConfig` that is complete and validated, and every function that is given one relies on that. Frozen, no Pulumi.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from cilium_lab.config.addons import ADDONS
from cilium_lab.config.formats import CIDR, PATH, Cidr, Only, Pod, Version
from cilium_lab.config.images import ArtifactSource, Images, default_images
from cilium_lab.config.options import Options, Refused, derived, model_of, options_of
from cilium_lab.config.topology import (
    API_SERVER_PORT,
    HOSTS,
    HYPERVISORS,
    Host,
    Hypervisor,
    MachineKind,
    Network,
    RouterNetwork,
    Topology,
    node_capacity,
)
from cilium_lab.config.upstream import Arch
from cilium_lab.config.versions import CILIUM, CONTAINERD, K9S, KUBERNETES, TERMSHARK, TOOLS

IpamMode = Literal["kubernetes", "cluster-pool", "multi-pool"]
RoutingMode = Literal["native", "tunnel"]
TunnelProtocol = Literal["vxlan", "geneve"]
Masquerade = Literal["bpf", "iptables"]
JobsPolicy = Literal["wait", "refuse", "delete"]
Seconds = Annotated[int, Field(ge=1, le=86400)]

NODE_MASK_SIZE = 24
"""Prefix length of every node's pod CIDR: the controller manager's default for IPv4
(k8s.io/kubernetes cmd/kube-controller-manager/app/core.go, setNodeCIDRMaskSizes), and so the pool's as well:
a node whose pod CIDR changes its length can't be moved from one IPAM mode to another."""

_REFUSED_MODES = Refused(
    {
        "eni": "it takes addresses from the network interfaces of AWS instances, and there is no AWS here",
        "azure": "it takes addresses from the interfaces of Azure virtual machines, and there is no Azure here",
        "gke": "it takes the ranges that Google gives to the nodes of GKE, and there is no GKE here",
        "alibabacloud": "it takes addresses from the interfaces of Alibaba Cloud, and there is none here",
        "crd": "it needs a program that writes addresses into every CiliumNode, and there is none here",
        "delegated-plugin": "it leaves addresses to another CNI plugin on the nodes, and none is installed",
    }
)
_MASK_REASON = "is not the controller manager's node mask, so no node could be moved from mode to mode"


class ClusterPool(Options):
    """The ranges that Cilium's operator hands out, in the order in which it uses them."""

    cidrs: tuple[Annotated[Cidr, Field(description="One range.", examples=["172.20.0.0/16"])], ...] = Field(
        default=(IPv4Network("172.20.0.0/16"),),
        strict=False,
        description="Ranges of the pool, used in this order; none may overlap another range of the lab.",
    )
    mask_size: Annotated[int, Field(ge=1, le=32), Only(NODE_MASK_SIZE, _MASK_REASON)] = Field(
        default=NODE_MASK_SIZE,
        description="Prefix length of a node's pod CIDR; only the controller manager's is accepted.",
    )

    @property
    def capacity(self) -> int:
        """How many nodes the pool has a pod CIDR for."""
        return node_capacity(self.cidrs, self.mask_size)


class Versions(Options):
    """Pinned versions, each x.y.z without a leading v."""

    kubernetes: Version = Field(default=KUBERNETES, description="kubeadm, kubelet, kubectl, control plane.")
    cilium: Version = Field(default=CILIUM, description="Cilium and its chart.")
    cilium_cli: Version = Field(default=TOOLS["cilium"].version, description="The cilium command (online).")
    hubble: Version = Field(default=TOOLS["hubble"].version, description="The hubble command (online).")
    containerd: Version = Field(default=CONTAINERD, description="Container runtime (online).")
    k9s: Version = Field(default=K9S, description="k9s.")
    termshark: Version = Field(default=TERMSHARK, description="termshark.")


if TYPE_CHECKING:

    class Addons(Options):
        """Which add-ons are wanted, a field for each of ADDONS. `artifacts.bundle` says whether they can be had."""

        def __getattr__(self, field: str) -> bool: ...

    class NodePorts(Options):
        """The NodePorts of the add-ons' pages, in the API server's default range."""

        def __getattr__(self, field: str) -> int: ...

else:
    Addons = model_of(
        "Addons",
        {addon.field: (bool, Field(default=addon.default, description=addon.description)) for addon in ADDONS},
    )
    NodePorts = model_of(
        "NodePorts",
        {
            addon.page.field: (
                int,
                Field(default=addon.page.port, ge=30000, le=32767, description=addon.description),
            )
            for addon in ADDONS
            if addon.page
        },
    )


class Kubernetes(Options):
    audit: bool = Field(
        default=True, description="An audit log on the control plane: who did what, never the contents."
    )


class MigrationLimits(Options):
    """Seconds after which what does not come about ends a migration; nodes are given back, the next run goes on."""

    nodes: Seconds = Field(default=120, description="Until every node and agent is ready, at the start.")
    non_masquerade: Seconds = Field(default=150, description="Until every agent has every range not to masquerade.")
    operator: Seconds = Field(default=90, description="Until Cilium's operator has restarted and read the pod CIDRs.")
    drain: Seconds | None = derived(
        "Until everything that can run elsewhere has left a node; by default a minute and, for each pod, another"
        " with its grace period and the delay of its readiness probe.",
        600,
    )
    replacement: Seconds = Field(
        default=120, description="Until one pod that has left is ready elsewhere, besides the delays of its own."
    )
    jobs: Seconds = Field(default=300, description="Until running Jobs have finished.")
    agent: Seconds = Field(default=180, description="Until a restarted agent is ready and reports its new settings.")
    routes: Seconds = Field(default=60, description="Until every node has the routes to a node's pod CIDRs.")
    pods: Seconds | None = derived(
        "Until the pods that are re-created in place are back; by default two minutes and the longest delay of them.",
        300,
    )
    canary: Seconds = Field(default=90, description="Until the canary runs, and has all its answers.")
    invariants: Seconds = Field(default=60, description="Until the invariants hold after a step.")


class Migration(Options):
    probe: bool = Field(
        default=False, description="Send requests to the Services all the while, and record what came back (bundle)."
    )
    probe_rate: Annotated[int, Field(ge=10, le=200)] = Field(
        default=100,
        description="Requests a second of those probes, of a Service from inside and of nodes' ports from outside each;"
        " fewer load a small machine less, and below 100 an outage is measured too coarsely for the thresholds.",
        examples=[25],
    )
    recreate: tuple[Annotated[Pod, Field(description="One pod.", examples=["default/mine"])], ...] = Field(
        default=(),
        strict=False,
        description="Pods that no controller known here re-creates (bare ones, those of an operator's own kind) and"
        " that may be deleted and re-created, with a new address, in their node's rollout.",
        examples=[["default/mine"]],
    )
    one_way: bool = Field(
        default=False,
        description="A change that has no way back on a live cluster is meant: from cluster-pool to multi-pool.",
    )
    jobs: JobsPolicy = Field(
        default="wait",
        description="Running pods of Jobs: waited for within limits.jobs, a reason to refuse, or deleted with their"
        " work.",
    )
    limits: MigrationLimits = Field(
        default=MigrationLimits(), description="Seconds after which what does not come about ends a migration."
    )


class LabConfig(Options):
    """The whole lab."""

    ipam_mode: Annotated[IpamMode, _REFUSED_MODES] = Field(
        default="kubernetes",
        description="Where pods get their addresses from. Changed on a running lab, it starts the staged migration.",
    )
    cluster_pool: ClusterPool = Field(
        default=ClusterPool(), description="What Cilium's operator hands out in the modes cluster-pool and multi-pool."
    )
    sample_pool: Annotated[IPv4Network | None, CIDR] = derived(
        "In multi-pool: range of a second pool, and workloads that take addresses of it by annotation.",
        "172.21.0.0/16",
    )
    pod_cidr: Cidr = Field(
        default=IPv4Network("192.168.0.0/16"), description="Pod range of the mode kubernetes (kubeadm's podSubnet)."
    )
    service_cidr: Cidr = Field(
        default=IPv4Network("10.96.0.0/12"), description="Range of the Services' virtual addresses."
    )
    node_network: Network = Field(
        default=Network(), description="The network that every host is on (interface ens160)."
    )
    router_network: RouterNetwork = Field(
        default=RouterNetwork(),
        description="The network behind the router (its interface ens192); nodes reach it through the router alone.",
    )
    machines: MachineKind = Field(default="vm", description="Kind of machine of every host that does not set its own.")
    hypervisors: tuple[Hypervisor, ...] = Field(
        default=HYPERVISORS, strict=False, description="The libvirt daemons that hosts run on."
    )
    hosts: tuple[Host, ...] = Field(
        default=HOSTS, strict=False, description="The machines: one control-plane, one router and at least one worker."
    )
    key_epoch: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Raised by one, it changes the hosts' keys, the user's and that by which workers join, on running"
        " hosts.",
    )
    arch: Arch = Field(default="amd64", description="Processor architecture of every host.")
    routing_mode: RoutingMode = Field(default="native", description="How pod traffic crosses nodes.")
    tunnel_protocol: TunnelProtocol = Field(default="vxlan", description="Encapsulation of the routing mode tunnel.")
    masquerade: Masquerade = Field(default="bpf", description="What rewrites the source of traffic that leaves.")
    debug: bool = Field(default=True, description="Cilium's debug.enabled, which the study sets.")
    cilium_values: Mapping[str, object] = Field(
        default={},
        description="More Helm values for the Cilium chart; those that the program sets itself are refused.",
        examples=[{"bpf": {"mapDynamicSizeRatio": 0.005}}],
    )
    artifacts: ArtifactSource = Field(default="online", description="Where binaries and images come from.")
    bundle_path: Annotated[str | None, PATH] = derived(
        "Folder of the bundle (artifacts: bundle).", "/srv/cilium-lab/bundle"
    )
    rootfs_path: Annotated[str | None, PATH] = derived("Root file system of containers.", "/srv/cilium-lab/rootfs")
    seed_path: Annotated[str | None, PATH] = derived(
        "containerd's imported images for containers.", "/srv/cilium-lab/seed"
    )
    versions: Versions = Field(default=Versions(), description="Pinned versions, x.y.z.")
    images: Images = Field(
        default=Images(),
        description="Images besides those of Kubernetes and Cilium; by default by the source of artifacts.",
    )
    addons: Addons = Field(default=Addons(), description="Add-ons; one that the bundle lacks is left out and reported.")
    node_ports: NodePorts = Field(default=NodePorts(), description="Ports on every node.")
    kubernetes: Kubernetes = Field(default=Kubernetes(), description="Kubernetes itself.")
    migration: Migration = Field(default=Migration(), description="The staged migration.")

    @property
    def topology(self) -> Topology:
        """All hosts and networks."""
        return Topology(self.node_network, self.router_network, self.hypervisors, self.hosts)

    @property
    def api_server(self) -> str:
        """Address and port of the API server, for example 172.31.1.10:6443."""
        return f"{self.topology.control_plane.address}:{API_SERVER_PORT}"


def complete(given: LabConfig) -> LabConfig:
    """The configuration with the options filled in whose defaults follow from others.

    A hypervisor of virtual machines has KVM; a host is one of `machines` on the first hypervisor that makes such
    (an empty name when none does); images are those of the source of artifacts.
    """
    hypervisors = tuple(
        made.model_copy(update={"domain_type": "kvm"}) if made.kind == "vm" and not made.domain_type else made
        for made in given.hypervisors
    )
    hosts = tuple(_complete_host(host, given.machines, hypervisors) for host in given.hosts)
    images = default_images(given.artifacts).model_copy(update=given.images.model_dump(exclude_none=True))
    return given.model_copy(update={"hypervisors": hypervisors, "hosts": hosts, "images": images})


def _complete_host(host: Host, usual: MachineKind, hypervisors: tuple[Hypervisor, ...]) -> Host:
    machine = host.machine or usual
    fitting = next((hypervisor.name for hypervisor in hypervisors if hypervisor.kind == machine), "")
    return host.model_copy(update={"machine": machine, "hypervisor": host.hypervisor or fitting})


OPTIONS = options_of(LabConfig)
BY_PATH = {option.path: option for option in OPTIONS}
