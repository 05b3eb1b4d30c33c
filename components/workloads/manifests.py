"""The study's workloads as manifests: webpod, curl-pod, and two that take their addresses from a second pool. Pure.

webpod is two replicas of an HTTP echo that answers like traefik/whoami. The study's anti-affinity selected
`app: sample-app`, a label that no pod carries, so its replicas could share a node; here the rule selects the pods' own
label. What is added to the study's manifest (readiness, disruption budget, surge, pre-stop pause, CPU request) allows
a node to be drained and an agent to be restarted without a failed request: a terminating backend serves until every
node has learned that it is going.

curl-pod is the study's bare pod with network tools, bound to one node by name. No controller brings it back, so whoever
drains its node has to.

Which pool a pod's address comes from in the mode multi-pool (Cilium 1.17, pkg/ipam/metadata/manager.go,
GetIPPoolForPod): the pod's annotation decides, else its namespace's, else the pool is `default`.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

NAMESPACE = "default"
WEBPOD = "webpod"
WEBPOD_LABELS = {"app": WEBPOD}
REPLICAS = 2
CURL_POD = "curl-pod"
SAMPLE_POOL = "sample"
POOL_ANNOTATION = "ipam.cilium.io/ip-pool"
POOLED_NAMESPACE = "pooled"
POOLED_BY_POD, POOLED_BY_NAMESPACE = "pooled-by-pod", "pooled-by-namespace"

DRAIN_SECONDS = 5
"""For which a terminating pod still serves: longer than EndpointSlices take to reach every agent."""
GRACE_SECONDS = 20
"""After which the kubelet kills what is left: the pause above plus time for open requests."""
_PORT = 80


def webpod_deployment(image: str, *, replicas: int = REPLICAS) -> dict[str, Any]:
    """The Deployment. `image` serves port 80 as traefik/whoami does: / names the pod, /health its state."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": WEBPOD, "namespace": NAMESPACE, "labels": dict(WEBPOD_LABELS)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(WEBPOD_LABELS)},
            # Surge first: there is never one backend less than wanted. With required anti-affinity this needs
            # one node more than replicas, which the lab has because its control plane takes pods.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(WEBPOD_LABELS)}, "spec": _webpod_spec(image)},
        },
    }


def _webpod_spec(image: str) -> dict[str, Any]:
    return {
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": dict(WEBPOD_LABELS)}, "topologyKey": "kubernetes.io/hostname"}
                ]
            }
        },
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [
            {
                "name": WEBPOD,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"name": "http", "containerPort": _PORT}],
                # Measured: as BestEffort pods they lost requests while an agent compiled its programs on the
                # same cores; with this share they lost none.
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "readinessProbe": {
                    "httpGet": {"path": "/health", "port": _PORT},
                    "periodSeconds": 1,
                    "failureThreshold": 3,
                },
                # The kubelet's own sleep: whoami's image is built from scratch and has no sleep to execute.
                "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                },
            }
        ],
    }


def webpod_service() -> dict[str, Any]:
    """The ClusterIP Service `webpod`, port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": WEBPOD, "namespace": NAMESPACE, "labels": dict(WEBPOD_LABELS)},
        "spec": {
            "type": "ClusterIP",
            "selector": dict(WEBPOD_LABELS),
            "ports": [{"name": "http", "protocol": "TCP", "port": _PORT, "targetPort": _PORT}],
        },
    }


def webpod_budget() -> dict[str, Any]:
    """At most one webpod may be evicted at a time; a broken one never prevents the drain of its node."""
    return disruption_budget(WEBPOD, WEBPOD_LABELS)


def disruption_budget(name: str, labels: dict[str, str]) -> dict[str, Any]:
    """Of the pods with these labels one may be evicted at a time; a pod that is not ready may always be."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(labels)},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(labels)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def curl_pod(image: str, node: str) -> dict[str, Any]:
    """The Pod, placed on `node` past the scheduler. `image` has curl, dig, ping, nc and tcpdump."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": CURL_POD, "namespace": NAMESPACE, "labels": {"app": "curl"}},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "curl",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["tail"],
                    "args": ["-f", "/dev/null"],
                    "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
                }
            ],
        },
    }


def sample_pool(cidr: IPv4Network, mask_size: int) -> dict[str, Any]:
    """The CiliumPodIPPool; each node that needs addresses of it gets a pod CIDR of `mask_size` bits."""
    return {
        "apiVersion": "cilium.io/v2alpha1",
        "kind": "CiliumPodIPPool",
        "metadata": {"name": SAMPLE_POOL},
        "spec": {"ipv4": {"cidrs": [str(cidr)], "maskSize": mask_size}},
    }


def pooled_namespace() -> dict[str, Any]:
    """The namespace whose pods take from the pool without an annotation of their own."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": POOLED_NAMESPACE,
            "annotations": {POOL_ANNOTATION: SAMPLE_POOL},
            # the pods run as the image's own user, root, which the restricted level does not allow
            "labels": {"pod-security.kubernetes.io/enforce": "baseline"},
        },
    }


def pooled_by_pod(image: str) -> dict[str, Any]:
    """A Deployment in the default namespace whose pod names the pool."""
    return _pooled_deployment(POOLED_BY_POD, NAMESPACE, image, {POOL_ANNOTATION: SAMPLE_POOL})


def pooled_by_namespace(image: str) -> dict[str, Any]:
    """A Deployment whose pod names none, in the namespace that does."""
    return _pooled_deployment(POOLED_BY_NAMESPACE, POOLED_NAMESPACE, image, {})


def _pooled_deployment(name: str, namespace: str, image: str, annotations: dict[str, str]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
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
                            "readinessProbe": {"httpGet": {"path": "/health", "port": _PORT}, "periodSeconds": 1},
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
