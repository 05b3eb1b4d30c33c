"""The policy on the control plane: both stacks pass, and each setting that is removed is found."""

from __future__ import annotations

import pytest

from policies.resource import UNKNOWN
from tests.helpers.policy_rules import Case, assert_refused, findings, replacing, setting
from tests.helpers.recorded_lab import STACKS, lab

INIT, RULE = "k8s-cp-kubeadm-init", "access-control-plane-hardened"


def init(stack: str, old: str, new: str, words: str) -> Case:
    return RULE, stack, replacing(INIT, "stdin", old, new), words


CASES: list[Case] = [
    init("embedded", "encryption-provider-config", "other", "encrypts no secret"),
    init("lab", "value: NodeRestriction", "value: AlwaysAdmit", "NodeRestriction is none"),
    init("lab", "value: Node,RBAC", "value: AlwaysAllow", "allows everybody everything"),
    init("embedded", "authentication-config", "other", "answers anonymous requests: it has no"),
    init("embedded", "name: profiling", "name: other", "profiling of scheduler is not off"),
    init(
        "lab", "anonymous:\n    enabled: false", "anonymous:\n    enabled: true", "kubelet answers anonymous requests"
    ),
    init("lab", "mode: Webhook", "mode: AlwaysAllow", "kubelet does not authorize"),
    init("embedded", "readOnlyPort: 0", "readOnlyPort: 10255", "on port 10255"),
]


@pytest.mark.parametrize("case", CASES, ids=[case[-1] for case in CASES])
def test_the_smallest_mistake_is_found(case: Case) -> None:
    assert_refused(case)


@pytest.mark.parametrize("stack", STACKS)
def test_both_stacks_pass_and_what_is_unknown_is_no_mistake(stack: str) -> None:
    assert findings(RULE, lab(stack)) == []
    assert findings(RULE, setting(INIT, "stdin", UNKNOWN)(lab(stack))) == []
