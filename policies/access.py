"""Access: hosts prove their identity, nothing runs on a host that is deleted, and secrets are not readable.

A policy sees neither `deleted_with` nor which values are secrets. What it can check instead: a remote command without
a delete line has nothing to run when its host is deleted; outputs are named secret in the resource's options; and keys
and tokens have known forms, once their values are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from policies.resource import Resource, Unknown, at, items, mapping, name_of
from policies.rule import REASONS_SCHEMA, Finding, Option, Options, Rule, number, reasons
from policies.study import machine_of, machines
from policies.texts import COMMANDS, LINES, REMOTE, documents, texts

_KEY = re.compile(r"PRIVATE KEY-----|client-key-data: *\S|\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
"""A private key, a kubeconfig with one, a bootstrap token."""
_PRINTS_KEY = re.compile(
    r"\b(kubeconfig\.sh|new-key\.sh|ssh-keygen|token create|print-join-command|config view --raw)\b"
    r"|\bcat\b[^\n|;&]*\badmin\.conf\b"
)
"""Words in the line of a command that prints a secret."""
_TOKEN = re.compile(r"token create\b(?P<rest>[^\n]*)")
_TTL = re.compile(r"--ttl[ =](\S+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
ACCEPTED_ENDS: Mapping[str, str] = {
    "node-leave.sh": "it runs on the control plane, before the machine of a worker is deleted, and is skipped when the "
    "control plane's own machine is"
}
"""Scripts that a delete line may run."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def holds_key(text: str) -> bool:
    """Whether a text holds a private key, a kubeconfig with one, or a bootstrap token."""
    return bool(_KEY.search(text))


