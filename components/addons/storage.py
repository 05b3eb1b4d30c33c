"""Storage: the local-path provisioner, and a default StorageClass whose volumes are directories of the nodes.

It owns the namespace local-path-storage and everything in it. The volumes' directories on the nodes belong to the
provisioner: it removes them with their claims, and what is left goes with the machines.

The shape (names, RBAC, ConfigMap keys, command line) is that of rancher/local-path-provisioner; the
bundle's own provisioner keeps to the same contract, so both take these manifests.
"""

from __future__ import annotations

import json
from typing import Any

from cilium_lab.config.schema import LabConfig
from components.addons.descriptor import Descriptor, Object, checksum

NAMESPACE = "local-path-storage"
NAME = "local-path-provisioner"
# The provisioner gives its helper pods this account too; the name is its built-in default.
ACCOUNT = "local-path-provisioner-service-account"
CONFIG = "local-path-config"
STORAGE_CLASS = "local-path"
PROVISIONER = "rancher.io/local-path"
# Where volumes lie on a node.
NODE_PATH = "/opt/local-path-provisioner"

_LABELS = {"app": NAME}

# The provisioner starts a helper pod on the volume's node; it runs one of these with VOL_DIR set.
_SETUP = '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n'
_TEARDOWN = '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n'


def namespace() -> dict[str, Any]:
    """The namespace. Helper pods mount host paths, which only the privileged Pod Security level allows."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": {
                "pod-security.kubernetes.io/enforce": "privileged",
                "pod-security.kubernetes.io/warn": "privileged",
            },
        },
    }


def service_account() -> dict[str, Any]:
    """The identity under which the provisioner calls the API server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT, "namespace": NAMESPACE, "labels": dict(_LABELS)},
    }


def cluster_role() -> dict[str, Any]:
    """Reads claims, classes and nodes; writes volumes and events."""
    read = ["get", "list", "watch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": NAME, "labels": dict(_LABELS)},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["nodes", "persistentvolumeclaims", "configmaps"],
                "verbs": read,
            },
            {
                "apiGroups": [""],
                "resources": ["persistentvolumes"],
                "verbs": [*read, "create", "patch", "update", "delete"],
            },
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
            {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": read},
        ],
    }


def helper_role() -> dict[str, Any]:
    """Helper pods and their logs, inside the provisioner's own namespace and nowhere else."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["pods", "pods/log"],
                "verbs": ["get", "list", "watch", "create", "patch", "update", "delete"],
            }
        ],
    }


def cluster_role_binding() -> dict[str, Any]:
    """Gives the cluster role to the provisioner."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME, "labels": dict(_LABELS)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
        "subjects": [_subject()],
    }


def helper_role_binding() -> dict[str, Any]:
    """Gives the helper role to the provisioner."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
        "subjects": [_subject()],
    }


def _subject() -> dict[str, Any]:
    return {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}


def config_map(helper_image: str) -> dict[str, Any]:
    """Where volumes lie, what the helper pod runs, and the helper pod's own manifest."""
    paths = {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [NODE_PATH]}]}
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "containers": [
                {"name": "helper-pod", "image": helper_image, "imagePullPolicy": "IfNotPresent"},
            ]
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CONFIG, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "data": {
            "config.json": json.dumps(paths, indent=2),
            "setup": _SETUP,
            "teardown": _TEARDOWN,
            "helperPod.yaml": json.dumps(helper, indent=2),
        },
    }


def deployment(image: str, config_checksum: str) -> dict[str, Any]:
    """The provisioner. It reads its config at start: a changed `config_checksum` (hex) makes a new pod."""
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["local-path-provisioner", "start", "--config", "/etc/config/config.json"],
        "env": [
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "CONFIG_MOUNT_PATH", "value": "/etc/config/"},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config/", "readOnly": True}],
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
                    "serviceAccountName": ACCOUNT,
                    "containers": [container],
                    "volumes": [{"name": "config", "configMap": {"name": CONFIG}}],
                },
            },
        },
    }


def storage_class() -> dict[str, Any]:
    """The default class. A volume is made where its first pod is placed, and removed with its claim."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "labels": dict(_LABELS),
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def objects(lab: LabConfig) -> tuple[Object, ...]:
    """The provisioner with all that it needs, and the class."""
    config = config_map(lab.images.local_path_helper)
    needed = ("account", "cluster-role", "cluster-role-binding", "helper-role", "helper-role-binding", "config")
    return (
        Object("namespace", namespace()),
        Object("account", service_account(), after=("namespace",)),
        Object("cluster-role", cluster_role()),
        Object("cluster-role-binding", cluster_role_binding()),
        Object("helper-role", helper_role(), after=("namespace",)),
        Object("helper-role-binding", helper_role_binding(), after=("namespace",)),
        Object("config", config, after=("namespace",)),
        Object("provisioner", deployment(lab.images.local_path, checksum(config)), after=needed),
        Object("class", storage_class()),
    )


DESCRIPTOR = Descriptor("storage", objects, component="cilium-lab:addons:LocalPathStorage")
