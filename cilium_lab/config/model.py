"""The validated configuration: what everything else in the program is a function of. Frozen, without Pulumi.

Only `cilium_lab.config.load.parse` makes one, so whoever holds a `LabConfig` may rely on every check that it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from cilium_lab.config.topology import API_SERVER_PORT, Topology, node_capacity
from cilium_lab.config.versions import Arch

IpamMode = Literal["kubernetes", "cluster-pool", "multi-pool"]
RoutingMode = Literal["native", "tunnel"]
TunnelProtocol = Literal["vxlan", "geneve"]
Masquerade = Literal["bpf", "iptables"]
ArtifactSource = Literal["online", "bundle"]

NODE_MASK_SIZE = 24
"""Prefix length of every node's block of pod addresses: the controller manager's default for IPv4
(k8s.io/kubernetes cmd/kube-controller-manager/app/core.go, setNodeCIDRMaskSizes), and so the pool's as well:
a node whose block changes its length can't be carried from one IPAM mode to another."""


@dataclass(frozen=True)
class ClusterPool:
    """The ranges that Cilium's operator hands out, in the order in which it uses them."""

    cidrs: tuple[IPv4Network, ...]
    mask_size: int

    @property
    def capacity(self) -> int:
        """How many nodes the pool has a block for."""
        return node_capacity(self.cidrs, self.mask_size)


@dataclass(frozen=True)
class Versions:
    """Pinned versions, each x.y.z without a leading v."""

    kubernetes: str
    cilium: str
    cilium_cli: str
    hubble: str
    containerd: str
    k9s: str
    termshark: str


@dataclass(frozen=True)
class Addons:
    """Which add-ons are wanted. Whether the artifacts have them is `cilium_lab.artifacts.bundle`' answer."""

    storage: bool
    monitoring: bool
    hubble_ui: bool
    grafana: bool


@dataclass(frozen=True)
class NodePorts:
    prometheus: int
    grafana: int
    hubble_ui: int


@dataclass(frozen=True)
class Images:
    """Full image references with tag or digest, of what runs besides Kubernetes and Cilium."""

    webpod: str
    debug: str
    local_path: str
    local_path_helper: str
    prometheus: str
    grafana: str


@dataclass(frozen=True)
class LabConfig:
    """The whole lab, validated."""

    topology: Topology
    arch: Arch
    ipam_mode: IpamMode
    cluster_pool: ClusterPool
    sample_pool: IPv4Network | None
    """A second pool of the mode multi-pool, or None."""
    pod_cidr: IPv4Network
    service_cidr: IPv4Network
    routing_mode: RoutingMode
    tunnel_protocol: TunnelProtocol
    masquerade: Masquerade
    artifacts: ArtifactSource
    bundle_path: str | None
    rootfs_path: str | None
    seed_path: str | None
    versions: Versions
    addons: Addons
    node_ports: NodePorts
    images: Images
    audit: bool
    """Whether the API server keeps an audit log."""
    migration_probe: bool
    migration_recreate: tuple[str, ...]
    """Bare pods, namespace/name, that a migration may remove and make again."""
    debug: bool
    key_epoch: int
    cilium_values: Mapping[str, object]

    @property
    def api_server(self) -> str:
        """Address and port of the API server, for example 172.31.1.10:6443."""
        return f"{self.topology.control_plane.address}:{API_SERVER_PORT}"
