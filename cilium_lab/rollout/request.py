"""The request of a migration: the JSON document on its standard input, validated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from ipaddress import IPv4Network
from typing import Any, cast

from cilium_lab.disruption.targets import Hosts, parse_hosts

MULTI_POOL = "multi-pool"
"""The mode in which a node gets pod CIDRs of every pool as it needs them; no way leads out of it."""
SERVICE_RANGE = "the Service range"
"""Its name among `Desired.other_networks`."""


class RequestError(Exception):
    """Standard input holds no valid request; the text says which key is wrong and what it should be."""


@dataclass(frozen=True)
class Limits:
    """Seconds after which a condition that does not hold ends the run."""

    nodes: float = 120.0
    """All nodes and agents ready, at the start."""
    non_masquerade: float = 150.0
    """Every agent has every non-masquerade CIDR: the kubelet takes up to two minutes to carry a changed ConfigMap."""
    operator: float = 90.0
    drain: float | None = None
    """Everything that can run elsewhere has left a node and is complete there; None: it follows from the pods."""
    replacement: float = 120.0
    """One pod that has left is ready elsewhere, besides the initial delay of its readiness probe."""
    jobs: float = 300.0
    """Running Jobs have finished, where they are waited for."""
    agent: float = 180.0
    routes: float = 60.0
    pods: float | None = None
    """The pods that belong to a node are back; None: it follows from the pods."""
    canary: float = 90.0
    invariants: float = 60.0


@dataclass(frozen=True)
class Canary:
    """The pod that tries a node out before users' pods may return. `image` has sh, curl and dig."""

    image: str
    pages: tuple[str, ...] = ()
    """URLs that have to answer, whatever the status."""
    names: tuple[str, ...] = ()
    """Names that have to resolve."""
    echo: str | None = None
    """`namespace/app` of pods with label app=<app> that answer on port 80, one line being `RemoteAddr: IP:PORT`."""


@dataclass(frozen=True)
class Desired:
    """The cluster as it should be, and what else must not be disturbed. Ranges are IPv4 CIDRs."""

    mode: str
    pools: tuple[IPv4Network, ...]
    """The ranges of cluster-pool, without those that only hold pod CIDRs from earlier."""
    pod_cidr: IPv4Network
    """The cluster's own range, of which the controller manager allocates in the mode kubernetes."""
    mask_size: int
    """Prefix length of a node's pod CIDR."""
    other_networks: dict[str, IPv4Network] = field(default_factory=dict[str, IPv4Network])
    """Ranges that pools must not overlap: name (node network, Service range) -> range."""
    direct_routes: bool = True
    """Native routing with a route to every node; otherwise a tunnel."""
    ip_masq_agent: bool = True
    """Cilium's ip-masq-agent is on, so that a live cluster can have pods of several ranges."""
    recreate: tuple[str, ...] = ()
    """Pods, `namespace/name`, that no known controller re-creates: deleted and re-created in their node's rollout."""
    jobs: str = "wait"
    """What becomes of running pods of Jobs: `wait`, `refuse` or `delete`."""
    services: tuple[str, ...] = ()
    """Services, `namespace/name`, which always have to have a ready backend."""
    canary: Canary | None = None
    limits: Limits = field(default_factory=Limits)
    values: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    """Those that Helm is given for Cilium's chart; empty: they are not compared with the cluster."""
    chart: str = ""
    """The chart's version, x.y.z."""
    kubernetes: str = ""
    """The release of control plane and kubelets, x.y.z; empty: it is not compared with the cluster."""
    one_way: bool = False
    """A change that has no way back is meant."""
    registry: bool = True
    """Nodes can pull images that they do not have."""

    @property
    def ranges(self) -> tuple[IPv4Network, ...]:
        """The ranges that pod CIDRs lie in at the end."""
        return (self.pod_cidr,) if self.mode == "kubernetes" else self.pools

    @property
    def non_masquerade_cidrs(self) -> tuple[IPv4Network, ...]:
        """The ranges that agents must not masquerade, whatever the mode."""
        return (self.pod_cidr, *self.pools)


