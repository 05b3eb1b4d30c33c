"""The texts that a command carries: command lines, scripts and documents, unpacked where they travel as an archive."""

from __future__ import annotations

import base64
import binascii
import io
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import yaml

from policies.resource import Resource, mapping

REMOTE = ("command:remote:Command", "command:remote:CopyToRemote", "command:remote:CopyFile")
COMMANDS = ("command:remote:Command", "command:local:Command")
LINES = ("create", "update", "delete")
"""The properties of a command that a shell is given, and that process lists show."""
_KIND = re.compile(r"\bkind\b\"?:")


def words(resource: Resource) -> list[str]:
    """The words of the line that creates the resource; none where it is unknown or no shell would take it."""
    try:
        return shlex.split(resource.text("create"))
    except ValueError:
        return []


def program(resource: Resource) -> str:
    """The name of the program or script that creates the resource, without its folder."""
    found = words(resource)
    return found[0].rpartition("/")[2] if found else ""


def arguments(resource: Resource) -> list[str]:
    """The arguments of that program."""
    return words(resource)[1:]


def texts(resource: Resource) -> Iterator[tuple[str, str]]:
    """Every text of a command with where it stands: its lines, its environment, standard input or the files in it."""
    for name in LINES:
        if resource.text(name):
            yield name, resource.text(name)
    for name, value in mapping(resource.at("environment")).items():
        if isinstance(value, str):
            yield f"environment.{name}", value
    stdin = resource.text("stdin")
    files = unpack(stdin)
    if stdin and not files:
        yield "stdin", stdin
    for name, text in files.items():
        yield f"stdin, {name}", text


def unpack(text: str) -> Mapping[str, str]:
    """The files of a tar in base64, by path; nothing for any other text."""
    try:
        raw = base64.b64decode(text, validate=True)
        with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
            members = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
            return {name: file.read().decode(errors="replace") for name, file in members.items() if file}
    except (binascii.Error, ValueError, tarfile.TarError):
        return {}


def documents(resource: Resource) -> list[Mapping[str, object]]:
    """The Kubernetes-style YAML documents among a command's texts: objects with a kind."""
    found: list[Mapping[str, object]] = []
    for _, text in texts(resource):
        if _KIND.search(text):
            found.extend(load(text))
    return found


def load(text: str) -> Sequence[Mapping[str, object]]:
    """The objects in a stream of YAML or JSON documents; none where it is neither."""
    try:
        loaded: list[Any] = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return ()
    return [cast(Mapping[str, object], document) for document in loaded if isinstance(document, dict)]
