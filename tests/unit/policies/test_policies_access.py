"""The policies on access: both stacks pass, the smallest mistake is found; and what the engine shows to no policy."""

from __future__ import annotations

import json

import pytest
from pulumi.runtime import rpc

from policies import access
from policies.resource import UNKNOWN
from tests.helpers.policy_rules import (
    Case,
    Change,
    assert_refused,
    both,
    findings,
    having,
    replacing,
    setting,
)
from tests.helpers.pulumi_recorder import Recording
from tests.helpers.recorded_lab import KUBECONFIG, PRIVATE_KEY, STACKS, lab, record_lab
from tests.unit.policies.test_policies_supply import script

INIT, JOIN, NODE = "k8s-cp-kubeadm-init", "k8s-w1-kubeadm-join", "k8s-w1-node"
KEYS, END = "access-host-keys-pinned", "access-commands-end-with-host"
LOGGED, ARGUMENTS = "access-secrets-not-logged", "access-secrets-not-in-arguments"
OUTPUTS, TOKENS = "access-secret-outputs", "access-join-tokens-short-lived"
TOKEN = "abcdef.0123456789abcdef"
PROXY = {"host": "172.31.1.20", "user": "root"}


def init(old: str, new: str) -> Change:
    return replacing(INIT, "stdin", old, new)


def join_by_token(**discovery: object) -> Change:
    document = {"kind": "JoinConfiguration", "discovery": {"bootstrapToken": {"token": TOKEN, **discovery}}}
    return setting(JOIN, "stdin", json.dumps(document))


