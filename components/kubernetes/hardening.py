"""Settings of the control plane and kubelet that are stricter than kubeadm's defaults, as pure functions.

From the CIS benchmark for Kubernetes 1.32 to 1.34. What is left out of it is listed with its reasons in
`labctl/cis/exceptions.py`. The key that encrypts secrets is not here: the control plane makes it, and it stays there.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

FOLDER = "/etc/kubernetes/hardening"
"""On the control plane, readable by root alone: what the API server reads besides kubeadm's own files."""
AUTHENTICATION = f"{FOLDER}/authentication.yaml"
AUDIT_POLICY = f"{FOLDER}/audit.yaml"
ENCRYPTION = f"{FOLDER}/encryption.yaml"
"""Holds the key; made by control-plane-files.sh."""
AUDIT_FOLDER = "/var/log/kubernetes/audit"

_CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""For TLS 1.2; those of TLS 1.3 can't be chosen. The second one HTTP/2 demands (RFC 9113, 9.2.2)."""


def api_server(*, audit: bool) -> Document:
    """`apiServer` of kubeadm's ClusterConfiguration.

    The audit log holds at most 1100 MB (eleven files of 100 MB), and nothing older than 30 days.
    """
    arguments: dict[str, object] = {
        "authentication-config": AUTHENTICATION,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "encryption-provider-config": ENCRYPTION,
        "profiling": "false",
        # Tokens of pods end after an hour, not a year; every client here reads its token again.
        "service-account-extend-token-expiration": "false",
        "tls-cipher-suites": ",".join(_CIPHERS),
        "tls-min-version": "VersionTLS12",
    }
    volumes = [_volume("hardening", FOLDER, read_only=True)]
    if audit:
        arguments |= {
            "audit-policy-file": AUDIT_POLICY,
            "audit-log-path": f"{AUDIT_FOLDER}/audit.log",
            "audit-log-maxage": 30,
            "audit-log-maxbackup": 10,
            "audit-log-maxsize": 100,
        }
        volumes.append(_volume("audit", AUDIT_FOLDER, read_only=False))
    return {"extraArgs": _arguments(arguments), "extraVolumes": volumes}


def controller_manager() -> list[dict[str, str]]:
    """`controllerManager.extraArgs` of it."""
    return _arguments({"bind-address": "127.0.0.1", "profiling": "false"})


def scheduler() -> Document:
    """`scheduler` of it."""
    return {"extraArgs": _arguments({"bind-address": "127.0.0.1", "profiling": "false"})}


def kubelet() -> Document:
    """Fields of KubeletConfiguration. Some are kubeadm's defaults today: they are set, whatever its defaults become."""
    return {
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True}},
        "authorization": {"mode": "Webhook"},
        "podPidsLimit": 4096,
        "protectKernelDefaults": True,
        "readOnlyPort": 0,
        "rotateCertificates": True,
        "streamingConnectionIdleTimeout": "4h0m0s",
        "tlsCipherSuites": list(_CIPHERS),
        "tlsMinVersion": "VersionTLS12",
    }


def authentication() -> Document:
    """The paths that answer anonymous requests: kubelet's probes of the API server, and the cluster's CA, which kubeadm
    reads when a node joins by token (RBAC shows anonymous requests nothing else).
    """
    paths = ["/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"]
    return {
        # anonymous.conditions: on by default since Kubernetes 1.32
        "apiVersion": "apiserver.config.k8s.io/v1beta1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in paths]},
    }


def audit_policy() -> Document:
    """Who did what to which object, never the contents; without the requests that components send every second."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*", "/version"]},
            {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "None", "verbs": ["watch"], "userGroups": ["system:nodes", "system:serviceaccounts"]},
            {"level": "Metadata"},
        ],
    }


def _arguments(values: dict[str, object]) -> list[dict[str, str]]:
    return [{"name": name, "value": str(value)} for name, value in values.items()]


def _volume(name: str, path: str, *, read_only: bool) -> Document:
    volume: Document = {"name": name, "hostPath": path, "mountPath": path, "pathType": "DirectoryOrCreate"}
    return {**volume, "readOnly": True} if read_only else volume
