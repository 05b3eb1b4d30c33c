"""What the probes request, from which sources, and the probe runners there: units of hosts, a pod in the cluster. Pure.

A probe runner is a process of `probe run` (airgap/modules/probe). The prober is the pod among them: it moves like any
other workload, the new pod begins before the old one has ended, and its lines on the node's disk outlive it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from cilium_lab.config.versions import own_image
from cilium_lab.disruption.thresholds import THRESHOLDS

WORKLOAD = "probe"
"""The Deployment and the Service that are probed."""
NAMESPACE = "default"
IMAGE = own_image("probe")
"""In the bundle; upstream has no such image, so probes need `artifacts: bundle`."""
PAGES_PORT = 8080
ECHO_PORT = 7007
POD = "pod"
"""The source inside the cluster."""
PROBER = "prober"
"""The Deployment of the source inside the cluster."""
UNIT = "lab-probe"
"""The systemd unit of a host's probe runner."""
STARTED = "started"
"""What `start` prints when there was no probe runner yet."""
_NAME = "kubernetes.default.svc.cluster.local"
_FOLDER = "/var/lib/cilium-lab/probe"
"""Of the probes' lines, on every host."""
_LABELS = {"app": PROBER}
_LIMIT = "20m"
"""After which a forgotten probe runner ends by itself."""
RATE = round(THRESHOLDS.rate)
"""Requests a second where a stack sets no other rate (`migration.probeRate`): enough for the thresholds."""
_NICE = -15
"""A probe that waits for the processor would measure its own wait, not the service's."""


@dataclass(frozen=True)
class Hosts:
    """Where probes run, and how to log in there. Addresses are IPv4, without prefix length."""

    nodes: Mapping[str, str]
    """Every node of the cluster: name -> address. A prober pod may come to each of them."""
    inside: tuple[str, ...]
    """The nodes that have a probe runner as hosts."""
    router: str
    router_address: str
    behind: str
    """An address of the router that nodes reach by the static route; a page is served there, on port 80."""
    key: str = field(repr=False)
    """Private SSH key in OpenSSH's format."""
    known_hosts: str
    """The hosts' public keys: lines of known_hosts(5)."""
    rate: int = RATE
    """Requests a second, of the Service from inside and of nodes' ports from the router each."""

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
            "rate": self.rate,
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
        rate=int(tree["rate"]),
    )


@dataclass(frozen=True)
class Service:
    """The probed Service: its address, its ports, and the nodes' port for pages; and the address of DNS."""

    address: str
    pages: int
    echo: int
    node_port: int
    dns: str


def targets(hosts: Hosts, service: Service) -> dict[str, tuple[str, ...]]:
    """Source -> the arguments of its `probe run`; a number behind @ is requests a second.

    Of `hosts.rate` pages a second half as many more are requested of the Service from inside, and a fifth more of the
    nodes' ports from the router: a source that moves or waits for a processor leaves enough of them.
    """
    rate = hosts.rate
    page = f"service=http:{service.address}:{service.pages}@{_share(rate, 2)}"
    ports = [f"nodeport-{name}=http:{address}:{service.node_port}" for name, address in hosts.nodes.items()]
    return {
        hosts.router: tuple(f"{port}@{_share(rate * 6, 5 * len(ports))}" for port in ports),
        **dict.fromkeys(hosts.inside, (page,)),
        POD: (
            page,
            f"dns=dns/{_NAME}:{service.dns}:53@{_share(rate, 2)}",
            f"stream=tcp:{service.address}:{service.echo}@{rate}",
            f"datagrams=udp:{service.address}:{service.echo}@{rate}",
            f"outside=http:{hosts.behind}:80@{_share(rate, 10)}",
        ),
    }


def _share(rate: int, among: int) -> int:
    """Rounded up."""
    return -(-rate // among)


def prober(requested: Sequence[str], until: str) -> dict[str, Any]:
    """The prober's Deployment. After `until` (RFC 3339) it requests nothing any more, in case it is forgotten."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": PROBER, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(_LABELS)}, "spec": _pod_spec(requested, until)},
        },
    }


def _pod_spec(requested: Sequence[str], until: str) -> dict[str, Any]:
    own_name = {"fieldRef": {"fieldPath": "metadata.name"}}
    return {
        "automountServiceAccountToken": False,
        # Longer than an answer may take: the prober waits for the answers to what it has sent.
        "terminationGracePeriodSeconds": 10,
        "volumes": [{"name": "lines", "hostPath": {"path": _FOLDER, "type": "DirectoryOrCreate"}}],
        "containers": [
            {
                "name": PROBER,
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "args": ["run", "-until", until, "-out", "/lines/pod-$(POD).jsonl", *requested],
                "env": [{"name": "POD", "valueFrom": own_name}],
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "volumeMounts": [{"name": "lines", "mountPath": "/lines"}],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }


def start(source: str, requested: Sequence[str]) -> str:
    """The script that starts the probe runner of this host until `stop`; one that runs already is left alone."""
    words = " ".join(map(quote, ("run", "-for", _LIMIT, "-out", f"{_FOLDER}/host-{source}.jsonl", *requested)))
    return f"""set -eu
if systemctl is-active -q {UNIT}; then echo 'runs already'; exit 0; fi
program=$(command -v probe) || {{ echo 'no probe on the PATH: the bundle has it' >&2; exit 1; }}
mkdir -p {_FOLDER}
systemd-run -q --unit {UNIT} --collect -p Nice={_NICE} "$program" {words}
echo {STARTED}
"""


def stop() -> str:
    """The script that ends a host's probe runner when all that it has requested is answered."""
    return f"systemctl stop {UNIT} 2>/dev/null || true\n"


def forget() -> str:
    """The script that ends a host's probe runner, and removes all lines."""
    return f"{stop()}rm -rf {_FOLDER}\n"


def host_lines(source: str) -> str:
    """The script that prints the lines of the host's own probe runner."""
    return f"cat {_FOLDER}/host-{source}.jsonl\n"


def pod_lines() -> str:
    """The script that prints the lines of the prober pods that ran on this node."""
    return f'for file in {_FOLDER}/pod-*.jsonl; do [ -e "$file" ] || continue; cat "$file"; done\n'
