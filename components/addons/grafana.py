"""Grafana, with Prometheus as its data source and one dashboard of the lab's own.

The dashboard shows agents, addresses in use, drops and Hubble's flows. Cilium's own
large dashboards can be imported through Grafana's page.
"""

from __future__ import annotations

import json
from typing import Any

from cilium_lab.config.schema import LabConfig
from components.addons import prometheus
from components.addons.descriptor import Descriptor, Object, checksum

NAMESPACE = prometheus.NAMESPACE
NAME = "grafana"
PORT = 3000

_LABELS = {"app": NAME}
# The user id that Grafana's image is built for.
_GRAFANA_USER = 472

# (title, query, legend): series of Cilium 1.17 and Hubble.
_PANELS: tuple[tuple[str, str, str], ...] = (
    ("Agents up", 'up{job="cilium-agent"}', "{{node}}"),
    ("Addresses in use", 'cilium_ip_addresses{family="ipv4"}', "{{node}}"),
    ("Endpoints by state", "sum by (endpoint_state) (cilium_endpoint_state)", "{{endpoint_state}}"),
    ("Packets dropped per s", "sum by (reason) (rate(cilium_drop_count_total[1m]))", "{{reason}}"),
    ("Packets forwarded per s", "sum by (direction) (rate(cilium_forward_count_total[1m]))", "{{direction}}"),
    ("Hubble flows per s", "sum by (verdict) (rate(hubble_flows_processed_total[1m]))", "{{verdict}}"),
)


def dashboard() -> dict[str, Any]:
    """Grafana's JSON model of the dashboard: two panels a row, the last 15 minutes."""
    panels: list[dict[str, Any]] = []
    for number, (title, query, legend) in enumerate(_PANELS):
        panels.append(
            {
                "id": number + 1,
                "type": "timeseries",
                "title": title,
                "datasource": {"type": "prometheus", "uid": "prometheus"},
                # Grafana's grid is 24 columns wide.
                "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
                "targets": [{"refId": "A", "expr": query, "legendFormat": legend}],
            }
        )
    return {
        "uid": "cilium-lab",
        "title": "Cilium lab",
        "schemaVersion": 37,
        "refresh": "10s",
        "time": {"from": "now-15m", "to": "now"},
        "panels": panels,
    }


def config_map() -> dict[str, Any]:
    """Data source, dashboard provider and dashboard. The files are JSON, which Grafana reads as YAML."""
    source = {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "prometheus",
                "uid": "prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": f"http://{prometheus.NAME}:{prometheus.PORT}",
                "isDefault": True,
            }
        ],
    }
    provider = {
        "apiVersion": 1,
        "providers": [{"name": "lab", "type": "file", "options": {"path": "/etc/lab-dashboards"}}],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "data": {
            "datasource.yaml": json.dumps(source, indent=2),
            "provider.yaml": json.dumps(provider, indent=2),
            "cilium-lab.json": json.dumps(dashboard(), indent=2),
        },
    }


def deployment(image: str, config_checksum: str) -> dict[str, Any]:
    """Grafana, without log-in as in Cilium's example: visitors may explore and edit, but not administrate."""
    env = {
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Editor",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    }
    mounts = {
        "/etc/grafana/provisioning/datasources/lab.yaml": "datasource.yaml",
        "/etc/grafana/provisioning/dashboards/lab.yaml": "provider.yaml",
        "/etc/lab-dashboards/cilium-lab.json": "cilium-lab.json",
    }
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "ports": [{"name": "webui", "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/api/health", "port": PORT}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": "config", "mountPath": path, "subPath": key, "readOnly": True} for path, key in mounts.items()
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": dict(_LABELS)},
            "template": {
                "metadata": {
                    "labels": dict(_LABELS),
                    "annotations": {"cilium-lab/config-checksum": config_checksum},
                },
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _GRAFANA_USER,
                        "fsGroup": _GRAFANA_USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [{"name": "config", "configMap": {"name": NAME}}],
                },
            },
        },
    }


def service(node_port: int) -> dict[str, Any]:
    """The NodePort Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "spec": {
            "type": "NodePort",
            "selector": dict(_LABELS),
            "ports": [{"name": "webui", "protocol": "TCP", "port": PORT, "targetPort": PORT, "nodePort": node_port}],
        },
    }


def objects(lab: LabConfig) -> tuple[Object, ...]:
    """Grafana, in the namespace of Prometheus."""
    config = config_map()
    return (
        Object("grafana-config", config, after=("namespace",)),
        Object("grafana", deployment(lab.images.grafana, checksum(config)), after=("grafana-config",)),
        Object("grafana-service", service(lab.node_ports.grafana), after=("namespace",)),
    )


DESCRIPTOR = Descriptor("grafana", objects)
