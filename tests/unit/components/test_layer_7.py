"""Where no Envoy runs, what only Envoy would apply is refused; what the expression says is tried in tests/cluster."""

from __future__ import annotations

import pytest

from components.cilium import layer_7
from components.cilium.values import ENVOY_REPOSITORY
from tests.helpers.recorded_lab import record_lab

KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


@pytest.mark.parametrize(("stack", "held_back"), [("lab", ""), ("embedded", ""), ("embedded", ENVOY_REPOSITORY)])
def test_policies_on_layer_7_are_refused_where_no_envoy_runs(stack: str, held_back: str) -> None:
    recording = record_lab(stack, held_back=held_back)
    declared = [item for item in recording.registered if item.token.startswith("kubernetes:admissionregistration")]
    assert [item.inputs["kind"] for item in declared] == (list(KINDS) if held_back else [])
    assert all(item.inputs["metadata"]["name"] == layer_7.NAME for item in declared)


def test_the_binding_denies_by_the_policy() -> None:
    policy, binding = layer_7.manifests()
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    (validation,) = policy["spec"]["validations"]
    fields = ("http", "kafka", "l7", "l7proto", "terminatingTLS", "originatingTLS", "serverNames", "listener")
    assert all(f".{field})" in validation["expression"] for field in fields)
    assert all(field in validation["message"] for field in fields)
    assert ".dns" not in validation["expression"]
