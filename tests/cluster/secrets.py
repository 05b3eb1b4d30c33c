"""The secrets of a lab, and the places of a whole run in which none of them may be."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.helpers.checkout import Checkout
from tests.helpers.secret_scan import Arguments, Scanner, Secret, private_keys

HOSTS = ("k8s-cp", "k8s-w1", "k8s-w2", "router")
_HOST_FILES = (
    "cat /etc/ssh/ssh_host_*_key /etc/kubernetes/pki/*.key /etc/kubernetes/pki/etcd/*.key /var/lib/kubelet/pki/*.pem"
    " /etc/kubernetes/*.conf /etc/kubernetes/hardening/* 2>/dev/null; true"
)
_OWN = {"kubeconfig", "ssh-key", "passphrase"}
"""Files of the state's folder that are there to hold a secret, for their owner alone."""


def tokens(checkout: Checkout) -> Iterator[Secret]:
    """The join tokens that the API server has now; they live a quarter of an hour."""
    printed = checkout.lab("kubectl", "-n", "kube-system", "get", "secrets", "-o", "json", record=False).stdout
    for item in json.loads(printed)["items"]:
        if item["type"] == "bootstrap.kubernetes.io/token":
            yield Secret("a join token", _plain(item["data"]["token-secret"]))


def of_the_lab(checkout: Checkout) -> Iterator[Secret]:
    """What Pulumi keeps as secret keys, what the hosts keep, and the passphrase over them all."""
    yield Secret("the passphrase", (checkout.state / "passphrase").read_text().strip())
    exported = checkout.lab("pulumi", "stack", "export", "--show-secrets", "--stack", "embedded", record=False).stdout
    for text in _secret_texts(json.loads(exported)):
        yield from private_keys("Pulumi's state", text)
        yield from _client_keys("Pulumi's state", text)
    for host in HOSTS:
        text = checkout.lab("ssh", host, _HOST_FILES, record=False).stdout
        yield from private_keys(host, text)
        yield from _client_keys(host, text)
        for found in re.findall(r'secret: "([A-Za-z0-9+/=]{40,})"', text):
            yield Secret(f"the key of etcd's secrets on {host}", found)


def in_the_open(checkout: Checkout, scanner: Scanner, arguments: Arguments, *, running: bool = True) -> list[str]:
    """Each place that holds a secret and should not, with the secret's name."""
    found = [f"arguments of a process: {name}" for name in scanner.names(b"\n".join(arguments.seen))]
    printed = [*checkout.printed, *(log.read_text(errors="replace") for log in checkout.logs)]
    found += [f"what ./lab printed: {name}" for name in scanner.names("\n".join(printed).encode())]
    found += scanner.files(checkout.folder, lambda _path: False)
    found += scanner.files(checkout.state, _may)
    if running:
        for host in HOSTS:
            journal = checkout.lab("ssh", host, "journalctl --no-pager -o cat", record=False).stdout
            found += [f"the journal of {host}: {name}" for name in scanner.names(journal.encode(errors="replace"))]
        plain = checkout.lab("pulumi", "stack", "export", "--stack", "embedded", record=False).stdout
        found += [f"pulumi stack export: {name}" for name in scanner.names(plain.encode())]
    return found


def _may(path: Path) -> bool:
    """Which private files of the state's folder may hold secrets: access files, and what a host keeps but its logs."""
    if path.parts[0] == "hosts":
        return "log" not in path.parts
    if path.parts[0] == "tmp":  # what a killed Pulumi was working with; gone with the sandbox
        return True
    return len(path.parts) == 1 and path.name in _OWN


def _client_keys(name: str, text: str) -> Iterator[Secret]:
    for encoded in re.findall(r"client-key-data: ([A-Za-z0-9+/=]+)", text):
        yield from private_keys(name, _plain(encoded))


def _plain(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def _secret_texts(tree: Any) -> Iterator[str]:
    """Every text in the plain form of Pulumi's secrets."""
    if isinstance(tree, dict):
        if isinstance(plaintext := tree.get("plaintext"), str):
            yield from _texts(json.loads(plaintext))
        for value in tree.values():
            yield from _secret_texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _secret_texts(value)


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
        if tree.startswith(("{", "[")):  # a document in a text
            yield from _texts(json.loads(tree))
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _texts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _texts(value)
