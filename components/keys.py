"""Every configuration key: one declarative table that the reader, Pulumi.yaml and the documentation share.

Paths are relative to the project's namespace. `a.b` is a member of an object, `a[]` an element of a list.
What is not given takes its default; a member whose default is `REQUIRED` must be given. An empty string means
"not set".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

KeyType = Literal["string", "integer", "boolean", "array", "object"]
Format = Literal["cidr", "address", "interface", "name", "link", "uri", "version", "image", "path", "any"]

REQUIRED: Final = object()


@dataclass(frozen=True)
class Key:
    """One key; `choices`, `form`, `low` and `high` are what the reader checks without looking at another
    key.
    """

    path: str
    type: KeyType
    description: str
    default: object
    example: object
    choices: tuple[str, ...] = ()
    form: Format | None = None
    low: int | None = None
    high: int | None = None
    refused: tuple[tuple[str, str], ...] = ()
    """Values that someone may well expect to work, each with the reason why it does not."""

    @property
    def parent(self) -> str:
        """The path of the object or list that holds this key; empty for a top-level key."""
        return self.path.removesuffix("[]") if self.path.endswith("[]") else self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def _choice(path: str, default: object, choices: tuple[str, ...], description: str) -> Key:
    example = default if isinstance(default, str) and default else choices[0]
    return Key(path, "string", description, default, example, choices=choices)


def _text(path: str, form: Format, default: object, description: str, example: str = "") -> Key:
    return Key(path, "string", description, default, example or default, form=form)


def _number(path: str, default: int, low: int, high: int, description: str) -> Key:
    return Key(path, "integer", description, default, default, low=low, high=high)


def _flag(path: str, default: bool, description: str) -> Key:
    return Key(path, "boolean", description, default, default)


def _object(path: str, description: str, members: tuple[Key, ...]) -> tuple[Key, ...]:
    """An object whose default is made of its members' defaults; members without one are left out of it."""
    children = [m for m in members if m.parent == path]
    default = {m.name: m.default for m in children if m.default not in ("", REQUIRED)}
    return (Key(path, "object", description, default, default), *members)


def _list(path: str, description: str, default: list[object], members: tuple[Key, ...]) -> tuple[Key, ...]:
    return (Key(path, "array", description, default, default), *members)


_HOSTS: list[object] = [
    {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10", "cpus": 2, "memoryMiB": 4096},
    {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11"},
    {"name": "k8s-w2", "role": "worker", "address": "172.31.1.12"},
    {
        "name": "router",
        "role": "router",
        "address": "172.31.1.20",
        "cpus": 1,
        "memoryMiB": 1024,
        "diskGiB": 10,
    },
]
_HYPERVISORS: list[object] = [
    {"name": "local-vm", "uri": "qemu:///system"},
    {"name": "local-container", "uri": "lxc:///system"},
]
_LINKS: list[object] = [
    {"name": "loop1", "address": "10.10.1.200/24"},
    {"name": "loop2", "address": "10.10.2.200/24"},
]

_REFUSED_MODES = (
    ("eni", "it takes addresses from the network interfaces of AWS instances, and there is no AWS here"),
    ("azure", "it takes addresses from the interfaces of Azure virtual machines, and there is no Azure here"),
    ("gke", "it takes the ranges that Google gives to the nodes of GKE, and there is no GKE here"),
    ("alibabacloud", "it takes addresses from the interfaces of Alibaba Cloud, and there is none here"),
    ("crd", "it wants somebody to write addresses into every CiliumNode, and nobody here does"),
    ("delegated-plugin", "it leaves addresses to another CNI plugin on the nodes, and none is installed"),
)
_IPAM: tuple[Key, ...] = (
    Key(
        "ipamMode",
        "string",
        "Where pods get their addresses from. Changed on a running lab, it starts the staged migration.",
        "kubernetes",
        "kubernetes",
        choices=("kubernetes", "cluster-pool", "multi-pool"),
        refused=_REFUSED_MODES,
    ),
    *_object(
        "clusterPool",
        "What Cilium's operator hands out in the modes cluster-pool and multi-pool.",
        (
            Key(
                "clusterPool.cidrs",
                "array",
                "Ranges of the pool, used in this order; none may overlap another range of the lab.",
                ["172.20.0.0/16"],
                ["172.20.0.0/16"],
            ),
            _text("clusterPool.cidrs[]", "cidr", REQUIRED, "One range.", "172.20.0.0/16"),
            _number("clusterPool.maskSize", 24, 1, 32, "Prefix length of a node's block."),
        ),
    ),
    _text("podCidr", "cidr", "192.168.0.0/16", "Pod range of the mode kubernetes (kubeadm's podSubnet)."),
    _text("serviceCidr", "cidr", "10.96.0.0/12", "Range of the Services' virtual addresses."),
)

_NETWORKS: tuple[Key, ...] = (
    *_object(
        "nodeNetwork",
        "The network that every host is on (interface ens160).",
        (
            _text("nodeNetwork.cidr", "cidr", "172.31.0.0/20", "Its range."),
            _text("nodeNetwork.gateway", "address", "172.31.0.2", "Its default gateway, on the bridge."),
            _text("nodeNetwork.bridge", "link", "lab-nodes", "Name of the bridge on the hypervisor."),
        ),
    ),
    *_object(
        "routerNetwork",
        "The network behind the router (its interface ens192); nodes reach it through the router alone.",
        (
            _text("routerNetwork.cidr", "cidr", "10.10.0.0/16", "Its range, and the nodes' static route."),
            _text("routerNetwork.address", "address", "10.10.10.10", "The router's address on it."),
            _text("routerNetwork.bridge", "link", "lab-outer", "Name of the bridge on the hypervisor."),
            *_list(
                "routerNetwork.links",
                "Dummy links of the router that stand for networks behind it.",
                _LINKS,
                (
                    _text("routerNetwork.links[].name", "link", REQUIRED, "Name of the link.", "loop1"),
                    _text(
                        "routerNetwork.links[].address",
                        "interface",
                        REQUIRED,
                        "Its address with prefix length, inside routerNetwork.cidr.",
                        "10.10.1.200/24",
                    ),
                ),
            ),
        ),
    ),
)

_MACHINES: tuple[Key, ...] = (
    _choice("machines", "vm", ("vm", "container"), "What a host is that does not say so itself."),
    *_list(
        "hypervisors",
        "The libvirt daemons that hosts run on.",
        _HYPERVISORS,
        (
            _text("hypervisors[].name", "name", REQUIRED, "Name by which hosts refer to it.", "local-vm"),
            _text("hypervisors[].uri", "uri", REQUIRED, "libvirt URI.", "qemu:///system"),
        ),
    ),
    *_list(
        "hosts",
        "The machines: one control-plane, one router and at least one worker.",
        _HOSTS,
        (
            _text("hosts[].name", "name", REQUIRED, "Host name (RFC 1123 label).", "k8s-w3"),
            _choice("hosts[].role", REQUIRED, ("worker", "control-plane", "router"), "What the host is for."),
            _text("hosts[].address", "address", REQUIRED, "Address on nodeNetwork.", "172.31.1.13"),
            _choice("hosts[].machine", "", ("vm", "container"), "Kind of machine; by default `machines`."),
            _number("hosts[].cpus", 2, 1, 256, "Virtual processors."),
            _number("hosts[].memoryMiB", 3072, 512, 1048576, "Memory in MiB."),
            _number("hosts[].diskGiB", 20, 10, 16384, "Disk in GiB (virtual machines only)."),
            _text("hosts[].hypervisor", "name", "", "By default the first that fits its kind.", "local-vm"),
        ),
    ),
    _choice("arch", "amd64", ("amd64", "arm64"), "Processor architecture of every host."),
)

_DATAPATH: tuple[Key, ...] = (
    _choice("routingMode", "native", ("native", "tunnel"), "How pod traffic crosses nodes."),
    _choice("tunnelProtocol", "vxlan", ("vxlan", "geneve"), "Encapsulation of the routing mode tunnel."),
    _choice("masquerade", "bpf", ("bpf", "iptables"), "What rewrites the source of traffic that leaves."),
    _flag("debug", True, "Cilium's debug.enabled, which the study sets."),
    Key(
        "ciliumValues",
        "object",
        "More Helm values for the Cilium chart; keys that the program sets itself are refused.",
        {},
        {"bpf": {"mapDynamicSizeRatio": 0.005}},
        form="any",
    ),
)

_ARTIFACTS: tuple[Key, ...] = (
    _choice("artifacts", "online", ("online", "bundle"), "Where binaries and images come from."),
    _text("bundlePath", "path", "", "Folder of the bundle (artifacts: bundle).", "/srv/cilium-lab/bundle"),
    _text("rootfsPath", "path", "", "Root file system of containers.", "/srv/cilium-lab/rootfs"),
    _text("seedPath", "path", "", "containerd's imported images for containers.", "/srv/cilium-lab/seed"),
    *_object(
        "versions",
        "Pinned versions, x.y.z.",
        (
            _text("versions.kubernetes", "version", "1.33.3", "kubeadm, kubelet, kubectl, control plane."),
            _text("versions.cilium", "version", "1.17.6", "Cilium and its chart."),
            _text("versions.ciliumCli", "version", "0.18.5", "The cilium command (online)."),
            _text("versions.hubble", "version", "1.17.5", "The hubble command (online)."),
            _text("versions.containerd", "version", "1.7.27", "Container runtime (online)."),
            _text("versions.k9s", "version", "0.50.9", "k9s."),
            _text("versions.termshark", "version", "2.4.0", "termshark."),
        ),
    ),
    *_object(
        "images",
        "Images besides those of Kubernetes and Cilium; by default by the source of artifacts.",
        tuple(
            _text(f"images.{name}", "image", "", description, "registry.example/team/name:1.2.3")
            for name, description in (
                ("webpod", "The web server that tells who it is."),
                ("debug", "curl, ping, dig and tcpdump for curl-pod."),
                ("localPath", "Provisioner of the default StorageClass."),
                ("localPathHelper", "What makes and removes its folders on a node."),
                ("prometheus", "Prometheus."),
                ("grafana", "Grafana."),
            )
        ),
    ),
)

_ADDONS: tuple[Key, ...] = (
    *_object(
        "addons",
        "Add-ons; one that the bundle lacks is left out and reported.",
        (
            _flag("addons.storage", True, "local-path as default StorageClass."),
            _flag("addons.monitoring", True, "Prometheus."),
            _flag("addons.hubbleUi", True, "Hubble's web interface."),
            _flag("addons.grafana", True, "Grafana."),
        ),
    ),
    *_object(
        "nodePorts",
        "Ports on every node.",
        (
            _number("nodePorts.prometheus", 30001, 30000, 32767, "Prometheus."),
            _number("nodePorts.grafana", 30002, 30000, 32767, "Grafana."),
            _number("nodePorts.hubbleUi", 30003, 30000, 32767, "Hubble's web interface."),
        ),
    ),
    *_object(
        "migration",
        "The staged migration.",
        (_flag("migration.probe", False, "Measure requests through it and report."),),
    ),
)

KEYS: tuple[Key, ...] = (*_IPAM, *_NETWORKS, *_MACHINES, *_DATAPATH, *_ARTIFACTS, *_ADDONS)
BY_PATH: dict[str, Key] = {key.path: key for key in KEYS}


def children(path: str) -> tuple[Key, ...]:
    """The members of an object (or, for a path that ends in [], of a list's element); "" gives the top
    level.
    """
    return tuple(key for key in KEYS if key.parent == path and not key.path.endswith("[]"))
