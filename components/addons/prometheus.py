"""Monitoring: Prometheus for Cilium, what the study takes from Cilium's monitoring example, without Grafana.

It owns the namespace cilium-monitoring. That Cilium and Hubble publish metrics is a matter of the Cilium chart's
values.

Three jobs read Cilium's own pods by the names of their container ports (agent, operator, Hubble), one reads
any pod that carries the usual `prometheus.io/scrape` annotation. The example's kubelet (cAdvisor) job is left
out: it says nothing about Cilium, and it needs the right to proxy to every node.
"""

from __future__ import annotations

import json
from typing import Any

from cilium_lab.config.schema import LabConfig
from components.addons.descriptor import Descriptor, Object, checksum

NAMESPACE = "cilium-monitoring"
NAME = "prometheus"
PORT = 9090
# Seconds between two scrapes, as in Cilium's example.
SCRAPE_SECONDS = 10

_LABELS = {"app": NAME}
_ACCOUNT = "prometheus-k8s"
_ROLE = "cilium-lab-prometheus"
# The user and group `nobody`: Prometheus needs no root, and the group owns the data volume.
_NOBODY = 65534


def namespace() -> dict[str, Any]:
    """The namespace; nothing in it needs more than the restricted Pod Security level."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }


def service_account() -> dict[str, Any]:
    """The identity under which Prometheus lists its targets."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": _ACCOUNT, "namespace": NAMESPACE, "labels": dict(_LABELS)},
    }


def cluster_role() -> dict[str, Any]:
    """Lists pods: every job finds its targets through them."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _ROLE, "labels": dict(_LABELS)},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}],
    }


def cluster_role_binding() -> dict[str, Any]:
    """Gives the role to Prometheus."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _ROLE, "labels": dict(_LABELS)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": NAMESPACE}],
    }


def scrape_config() -> dict[str, Any]:
    """Prometheus' configuration file, as a dict."""
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "scrape_timeout": f"{SCRAPE_SECONDS}s",
            "evaluation_interval": f"{SCRAPE_SECONDS}s",
        },
        "scrape_configs": [
            {"job_name": "prometheus", "static_configs": [{"targets": [f"localhost:{PORT}"]}]},
            _port_job("cilium-agent", label="k8s_app", value="cilium", port_name="prometheus"),
            _port_job("cilium-operator", label="io_cilium_app", value="operator", port_name="prometheus"),
            _port_job("hubble", label="k8s_app", value="cilium", port_name="hubble-metrics"),
            _annotated_job(),
        ],
    }


def _port_job(job: str, *, label: str, value: str, port_name: str) -> dict[str, Any]:
    """One target for each kube-system pod with that label: the container port of that name."""
    return {
        "job_name": job,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": ["kube-system"]}}],
        "relabel_configs": [
            _keep(f"__meta_kubernetes_pod_label_{label}", value),
            _keep("__meta_kubernetes_pod_container_port_name", port_name),
            # Cilium's dashboards select by this label.
            {"target_label": "k8s_app", "replacement": "cilium"},
            *_place_labels(),
        ],
    }


def _annotated_job() -> dict[str, Any]:
    """Any other pod with `prometheus.io/scrape: "true"`; port and path come from its annotations."""
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io"
    return {
        "job_name": "annotated-pods",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            _keep(f"{annotation}_scrape", "true"),
            # Cilium's pods have jobs of their own; twice the same series would double every sum.
            {
                "source_labels": ["__meta_kubernetes_pod_label_app_kubernetes_io_part_of"],
                "action": "drop",
                "regex": "cilium",
            },
            {"source_labels": [f"{annotation}_path"], "regex": "(.+)", "target_label": "__metrics_path__"},
            {
                "source_labels": ["__meta_kubernetes_pod_ip", f"{annotation}_port"],
                "separator": ":",
                "regex": r"([^:]+:\d+)",
                "target_label": "__address__",
            },
            *_place_labels(),
        ],
    }


def _keep(source: str, value: str) -> dict[str, Any]:
    return {"source_labels": [source], "action": "keep", "regex": value}


def _place_labels() -> list[dict[str, Any]]:
    """namespace, pod and node of the target."""
    names = {"namespace": "namespace", "pod_name": "pod", "pod_node_name": "node"}
    return [{"source_labels": [f"__meta_kubernetes_{meta}"], "target_label": label} for meta, label in names.items()]


def config_map() -> dict[str, Any]:
    """The configuration file. It is JSON, which is YAML too: no second serializer is needed."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "data": {"prometheus.yaml": json.dumps(scrape_config(), indent=2)},
    }


def deployment(image: str, config_checksum: str) -> dict[str, Any]:
    """Prometheus itself. Its data goes with its pod, as in the example; a new config makes a new pod."""
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "--config.file=/etc/prometheus/prometheus.yaml",
            "--storage.tsdb.path=/prometheus/",
            "--storage.tsdb.retention.time=24h",
            "--storage.tsdb.retention.size=512MB",
            # The study's Hubble metrics carry exemplars.
            "--enable-feature=exemplar-storage",
        ],
        "ports": [{"name": "webui", "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": PORT}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus", "readOnly": True},
            {"name": "data", "mountPath": "/prometheus/"},
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
                    "serviceAccountName": _ACCOUNT,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _NOBODY,
                        "fsGroup": _NOBODY,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [
                        {"name": "config", "configMap": {"name": NAME}},
                        {"name": "data", "emptyDir": {}},
                    ],
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
    """Prometheus with all that it needs, in a namespace that Grafana shares."""
    config = config_map()
    needed = ("prometheus-account", "prometheus-role", "prometheus-binding", "prometheus-config")
    return (
        Object("namespace", namespace()),
        Object("prometheus-account", service_account(), after=("namespace",)),
        Object("prometheus-role", cluster_role()),
        Object("prometheus-binding", cluster_role_binding()),
        Object("prometheus-config", config, after=("namespace",)),
        Object("prometheus", deployment(lab.images.prometheus, checksum(config)), after=needed),
        Object("prometheus-service", service(lab.node_ports.prometheus), after=("namespace",)),
    )


DESCRIPTOR = Descriptor("monitoring", objects, component="cilium-lab:addons:Monitoring")
