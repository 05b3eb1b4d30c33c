"""What the cluster cannot tell by itself, kept in one of its ConfigMaps while a migration runs.

A node's annotations would be the obvious place and are the wrong one: in the mode `kubernetes` a changed annotation
makes the agent write the Node's block into its CiliumNode at once.
"""

from __future__ import annotations

import json
from typing import Any

from cilium_lab.kube.objects import Record

NAMESPACE = "kube-system"
NAME = "cilium-lab-migration"
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


def parse_record(config_map: dict[str, Any] | None) -> Record:
    """The record, empty where there is none."""
    data: dict[str, str] = (config_map or {}).get("data", {})
    return Record(tuple(json.loads(data.get("turns", "[]"))), tuple(json.loads(data.get("pods", "[]"))))


def render_record(record: Record) -> dict[str, Any]:
    """The ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"turns": json.dumps(list(record.turns)), "pods": json.dumps([dict(pod) for pod in record.pods])},
    }


def pod_key(manifest: Any) -> str:
    """namespace/name of a pod's manifest."""
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"
