"""Every configuration key: one declarative table that the reader, Pulumi.yaml and the documentation share.

What is not given takes its default; an empty text means "not set".
"""

from __future__ import annotations

from cilium_lab.config.keys import REQUIRED, Key, choice_key, flag_key, list_keys, number_key, object_keys, text_key
from cilium_lab.config.versions import CILIUM, CONTAINERD, K9S, KUBERNETES, TERMSHARK, TOOLS

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
    *object_keys(
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
            text_key("clusterPool.cidrs[]", "cidr", REQUIRED, "One range.", "172.20.0.0/16"),
            number_key("clusterPool.maskSize", 24, 1, 32, "Prefix length of a node's block."),
        ),
    ),
    text_key(
        "samplePool",
        "cidr",
        "",
        "In multi-pool: range of a second pool, and workloads that take addresses of it by annotation.",
        "172.21.0.0/16",
    ),
    text_key("podCidr", "cidr", "192.168.0.0/16", "Pod range of the mode kubernetes (kubeadm's podSubnet)."),
    text_key("serviceCidr", "cidr", "10.96.0.0/12", "Range of the Services' virtual addresses."),
)

_NETWORKS: tuple[Key, ...] = (
    *object_keys(
        "nodeNetwork",
        "The network that every host is on (interface ens160).",
        (
            text_key("nodeNetwork.cidr", "cidr", "172.31.0.0/20", "Its range."),
            text_key("nodeNetwork.gateway", "address", "172.31.0.2", "Its default gateway, on the bridge."),
            text_key("nodeNetwork.bridge", "link", "lab-nodes", "Name of the bridge on the hypervisor."),
        ),
    ),
    *object_keys(
        "routerNetwork",
        "The network behind the router (its interface ens192); nodes reach it through the router alone.",
        (
            text_key("routerNetwork.cidr", "cidr", "10.10.0.0/16", "Its range, and the nodes' static route."),
            text_key("routerNetwork.address", "address", "10.10.10.10", "The router's address on it."),
            text_key("routerNetwork.bridge", "link", "lab-outer", "Name of the bridge on the hypervisor."),
            *list_keys(
                "routerNetwork.links",
                "Dummy links of the router that stand for networks behind it.",
                _LINKS,
                (
                    text_key("routerNetwork.links[].name", "link", REQUIRED, "Name of the link.", "loop1"),
                    text_key(
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
    choice_key("machines", "vm", ("vm", "container"), "What a host is that does not say so itself."),
    *list_keys(
        "hypervisors",
        "The libvirt daemons that hosts run on.",
        _HYPERVISORS,
        (
            text_key("hypervisors[].name", "name", REQUIRED, "Name by which hosts refer to it.", "local-vm"),
            text_key("hypervisors[].uri", "uri", REQUIRED, "libvirt URI.", "qemu:///system"),
            choice_key(
                "hypervisors[].domainType",
                "",
                ("kvm", "nested", "qemu"),
                "qemu:// only: kvm (default), nested (the hypervisor is a virtual machine itself) or qemu (emulated).",
            ),
        ),
    ),
    *list_keys(
        "hosts",
        "The machines: one control-plane, one router and at least one worker.",
        _HOSTS,
        (
            text_key("hosts[].name", "name", REQUIRED, "Host name (RFC 1123 label).", "k8s-w3"),
            choice_key("hosts[].role", REQUIRED, ("worker", "control-plane", "router"), "What the host is for."),
            text_key("hosts[].address", "address", REQUIRED, "Address on nodeNetwork.", "172.31.1.13"),
            choice_key("hosts[].machine", "", ("vm", "container"), "Kind of machine; by default `machines`."),
            number_key("hosts[].cpus", 2, 1, 256, "Virtual processors."),
            number_key("hosts[].memoryMiB", 3072, 512, 1048576, "Memory in MiB."),
            number_key("hosts[].diskGiB", 20, 10, 16384, "Disk in GiB (virtual machines only)."),
            text_key("hosts[].hypervisor", "name", "", "By default the first that fits its kind.", "local-vm"),
        ),
    ),
    number_key(
        "keyEpoch",
        1,
        1,
        100,
        "Raised by one, it changes the hosts' keys, the user's and that by which workers join, on running hosts.",
    ),
    choice_key("arch", "amd64", ("amd64", "arm64"), "Processor architecture of every host."),
)

_DATAPATH: tuple[Key, ...] = (
    choice_key("routingMode", "native", ("native", "tunnel"), "How pod traffic crosses nodes."),
    choice_key("tunnelProtocol", "vxlan", ("vxlan", "geneve"), "Encapsulation of the routing mode tunnel."),
    choice_key("masquerade", "bpf", ("bpf", "iptables"), "What rewrites the source of traffic that leaves."),
    flag_key("debug", True, "Cilium's debug.enabled, which the study sets."),
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
    choice_key("artifacts", "online", ("online", "bundle"), "Where binaries and images come from."),
    text_key("bundlePath", "path", "", "Folder of the bundle (artifacts: bundle).", "/srv/cilium-lab/bundle"),
    text_key("rootfsPath", "path", "", "Root file system of containers.", "/srv/cilium-lab/rootfs"),
    text_key("seedPath", "path", "", "containerd's imported images for containers.", "/srv/cilium-lab/seed"),
    *object_keys(
        "versions",
        "Pinned versions, x.y.z.",
        (
            text_key("versions.kubernetes", "version", KUBERNETES, "kubeadm, kubelet, kubectl, control plane."),
            text_key("versions.cilium", "version", CILIUM, "Cilium and its chart."),
            text_key("versions.ciliumCli", "version", TOOLS["cilium"].version, "The cilium command (online)."),
            text_key("versions.hubble", "version", TOOLS["hubble"].version, "The hubble command (online)."),
            text_key("versions.containerd", "version", CONTAINERD, "Container runtime (online)."),
            text_key("versions.k9s", "version", K9S, "k9s."),
            text_key("versions.termshark", "version", TERMSHARK, "termshark."),
        ),
    ),
    *object_keys(
        "images",
        "Images besides those of Kubernetes and Cilium; by default by the source of artifacts.",
        tuple(
            text_key(f"images.{name}", "image", "", description, "registry.example/team/name:1.2.3")
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
    *object_keys(
        "addons",
        "Add-ons; one that the bundle lacks is left out and reported.",
        (
            flag_key("addons.storage", True, "local-path as default StorageClass."),
            flag_key("addons.monitoring", True, "Prometheus."),
            flag_key("addons.hubbleUi", True, "Hubble's web interface."),
            flag_key("addons.grafana", True, "Grafana."),
        ),
    ),
    *object_keys(
        "nodePorts",
        "Ports on every node.",
        (
            number_key("nodePorts.prometheus", 30001, 30000, 32767, "Prometheus."),
            number_key("nodePorts.grafana", 30002, 30000, 32767, "Grafana."),
            number_key("nodePorts.hubbleUi", 30003, 30000, 32767, "Hubble's web interface."),
        ),
    ),
    *object_keys(
        "kubernetes",
        "Kubernetes itself.",
        (flag_key("kubernetes.audit", True, "An audit log on the control plane: who did what, never the contents."),),
    ),
    *object_keys(
        "migration",
        "The staged migration.",
        (
            flag_key("migration.probe", False, "Ask Services all the while, and keep what they answered (bundle)."),
            Key(
                "migration.recreate",
                "array",
                "Bare pods that may be removed and made again, with a new address, in their node's turn.",
                [],
                ["default/mine"],
            ),
            text_key("migration.recreate[]", "pod", REQUIRED, "One pod.", "default/mine"),
        ),
    ),
)

KEYS: tuple[Key, ...] = (*_IPAM, *_NETWORKS, *_MACHINES, *_DATAPATH, *_ARTIFACTS, *_ADDONS)
BY_PATH: dict[str, Key] = {key.path: key for key in KEYS}


def children(path: str) -> tuple[Key, ...]:
    """The members of an object (or, for a path that ends in [], of a list's element); "" gives the top level."""
    return tuple(key for key in KEYS if key.parent == path and not key.path.endswith("[]"))