CASES: list[Case] = [
    (KEYS, "embedded", setting(NODE, "connection.hostKey", None), "connection to 172.31.1.11 has no hostKey"),
    (KEYS, "lab", setting(NODE, "connection.hostKey", ""), "has no hostKey"),
    (KEYS, "lab", setting(NODE, "connection.proxy", PROXY), "connection.proxy to 172.31.1.20 has no hostKey"),
    (END, "embedded", setting(NODE, "delete", "rm -rf /etc/containerd"), "has a delete line"),
    (END, "lab", having(NODE, depends_on=frozenset()), "does not depend on the domain of its host"),
    (LOGGED, "embedded", setting(JOIN, "logging", "stdout"), "is given a key (stdin, key), and its logging is stdout"),
    (LOGGED, "embedded", setting("k8s-cp-domain", "logging", None), "its logging is stdoutAndStderr"),
    (LOGGED, "lab", setting("k8s-cp-kubeconfig", "logging", "stdout"), "has secret outputs"),
    (ARGUMENTS, "lab", setting(NODE, "create", f"kubeadm join --token {TOKEN}"), "create holds a key or token"),
    (ARGUMENTS, "embedded", setting(NODE, "update", f"echo '{PRIVATE_KEY}'"), "update holds a key or token"),
    (OUTPUTS, "embedded", having("k8s-cp-kubeconfig", secret_outputs=frozenset({"connection"})), "prints a key"),
    (OUTPUTS, "lab", having("lab-user-key", secret_outputs=frozenset()), "prints a key"),
    (OUTPUTS, "lab", setting(NODE, "create", "sudo cat /etc/kubernetes/admin.conf"), "prints a key"),
    (OUTPUTS, "lab", having(NODE, outputs={"stdout": KUBECONFIG}), "printed a key"),
    (TOKENS, "embedded", init("ttl: 1m0s", "ttl: 24h0m0s"), "lives 24h0m0s, longer than 60 minutes"),
    (TOKENS, "embedded", init("ttl: 1m0s", "ttl: 0s"), "a join token with ttl 0s never ends"),
    (TOKENS, "lab", init("- ttl: 1m0s\n  description", "- description"), "kubeadm's default"),
    (TOKENS, "lab", init("bootstrapTokens", "otherTokens"), "kubeadm's default"),
    (TOKENS, "embedded", script("kubeadm token create --print-join-command\n"), "a/step.sh: a join token lives 24h"),
    (TOKENS, "embedded", script("kubeadm token create --ttl 0\n"), "never ends"),
    (TOKENS, "embedded", script("kubeadm token create --ttl=90m\n"), "lives 90m, longer"),
    (TOKENS, "lab", join_by_token(unsafeSkipCAVerification=True), "without caCertHashes"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[3]}")
def test_the_smallest_mistake_is_found(case: Case) -> None:
    assert_refused(case)


def test_every_rule_has_a_mistake() -> None:
    assert {case[0] for case in CASES} == {rule.name for rule in access.RULES}


def test_the_longest_life_of_a_token_may_be_set() -> None:
    assert findings(TOKENS, lab("lab"), maxMinutes=15) == []
    # allow-joining.sh makes tokens of 15 minutes; every host holds the script.
    assert len(findings(TOKENS, lab("lab"), maxMinutes=14)) == 4
    assert findings(TOKENS, init("ttl: 1m0s", "ttl: 2h0m0s")(lab("lab")), maxMinutes=120) == []


def test_joining_with_the_hash_of_the_ca_passes() -> None:
    assert findings(TOKENS, join_by_token(caCertHashes=[f"sha256:{'0' * 64}"])(lab("lab"))) == []


def test_a_stated_reason_allows_a_delete_line() -> None:
    resources = setting(NODE, "delete", "kubeadm reset --force")(lab("lab"))
    assert findings(END, resources, deletes={NODE: "the host outlives the stack"}) == []


def test_only_the_accepted_scripts_may_be_run_at_an_end() -> None:
    ends = [resource.text("delete") for resource in lab("lab") if resource.at("delete") and "leaving" in resource.name]
    assert len(ends) == 2
    assert all(any(f"/{script} " in line for script in access.ACCEPTED_ENDS) for line in ends)
    assert findings(END, setting("k8s-cp-leaving-k8s-w1", "delete", "/tmp/other.sh k8s-w1")(lab("lab"))) != []


def test_to_use_a_kubeconfig_is_not_to_print_it() -> None:
    line = setting(NODE, "create", "kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes")
    assert findings(OUTPUTS, line(lab("lab"))) == []


def test_another_hosts_domain_is_not_enough() -> None:
    urns = {resource.name: resource.urn for resource in lab("embedded")}
    assert findings(END, having(NODE, depends_on=frozenset({urns["k8s-w2-ready"]}))(lab("embedded"))) != []


@pytest.mark.parametrize("name", [rule.name for rule in access.RULES])
def test_what_a_preview_can_not_know_is_no_fault(name: str) -> None:
    paths = ("connection", "create", "stdin", "delete")
    changes = [setting(JOIN, path, UNKNOWN) for path in paths if path != "delete"]
    assert findings(name, both(*changes)(lab("embedded"))) == []


# --- what the engine shows to no policy: with what a resource is deleted, and which values are secrets


@pytest.fixture(scope="module", params=STACKS)
def recording(request: pytest.FixtureRequest) -> Recording:
    return record_lab(request.param)


def test_whatever_is_in_or_on_a_host_is_deleted_with_its_domain(recording: Recording) -> None:
    goes_with: dict[str, str] = {}
    for item in recording.registered:  # parents come first, and the engine lets children inherit
        goes_with[item.name] = item.deleted_with.rpartition("::")[2] or goes_with.get(item.parent, "")
    commands = [item for item in recording.registered if item.token == "command:remote:Command"]
    assert len(commands) > 15
    for item in commands:
        assert goes_with[item.name] == f"{_host(item.name)}-domain", item.name
    inside = [item for item in recording.registered if item.token.startswith("kubernetes:")]
    assert len(inside) > 20
    assert {goes_with[item.name] for item in inside} == {"k8s-cp-domain"}


def _host(name: str) -> str:
    return next(host for host in ("k8s-cp", "k8s-w1", "k8s-w2", "router") if name.startswith(f"{host}-"))


def test_keys_and_kubeconfig_are_secret_exports(recording: Recording) -> None:
    outputs = recording.outputs["exports"]
    for name in ("kubeconfig", "sshKey", "sshConfig"):
        assert rpc.is_rpc_secret(outputs[name]), name
    plain = json.dumps({name: value for name, value in outputs.items() if not rpc.is_rpc_secret(value)})
    assert not access.holds_key(plain)
    assert outputs["kubeconfig"]["value"] == KUBECONFIG


def test_keys_leave_the_program_as_secrets_alone(recording: Recording) -> None:
    for item in recording.registered:
        shown = {name: value for name, value in item.inputs.items() if not rpc.is_rpc_secret(value)}
        assert not access.holds_key(json.dumps(shown)), item.name