@dataclass(frozen=True)
class Nodes:
    """How to log in to the nodes, and what upgrades Kubernetes there."""

    addresses: Mapping[str, str]
    """Name -> IPv4 address."""
    key: str = field(repr=False)
    """Private SSH key in OpenSSH's format."""
    known_hosts: str
    """The nodes' public keys: lines of known_hosts(5)."""
    script: str
    """Path of upgrade-kubernetes.sh on every node."""
    ignored: str = ""
    """Checks of kubeadm's preflight that fail for a harmless reason, by commas."""

    def render(self) -> dict[str, object]:
        """For a request: the inverse of `_nodes`."""
        return {
            "addresses": dict(self.addresses),
            "key": self.key,
            "knownHosts": self.known_hosts,
            "script": self.script,
            "ignored": self.ignored,
        }


def _nodes(tree: Mapping[str, Any]) -> Nodes:
    addresses = {str(name): str(address) for name, address in tree["addresses"].items()}
    return Nodes(
        addresses, str(tree["key"]), str(tree["knownHosts"]), str(tree["script"]), str(tree.get("ignored", ""))
    )


@dataclass(frozen=True)
class Request:
    """`desired`, and the credentials to get there: never an argument, never in the environment."""

    desired: Desired
    kubeconfig: str = field(repr=False)
    runs: str = ""
    """The folder of all runs' directories; empty: no journal is kept."""
    hosts: Hosts | None = None
    """Where probes run meanwhile; None: without probes."""
    nodes: Nodes | None = None
    """None: Kubernetes itself cannot be upgraded."""


def parse(text: str) -> Request:
    """Raises RequestError."""
    try:
        tree: dict[str, Any] = json.loads(text)
        canary = tree.get("canary")
        known = {item.name for item in fields(Limits)}
        limits: dict[str, Any] = tree.get("limits", {})
        unknown = [name for name in limits if name not in known]
        if unknown:
            raise RequestError(f"limits.{unknown[0]}: there is no such limit; there are {', '.join(sorted(known))}")
        desired = Desired(
            mode=str(tree["mode"]),
            pools=tuple(IPv4Network(cidr) for cidr in tree["pools"]),
            pod_cidr=IPv4Network(tree["podCidr"]),
            mask_size=int(tree["maskSize"]),
            other_networks={name: IPv4Network(cidr) for name, cidr in tree.get("otherNetworks", {}).items()},
            direct_routes=bool(tree.get("directRoutes", True)),
            ip_masq_agent=bool(tree.get("ipMasqAgent", True)),
            values=tree.get("values", {}),
            chart=str(tree.get("chart", "")),
            kubernetes=str(tree.get("kubernetes", "")),
            recreate=_texts(tree, "recreate"),
            one_way=bool(tree.get("oneWay", False)),
            registry=bool(tree.get("registry", True)),
            jobs=str(tree.get("jobs", "wait")),
            services=_texts(tree, "services"),
            canary=None
            if canary is None
            else Canary(canary["image"], _texts(canary, "pages"), _texts(canary, "names"), canary.get("echo")),
            limits=Limits(**{name: float(seconds) for name, seconds in limits.items() if seconds is not None}),
        )
        hosts = parse_hosts(tree["hosts"]) if tree.get("hosts") else None
        nodes = _nodes(tree["nodes"]) if tree.get("nodes") else None
        return Request(desired, str(tree["kubeconfig"]), str(tree.get("runs", "")), hosts, nodes)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RequestError(f"standard input: {type(error).__name__}: {error}") from error


def render(desired: Desired) -> dict[str, object]:
    """The request's keys for what is desired alone: the inverse of `parse`."""
    canary = desired.canary
    tree: dict[str, object] = {
        "mode": desired.mode,
        "pools": [str(cidr) for cidr in desired.pools],
        "podCidr": str(desired.pod_cidr),
        "maskSize": desired.mask_size,
        "otherNetworks": {name: str(cidr) for name, cidr in desired.other_networks.items()},
        "directRoutes": desired.direct_routes,
        "ipMasqAgent": desired.ip_masq_agent,
        "values": desired.values,
        "chart": desired.chart,
        "kubernetes": desired.kubernetes,
        "recreate": list(desired.recreate),
        "oneWay": desired.one_way,
        "registry": desired.registry,
        "jobs": desired.jobs,
        "services": list(desired.services),
        "limits": asdict(desired.limits),
    }
    if canary:
        tree["canary"] = {
            "image": canary.image,
            "pages": list(canary.pages),
            "names": list(canary.names),
            "echo": canary.echo,
        }
    return tree


def _texts(tree: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(text) for text in cast(list[object], tree.get(key, [])))
