"""The failures of the CIS benchmark that are meant to stay, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """One recommendation of the benchmark, by its number, that this lab does not keep to."""

    number: str
    text: str
    reason: str


ACCEPTED = (
    Accepted(
        "1.1.12",
        "etcd's data folder belongs to etcd:etcd",
        "kubeadm runs etcd as root in a static pod, and no user etcd exists on the host. Its feature gate "
        "RootlessControlPlane is alpha. The folder is root's alone (0700).",
    ),
    Accepted(
        "1.2.5",
        "the API server checks kubelet's serving certificate (--kubelet-certificate-authority)",
        "Kubelets sign their serving certificates themselves: Kubernetes approves requests for such certificates "
        "(serverTLSBootstrap) never by itself, and a controller of our own that approves them, for as long as the lab "
        "lives, would be one more thing that can sign for a node. Requests cross the node network alone.",
    ),
    Accepted(
        "4.3.1",
        "kube-proxy's metrics are bound to localhost",
        "There is no kube-proxy: Cilium replaces it. The check fails where it finds no such process.",
    ),
)
