"""kubeadm's documents as pure functions: the configuration of `kubeadm init` and `kubeadm join`.

They are kubeadm.k8s.io/v1beta4, and hold no secret: a worker finds CA and token in a file of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import yaml

from cilium_lab.config.schema import NODE_MASK_SIZE, LabConfig
from cilium_lab.config.topology import API_SERVER_PORT, Host
from cilium_lab.config.versions import PAUSE
from components.kubernetes import hardening

Document = dict[str, Any]

API_VERSION = "kubeadm.k8s.io/v1beta4"
CRI_SOCKET = "unix:///run/containerd/containerd.sock"
PAUSE_IMAGE = f"registry.k8s.io/pause:{PAUSE}"
"""The sandbox's image for Kubernetes 1.31 to 1.33 (cmd/kubeadm/app/constants, PauseVersion)."""
DISCOVERY_FILE = "/run/cilium-lab-discovery.conf"
"""Where a worker has, while it joins, a kubeconfig with the cluster's CA and a short-lived token."""
INIT_TOKEN_TTL = "1m0s"
"""kubeadm init always makes a bootstrap token, good for 24 hours unless one is described (v1beta4/defaults.go,
SetDefaults_BootstrapTokens). Nothing uses it: workers get their own.
"""


def init_documents(lab: LabConfig) -> list[Document]:
    """All documents of `kubeadm init --config`, for the control plane."""
    return [init_configuration(lab), cluster_configuration(lab), kubelet_configuration(lab)]


def join_documents(lab: LabConfig, host: Host) -> list[Document]:
    """All documents of `kubeadm join --config`, for a worker."""
    return [join_configuration(lab, host)]


def init_configuration(lab: LabConfig) -> Document:
    """InitConfiguration of the control plane."""
    host = lab.topology.control_plane
    return {
        "apiVersion": API_VERSION,
        "kind": "InitConfiguration",
        "bootstrapTokens": [{"ttl": INIT_TOKEN_TTL, "description": "made by kubeadm init; nothing uses it"}],
        "localAPIEndpoint": {"advertiseAddress": str(host.address), "bindPort": API_SERVER_PORT},
        # An empty list, unlike none, means no taint: the study runs pods on the control plane.
        "nodeRegistration": {**_registration(lab, host), "taints": []},
    }


def cluster_configuration(lab: LabConfig) -> Document:
    """ClusterConfiguration: version and ranges, what hardens the control plane, and no kube-proxy.

    `proxy.disabled` stays in the cluster's kubeadm-config, unlike a skipped phase, so that an upgrade does
    not bring kube-proxy back (cmd/kubeadm/app/cmd/init.go, manageSkippedAddons).
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterConfiguration",
        "kubernetesVersion": f"v{lab.versions.kubernetes}",
        "networking": {"podSubnet": str(lab.pod_cidr), "serviceSubnet": str(lab.service_cidr)},
        "apiServer": hardening.api_server(audit=lab.kubernetes.audit),
        "controllerManager": {
            "extraArgs": [_arg("node-cidr-mask-size", NODE_MASK_SIZE), *hardening.controller_manager()]
        },
        "scheduler": hardening.scheduler(),
        "proxy": {"disabled": True},
    }


def kubelet_configuration(lab: LabConfig) -> Document:
    """KubeletConfiguration of every node: kubeadm keeps one for the cluster.

    The configuration's checks ensure that all nodes are of one kind. In containers, which share the machine's kernel,
    disk and swap:
    - the machine's swap is visible and the lab must not switch it off;
    - free disk is the machine's, and evicting pods or deleting images does not free it;
    - sysctls of the kernel cannot be written: KubeletInUserNamespace makes a failure to do so a warning, and kubelet
      must not require them (protectKernelDefaults).
    """
    control_plane = lab.topology.control_plane
    document: Document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": cgroup_driver(control_plane),
        **hardening.kubelet(),
    }
    if control_plane.machine == "container":
        document |= {
            "failSwapOn": False,
            "protectKernelDefaults": False,
            "resolvConf": "/etc/resolv.conf",
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
            },
            "featureGates": {"KubeletInUserNamespace": True},
        }
    return document


def cgroup_driver(host: Host) -> Literal["systemd", "cgroupfs"]:
    """What manages the pods' cgroups, for kubelet and containerd alike.

    Systemd as everywhere; in a container the runtime itself, because systemd there has no controllers to delegate.
    """
    return "cgroupfs" if host.machine == "container" else "systemd"


def join_configuration(lab: LabConfig, host: Host) -> Document:
    """JoinConfiguration of a worker. It holds no token: the discovery file, made when the worker joins, has one
    that is good for some minutes, and the cluster's CA, which is compared with the hash that init printed.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": DISCOVERY_FILE}},
        "nodeRegistration": _registration(lab, host),
    }


def ignored_preflight_errors(lab: LabConfig, host: Host) -> list[str]:
    """The checks of kubeadm that fail here for a harmless reason, and no others.

    Containers: SystemVerification wants the kernel's configuration or modules, which a container does not
    have, and Swap sees the machine's. Bundle: HTTPProxyCIDR writes an IPv4 address in brackets into a URL,
    which the Go that the bundle is built with refuses to parse. Processors and memory are not among them: the
    configuration's checks have kubeadm's own minima.
    """
    containers = ["SystemVerification", "Swap"] if host.machine == "container" else []
    bundle = ["HTTPProxyCIDR"] if lab.artifacts == "bundle" else []
    return [*containers, *bundle]


def to_yaml(*documents: Mapping[str, Any]) -> str:
    """The documents as one YAML stream, with their keys in the order in which they were written."""
    return yaml.safe_dump_all([dict(document) for document in documents], sort_keys=False)


def _registration(lab: LabConfig, host: Host) -> Document:
    return {
        "name": host.name,
        "criSocket": CRI_SOCKET,
        "imagePullPolicy": "IfNotPresent",
        # Else kubelet takes the address of whatever interface has the default route.
        "kubeletExtraArgs": [_arg("node-ip", host.address)],
        "ignorePreflightErrors": ignored_preflight_errors(lab, host),
    }


def _arg(name: str, value: object) -> dict[str, str]:
    return {"name": name, "value": str(value)}
