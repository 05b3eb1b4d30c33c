"""The control plane: the API server and kubelet refuse anonymous requests, and secrets are encrypted in etcd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policies.resource import Resource, at, items, mapping
from policies.rule import Finding, Options, Rule
from policies.study import kubeadm
from policies.texts import documents

_SWITCHED_OFF = ("apiServer", "controllerManager", "scheduler")


def _arguments(document: Mapping[str, object], part: str) -> dict[str, str]:
    """extraArgs of v1beta4: a list of names and values."""
    given = items(at(document, f"{part}.extraArgs"))
    return {str(mapping(one).get("name")): str(mapping(one).get("value")) for one in given}


def hardened(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """Secrets are encrypted, nodes change themselves only, profiling is off, and kubelet authorizes every request."""
    for resource, document in kubeadm(resources, "ClusterConfiguration"):
        server = _arguments(document, "apiServer")
        if "encryption-provider-config" not in server:
            yield Finding(resource.urn, "the API server encrypts no secret: it has no encryption-provider-config")
        if "NodeRestriction" not in server.get("enable-admission-plugins", "NodeRestriction").split(","):
            yield Finding(resource.urn, "NodeRestriction is none of the API server's admission plugins")
        if "AlwaysAllow" in server.get("authorization-mode", "Node,RBAC").split(","):
            yield Finding(resource.urn, "the API server allows everybody everything")
        if "authentication-config" not in server and server.get("anonymous-auth") != "false":
            yield Finding(resource.urn, "the API server answers anonymous requests: it has no authentication-config")
        for part in _SWITCHED_OFF:
            if _arguments(document, part).get("profiling") != "false":
                yield Finding(resource.urn, f"profiling of {part} is not off")
    for resource in resources:
        for document in documents(resource):
            if document.get("kind") == "KubeletConfiguration":
                yield from (Finding(resource.urn, text) for text in _unprotected(document))


def _unprotected(kubelet: Mapping[str, object]) -> Iterator[str]:
    if at(kubelet, "authentication.anonymous.enabled") is not False:
        yield "kubelet answers anonymous requests"
    if at(kubelet, "authorization.mode") != "Webhook":
        yield "kubelet does not authorize requests by the API server"
    if kubelet.get("readOnlyPort") not in (None, 0):
        yield f"kubelet lists its pods without authentication on port {kubelet['readOnlyPort']}"


RULES = (
    Rule(
        "access-control-plane-hardened",
        "resource",
        "kubeadm's defaults leave secrets readable in etcd, and the API server answers anonymous requests.",
        "leave kubeadm's documents to components/kubernetes/hardening.py; docs/hardening.md lists what it sets",
        hardened,
    ),
)
