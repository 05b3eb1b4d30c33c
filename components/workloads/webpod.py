"""webpod: two replicas of an HTTP echo that answers like traefik/whoami, and what keeps them answering.

The study's anti-affinity selected `app: sample-app`, a label that no pod carries, so its replicas could
share a node. Here the rule selects the pods' own label. What is added to the study's manifest (readiness,
disruption budget, surge, pre-stop pause, CPU request) lets a node be emptied and an agent be restarted
without a failed request: a terminating backend stays until every node has learned that it is going.
"""

from __future__ import annotations

from typing import Any

NAME = "webpod"
NAMESPACE = "default"
PORT = 80
LABELS = {"app": NAME}
REPLICAS = 2

# Seconds for which a terminating pod still serves: longer than EndpointSlices take to reach every agent.
DRAIN_SECONDS = 5
# Seconds after which the kubelet kills what is left: the pause above plus time for open requests.
GRACE_SECONDS = 20


def webpod_deployment(image: str, *, replicas: int = REPLICAS) -> dict[str, Any]:
    """The Deployment. `image` serves port 80 as traefik/whoami does: / names the pod, /health its state."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(LABELS)},
            # Surge first: there is never one backend less than wanted. With required anti-affinity this needs
            # one node more than replicas, which the lab has because its control plane takes pods.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": _pod_spec(image)},
        },
    }


def _pod_spec(image: str) -> dict[str, Any]:
    return {
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": dict(LABELS)}, "topologyKey": "kubernetes.io/hostname"}
                ]
            }
        },
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [
            {
                "name": NAME,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"name": "http", "containerPort": PORT}],
                # Measured: as BestEffort pods they lost requests while an agent compiled its programs on the
                # same cores; with this share they lost none.
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "readinessProbe": {
                    "httpGet": {"path": "/health", "port": PORT},
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
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "type": "ClusterIP",
            "selector": dict(LABELS),
            "ports": [{"name": "http", "protocol": "TCP", "port": PORT, "targetPort": PORT}],
        },
    }


def webpod_budget() -> dict[str, Any]:
    """At most one webpod may be evicted at a time; a broken one never blocks the emptying of its node."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(LABELS)},
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(LABELS)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
