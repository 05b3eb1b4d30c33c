"""What a healthy lab looks like: every value that a check compares with, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cilium_lab.config.versions import CILIUM


@dataclass(frozen=True)
class Expectation:
    """The lab as it should be.

    Addresses are IPv4 in dotted form, ranges are CIDRs (`192.168.0.0/16`), ports are numbers. `None` for an
    add-on means that it is not installed, and its checks are left out.
    """

    nodes: Mapping[str, str]
    """Name of each Kubernetes node -> its address, for example k8s-cp -> 172.31.1.10."""
    control_plane: str
    kubernetes_version: str
    """x.y.z, without a leading v."""
    router: str
    """The router's host name."""
    router_address: str
    """The router's address in the node network: 172.31.1.20."""
    router_study_address: str
    """One of its addresses behind the static route: 10.10.1.200."""
    router_addresses: tuple[str, ...]
    """Every address that the router has to carry."""
    router_page: str
    """What its web server answers."""
    router_interface: str
    """The router's interface in the node network: ens160."""
    ipam_mode: str
    pod_ranges: tuple[str, ...]
    """The range or ranges that nodes' pod CIDRs come from."""
    node_mask: int
    """Prefix length of a node's pod CIDR."""
    routing: str
    """native, vxlan or geneve."""
    masquerade: str
    """bpf or iptables."""
    debug_image: str
    cilium_version: str = CILIUM
    """Of every agent, x.y.z. A stack of an earlier version of this program does not tell it."""
    kubernetes_range: str = ""
    """The range that Kubernetes gives each Node a pod CIDR of; an earlier version's stack tells none of these three."""
    host_routing: str = ""
    """BPF or Legacy."""
    native_range: str = ""
    """The range that is compiled into the agents' datapath as not masqueraded; empty in a tunnel's mode."""
    workloads: tuple[str, ...] = ()
    """What the stack brings: `Deployment default/webpod`. Those of Cilium's chart are known by its release."""
    sample_pool: str | None = None
    """Range of the second pool of the mode multi-pool, which annotated pods have their addresses of."""
    hubble: bool = True
    storage_class: str | None = None
    prometheus_port: int | None = None
    pages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further pages that have to answer with status 200: name -> URL as seen from the router."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every machine of the lab."""
        return (*self.nodes, self.router)

    def to_json(self) -> str:
        """One line of JSON: how the program hands this to those who verify the lab."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Expectation:
        """The inverse of `to_json`. Raises TypeError or ValueError if the text is not one."""
        fields: dict[str, Any] = json.loads(text)
        for name in ("router_addresses", "pod_ranges", "workloads"):
            fields[name] = tuple(fields.get(name, ()))
        return cls(**fields)
