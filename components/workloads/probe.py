"""The workload that measurements ask: pages and echoes behind a Service, kept answering while nodes are emptied.

It is webpod's way of life (see `webpod`) with what a measurement needs besides: a port that echoes TCP and UDP, and the
same three on a port of every node.
"""

from __future__ import annotations

from typing import Any

from cilium_lab.disruption.targets import ECHO_PORT, IMAGE, NAMESPACE, PAGES_PORT, WORKLOAD
from components.workloads.webpod import DRAIN_SECONDS, GRACE_SECONDS, REPLICAS

_LABELS = {"app": WORKLOAD}


def probe_manifests() -> tuple[dict[str, Any], ...]:
    """The Deployment, its Service and its disruption budget."""
    return _deployment(), _service(), _budget()


def _deployment() -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        # It is declared before there is a network, so nobody may wait for its pods there; who starts probes does. Its
        # end is waited for (`skipAwait` would not): what is declared again while it goes would go with it.
        "metadata": {**_metadata(), "annotations": {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(_LABELS)}, "spec": _pod_spec()},
        },
    }


def _pod_spec() -> dict[str, Any]:
    apart = {"labelSelector": {"matchLabels": dict(_LABELS)}, "topologyKey": "kubernetes.io/hostname"}
    return {
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}},
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [
            {
                "name": WORKLOAD,
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "args": ["serve", "-http", f":{PAGES_PORT}", "-echo", f":{ECHO_PORT}", "-leave", f"{DRAIN_SECONDS}s"],
                "ports": [
                    {"name": "pages", "containerPort": PAGES_PORT},
                    {"name": "stream", "containerPort": ECHO_PORT},
                    {"name": "datagrams", "containerPort": ECHO_PORT, "protocol": "UDP"},
                ],
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": PAGES_PORT},
                    "periodSeconds": 1,
                    "timeoutSeconds": 3,
                    "failureThreshold": 1,
                },
                # The same pause as webpod's, but the pod says at once that it is not ready: Cilium then ends datagram
                # sockets to it (it keeps them for a terminating pod that is ready) while they are still answered.
                "lifecycle": {"preStop": {"httpGet": {"path": "/leave", "port": PAGES_PORT}}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }


def _service() -> dict[str, Any]:
    ports = [("pages", "TCP", PAGES_PORT), ("stream", "TCP", ECHO_PORT), ("datagrams", "UDP", ECHO_PORT)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(),
        "spec": {
            "type": "NodePort",
            "selector": dict(_LABELS),
            # The API server chooses the nodes' ports: who asks there looks them up.
            "ports": [{"name": n, "protocol": p, "port": port, "targetPort": port} for n, p, port in ports],
        },
    }


def _budget() -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": dict(_LABELS)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _metadata() -> dict[str, Any]:
    return {"name": WORKLOAD, "namespace": NAMESPACE, "labels": dict(_LABELS)}
