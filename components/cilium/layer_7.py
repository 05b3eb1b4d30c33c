"""Refuses policies on layer 7 where no Envoy runs: the API server would take them, and no agent would apply them.

Facts: an agent without a proxy fails to regenerate the endpoints of such a policy (pkg/proxy). Rules for DNS are
applied by the agent itself. Admission: Kubernetes' documentation, validating-admission-policy.
"""

from __future__ import annotations

from typing import Any

NAME = "cilium-lab-layer-7"
_VERSION = "admissionregistration.k8s.io/v1"
_SPECS = "(has(object.spec) ? [object.spec] : []) + (has(object.specs) ? object.specs : [])"
"""A policy has one, or a list of them."""
_RESOURCES = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")
_OF_PORTS = ("terminatingTLS", "originatingTLS", "serverNames", "listener")
"""Fields of a port rule that Envoy applies (pkg/policy/api/l4.go, PortRule)."""
_OF_RULES = ("http", "kafka", "l7", "l7proto")
"""The same of its `rules` (L7Rules); all but `dns`."""
_MESSAGE = (
    f"no Envoy runs in this lab, so that no agent would apply {', '.join(_OF_RULES)} or {', '.join(_OF_PORTS)} of a "
    "port rule: use ports and dns alone, or a lab with Envoy (./lab up --from upstream, or the stack lab)"
)


def manifests() -> tuple[dict[str, Any], dict[str, Any]]:
    """The ValidatingAdmissionPolicy, and its binding."""
    policy = {
        "apiVersion": _VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["cilium.io"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": list(_RESOURCES),
                    }
                ]
            },
            "variables": [{"name": "specs", "expression": _SPECS}],
            "validations": [{"expression": _expression(), "message": _MESSAGE, "reason": "Invalid"}],
        },
    }
    binding = {
        "apiVersion": _VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
    return policy, binding


def _expression() -> str:
    """CEL: no port rule of any spec, in either direction, has one of the fields."""
    fields = " || ".join(f"has(port.{field})" for field in _OF_PORTS)
    rules = " || ".join(f"has(port.rules.{field})" for field in _OF_RULES)
    both = " + ".join(f"(has(spec.{side}) ? spec.{side} : [])" for side in ("ingress", "egress"))
    ports = f"(has(rule.toPorts) ? rule.toPorts : []).all(port, !({fields} || (has(port.rules) && ({rules}))))"
    return f"variables.specs.all(spec, ({both}).all(rule, {ports}))"