def host_keys(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """Every connection, and every proxy that one goes through, names the key of its host."""
    for resource in resources:
        if resource.type not in REMOTE:
            continue
        for path in ("connection", "connection.proxy"):
            connection = resource.at(path)
            if not isinstance(connection, Unknown) and mapping(connection) and not at(connection, "hostKey"):
                yield Finding(resource.urn, f"{path} to {at(connection, 'host')} has no hostKey")


def end_with_host(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """A remote command comes after what runs its host, and has nothing to run on it when that is deleted."""
    accepted = reasons(options, "deletes")
    by_urn = {resource.urn: resource for resource in resources}
    hosts = machines(resources)
    for resource in resources:
        if resource.type not in REMOTE:
            continue
        if not _nothing_at_end(resource) and resource.name not in accepted:
            yield Finding(resource.urn, "has a delete line, which would run on a host that is about to be deleted")
        before = _closure(resource, by_urn)
        own = {host.urn for host in hosts if resource.name.startswith(f"{name_of(machine_of(host))}-")}
        if hosts and not own & before:
            yield Finding(resource.urn, "does not depend on the domain of its host")


def _nothing_at_end(resource: Resource) -> bool:
    return resource.at("delete") is None or any(f"/{script} " in resource.text("delete") for script in ACCEPTED_ENDS)


def _closure(resource: Resource, by_urn: dict[str, Resource]) -> set[str]:
    """The URNs of everything that comes before the resource."""
    found: set[str] = set()
    ahead = [resource]
    while ahead:
        for urn in ahead.pop().depends_on - found:
            found.add(urn)
            ahead.extend([by_urn[urn]] if urn in by_urn else [])
    return found


def not_logged(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """A command that gets a key or prints a secret logs its standard error at most."""
    for resource in resources:
        if resource.type not in COMMANDS or resource.at("logging") in ("none", "stderr"):
            continue
        given = [where for where, text in texts(resource) if holds_key(text)]
        if given or resource.secret_outputs & {"stdout", "stderr"}:
            why = f"is given a key ({given[0]})" if given else "has secret outputs"
            yield Finding(resource.urn, f"{why}, and its logging is {resource.text('logging') or 'stdoutAndStderr'}")


def not_in_arguments(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """No key and no token stands in a command line, where every process list shows it."""
    for resource in resources:
        for line in LINES if resource.type in COMMANDS else ():
            if holds_key(resource.text(line)):
                yield Finding(resource.urn, f"{line} holds a key or token")


def secret_outputs(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """What prints a key or a kubeconfig has a secret standard output."""
    for resource in resources:
        if resource.type not in COMMANDS or "stdout" in resource.secret_outputs:
            continue
        if _PRINTS_KEY.search(resource.text("create")):
            yield Finding(resource.urn, "prints a key or kubeconfig, and stdout is none of its secret outputs")
        elif holds_key(str(resource.outputs.get("stdout", ""))):
            yield Finding(resource.urn, "printed a key or token, and stdout is none of its secret outputs")


def join_tokens(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """Every bootstrap token ends soon, and who joins compares the cluster's CA."""
    most = timedelta(minutes=number(options, "maxMinutes"))
    for resource in resources:
        for document in documents(resource):
            if document.get("kind") == "InitConfiguration":
                tokens = items(document.get("bootstrapTokens"))
                lives = [at(token, "ttl") for token in tokens] or [None]
                yield from (Finding(resource.urn, text) for life in lives for text in _too_long(life, most))
            elif document.get("kind") == "JoinConfiguration":
                discovery = mapping(at(document, "discovery.bootstrapToken"))
                if discovery and not items(discovery.get("caCertHashes")):
                    yield Finding(resource.urn, "joins by token without caCertHashes: any cluster could answer")
        for where, text in texts(resource) if resource.type in COMMANDS else ():
            for made in _TOKEN.finditer(text):
                life = _TTL.search(made["rest"])
                for problem in _too_long(life[1] if life else None, most):
                    yield Finding(resource.urn, f"{where}: {problem}")


def _too_long(life: object, most: timedelta) -> Iterator[str]:
    """What is wrong with a token's time to live, written as Go writes durations; none means kubeadm's 24 hours."""
    text = str(life) if life else "24h0m0s, kubeadm's default"
    seconds = sum(float(count) * _UNITS[unit] for count, unit in _DURATION.findall(text.partition(",")[0]))
    if seconds == 0:
        yield f"a join token with ttl {text} never ends"
    elif seconds > most.total_seconds():
        yield f"a join token lives {text}, longer than {most.total_seconds() / 60:g} minutes"


RULES = (
    Rule(
        "access-host-keys-pinned",
        "resource",
        "Without a pinned key, whatever answers at a host's address gets the commands and the secrets in them.",
        "give every connection and proxy a hostKey; Machine.run does",
        host_keys,
    ),
    Rule(
        "access-commands-end-with-host",
        "stack",
        "A destroy must not wait for hosts that are being deleted. No policy sees what a resource is deleted with; "
        "that it has nothing to run, and comes after its host, is visible.",
        "run it by Machine.run, which sets deleted_with, and give it no delete line; or state in the option deletes "
        "why it needs one: the resource's name -> why",
        end_with_host,
        options=(Option("deletes", {}, REASONS_SCHEMA),),
    ),
    Rule(
        "access-secrets-not-logged",
        "resource",
        "What a command prints is shown by pulumi up, and kept by whatever runs it. Data goes to standard output, "
        "standard error is for progress and for what failed.",
        "set logging to stderr, as Machine.run does, or to none",
        not_logged,
    ),
    Rule(
        "access-secrets-not-in-arguments",
        "resource",
        "A command line is in the process list of its host for everybody to read.",
        "pass secrets by stdin",
        not_in_arguments,
    ),
    Rule(
        "access-secret-outputs",
        "stack",
        "An output that is not secret lies in the state as plain text and is shown in previews.",
        "name stdout in additional_secret_outputs: Machine.run(secret=True)",
        secret_outputs,
    ),
    Rule(
        "access-join-tokens-short-lived",
        "resource",
        "Whoever has a join token can add a node.",
        "give every token a ttl; compare the CA when joining; the option maxMinutes says how long is too long",
        join_tokens,
        options=(Option("maxMinutes", 60, {"type": "number", "exclusiveMinimum": 0}),),
    ),
)
