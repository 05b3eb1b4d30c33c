"""Two workloads that take their addresses from a second pool, by Cilium's annotation: one of a pod, one of a namespace.

Mode multi-pool (Cilium 1.17, pkg/ipam/metadata/manager.go, GetIPPoolForPod): the pod's annotation decides, else its
namespace's, else the pool is `default`.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

POOL = "sample"
NAMESPACE = "pooled"
ANNOTATION = "ipam.cilium.io/ip-pool"
BY_POD, BY_NAMESPACE = "pooled-by-pod", "pooled-by-namespace"


def pool(cidr: IPv4Network, mask_size: int) -> dict[str, Any]:
    """The CiliumPodIPPool; each node that needs addresses of it gets a block of `mask_size` bits."""
    return {
        "apiVersion": "cilium.io/v2alpha1",
        "kind": "CiliumPodIPPool",
        "metadata": {"name": POOL},
        "spec": {"ipv4": {"cidrs": [str(cidr)], "maskSize": mask_size}},
    }


def namespace() -> dict[str, Any]:
    """The namespace whose pods take from the pool without saying so themselves."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "annotations": {ANNOTATION: POOL},
            # the pods run as the image's own user, root, which the restricted level does not allow
            "labels": {"pod-security.kubernetes.io/enforce": "baseline"},
        },
    }


def by_pod(image: str) -> dict[str, Any]:
    """A Deployment in the default namespace whose pod names the pool."""
    return _deployment(BY_POD, "default", image, {ANNOTATION: POOL})


def by_namespace(image: str) -> dict[str, Any]:
    """A Deployment whose pod names none, in the namespace that does."""
    return _deployment(BY_NAMESPACE, NAMESPACE, image, {})


def _deployment(name: str, where: str, image: str, annotations: dict[str, str]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": where, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [
                        {
                            "name": "web",
                            "image": image,
                            "imagePullPolicy": "IfNotPresent",
                            "readinessProbe": {"httpGet": {"path": "/health", "port": 80}, "periodSeconds": 1},
                            "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                            },
                        }
                    ],
                },
            },
        },
    }
