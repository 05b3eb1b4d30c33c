"""Who asks what, how often: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cilium_lab.config.versions import own_image

WORKLOAD = "probe"
"""The Deployment and the Service that are probed."""
NAMESPACE = "default"
IMAGE = own_image("probe")
"""Part of the bundle; upstream has no such image, so probes need `artifacts: bundle`."""
PAGES_PORT = 8080
ECHO_PORT = 7007
POD = "pod"
"""The source inside the cluster."""
_NAME = "kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class Hosts:
    """Where probes run, and how to get in there. Addresses are IPv4, without prefix length."""

    nodes: Mapping[str, str]
    """Every node of the cluster: name -> address. A prober pod may come to each of them."""
    inside: tuple[str, ...]
    """The nodes that ask as hosts."""
    router: str
    router_address: str
    behind: str
    """An address of the router that nodes reach by the static route; a page is served there, on port 80."""
    key: str = field(repr=False)
    """Private SSH key in OpenSSH's format."""
    known_hosts: str
    """The hosts' public keys: lines of known_hosts(5)."""

    @property
    def addresses(self) -> dict[str, str]:
        """Name -> address of every host."""
        return {**self.nodes, self.router: self.router_address}

    def render(self) -> dict[str, object]:
        """For a document: the inverse of `parse_hosts`."""
        return {
            "nodes": dict(self.nodes),
            "inside": list(self.inside),
            "router": self.router,
            "routerAddress": self.router_address,
            "behind": self.behind,
            "key": self.key,
            "knownHosts": self.known_hosts,
        }


def parse_hosts(tree: Mapping[str, Any]) -> Hosts:
    """Raises KeyError or TypeError."""
    return Hosts(
        nodes={str(name): str(address) for name, address in tree["nodes"].items()},
        inside=tuple(map(str, tree["inside"])),
        router=str(tree["router"]),
        router_address=str(tree["routerAddress"]),
        behind=str(tree["behind"]),
        key=str(tree["key"]),
        known_hosts=str(tree["knownHosts"]),
    )


@dataclass(frozen=True)
class Service:
    """The Service that is asked: its address, its ports, and the nodes' port for pages; and that of DNS."""

    address: str
    pages: int
    echo: int
    node_port: int
    dns: str


def targets(hosts: Hosts, service: Service) -> dict[str, tuple[str, ...]]:
    """Source -> the arguments of its `probe run`; a number behind @ is requests a second.

    150 pages a second are asked of the Service from inside, 120 of the nodes' ports from the router.
    """
    page = f"service=http:{service.address}:{service.pages}@50"
    ports = [f"nodeport-{name}=http:{address}:{service.node_port}" for name, address in hosts.nodes.items()]
    return {
        hosts.router: tuple(f"{port}@{_share(120, ports)}" for port in ports),
        **dict.fromkeys(hosts.inside, (page,)),
        POD: (
            page,
            f"dns=dns/{_NAME}:{service.dns}:53@50",
            f"stream=tcp:{service.address}:{service.echo}@100",
            f"datagrams=udp:{service.address}:{service.echo}@100",
            f"outside=http:{hosts.behind}:80@10",
        ),
    }


def _share(rate: int, among: Sequence[object]) -> int:
    return -(-rate // len(among))
