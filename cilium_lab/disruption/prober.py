"""The prober: a pod that asks from inside the cluster, and leaves its lines on the disk of the node that it is on.

It moves like any other workload: the new pod asks before the old one has ended. Lines on a node's disk outlive the pod.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cilium_lab.disruption.targets import IMAGE, NAMESPACE

NAME = "prober"
FOLDER = "/var/lib/cilium-lab/probe"
"""Of the probes' lines, on every host."""
FILES = "pod-*.jsonl"
_LABELS = {"app": NAME}


def prober(targets: Sequence[str], until: str) -> dict[str, Any]:
    """The Deployment. After `until` (RFC 3339) it asks nothing any more, whoever forgot it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(_LABELS)}, "spec": _pod_spec(targets, until)},
        },
    }


def _pod_spec(targets: Sequence[str], until: str) -> dict[str, Any]:
    own_name = {"fieldRef": {"fieldPath": "metadata.name"}}
    return {
        "automountServiceAccountToken": False,
        # Longer than an answer may take: what was asked is waited for.
        "terminationGracePeriodSeconds": 10,
        "volumes": [{"name": "lines", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}],
        "containers": [
            {
                "name": NAME,
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "args": ["run", "-until", until, "-out", "/lines/pod-$(POD).jsonl", *targets],
                "env": [{"name": "POD", "valueFrom": own_name}],
                "resources": {"requests": {"cpu": "200m", "memory": "32Mi"}},
                "volumeMounts": [{"name": "lines", "mountPath": "/lines"}],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }
