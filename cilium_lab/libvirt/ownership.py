"""Whose an object of libvirt is: the mark that a stack puts on what it makes, and how it is read back. Pure.

A stack has an identity, a random UUID that is made once and kept in its state before anything else is made. A domain
and a network carry it in their `<metadata>` (https://libvirt.org/formatdomain.html#general-metadata), put there by the
stylesheet that the provider applies to their XML. A storage pool has no metadata: its UUID is derived from the
identity, which nobody else has. A volume has neither; it is the stack's when it has one of the stack's names and lies
in a pool of the stack's that was empty when it was made (`components/scripts/local/pool-up.sh`).

What an earlier version made carries no mark; the state's own record of it, by UUID, is proof as well.
"""

from __future__ import annotations

import json
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

NAMESPACE = "urn:cilium-lab:owner"
"""Of the element in an object's metadata; libvirt keeps one element of each namespace."""
IDENTITY_RESOURCE = "identity"
"""The Pulumi resource whose standard output is the stack's identity."""
Kind = Literal["domain", "network", "pool", "volume", "bridge", "folder"]

_XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
_COPY = '<xsl:copy><xsl:apply-templates select="@*|node()"/>{more}</xsl:copy>'
_UNCHANGED = (
    f'<xsl:stylesheet version="1.0" {_XSL}><xsl:template match="@*|node()">{_COPY.format(more="")}</xsl:template>'
    "</xsl:stylesheet>"
)
_KINDS: Mapping[str, Kind] = {
    "libvirt:index/domain:Domain": "domain",
    "libvirt:index/network:Network": "network",
    "libvirt:index/pool:Pool": "pool",
    "libvirt:index/volume:Volume": "volume",
    "libvirt:index/cloudInitDisk:CloudInitDisk": "volume",
}
_COMMAND = "command:local:Command"
_CONTAINER = "components/scripts/local/container-up.sh "


@dataclass(frozen=True)
class Mark:
    """Who made an object: the stack's identity, and its name for people, for example cilium-lab/lab."""

    identity: str
    stack: str

    def xml(self) -> str:
        """The `<metadata>` of a domain or a network."""
        values = f"stack={quoteattr(self.stack)} identity={quoteattr(self.identity)}"
        return f'<metadata><lab:owner xmlns:lab="{NAMESPACE}" {values}/></metadata>'


def mark_of(definition: ET.Element) -> Mark | None:
    """The mark in the definition of a domain or a network; None for an object that no stack of this project marked."""
    found = definition.find(f"metadata/{{{NAMESPACE}}}owner")
    return None if found is None else Mark(found.get("identity", ""), found.get("stack", ""))


def pool_uuid(identity: str, pool: str) -> str:
    """The UUID (RFC 9562, version 5) of the pool of that name that the stack makes."""
    return str(uuid.uuid5(uuid.UUID(identity), f"pool {pool}"))


def marking(stylesheet: str | None, element: Literal["domain", "network"], mark: Mark) -> str:
    """The stylesheet, which has no template for that root element, or one that changes nothing, with the mark added."""
    return _and(stylesheet or _UNCHANGED, f"/{element}", mark.xml())


def naming_pool(identity: str, pool: str) -> str:
    """XSLT that gives the pool its UUID."""
    return _and(_UNCHANGED, "/pool", f"<uuid>{pool_uuid(identity, pool)}</uuid>")


def _and(stylesheet: str, root: str, more: str) -> str:
    end = "</xsl:stylesheet>"
    return stylesheet.removesuffix(end) + f'<xsl:template match="{root}">{_COPY.format(more=more)}</xsl:template>{end}'


@dataclass(frozen=True)
class Seen:
    """An object that is there: of libvirt at `uri`, or a bridge or a folder of this machine (`uri` empty).

    `active` is whether a domain runs, a network or a pool is started; without `persistent` it is gone when it ends.
    `bridge` is a network's, `path` a pool's folder or a container's root, `volumes` what lies in an active pool or in a
    folder, by name.
    """

    kind: Kind
    uri: str
    name: str
    uuid: str = ""
    mark: Mark | None = None
    active: bool = True
    persistent: bool = True
    bridge: str = ""
    path: str = ""
    volumes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Held:
    """A resource of the stack's state that is an object of libvirt, or a container's command (`kind` domain, no `id`).

    `id` is the UUID, or a volume's path. `inputs` are as the state has them; a secret is not readable in them.
    """

    urn: str
    kind: Kind
    name: str
    id: str
    uri: str
    inputs: Mapping[str, Any]

    @property
    def is_container(self) -> bool:
        return not self.id


@dataclass(frozen=True)
class State:
    """What a stack's state says about objects of libvirt. An empty one belongs to a stack that has made nothing."""

    identity: str | None = None
    held: tuple[Held, ...] = ()

    def owns(self, seen: Seen, root: str = "") -> bool:
        """Whether the object is provably this stack's. `root` is where the container of that name would have its root:
        one without a mark was made by an earlier version if its root is a folder of the stack's own.
        """
        if seen.uuid and any(held.id == seen.uuid for held in self.held):
            return True
        if seen.kind == "pool":
            return self.identity is not None and seen.uuid == pool_uuid(self.identity, seen.name)
        if seen.mark is not None:
            return seen.mark.identity == self.identity
        return seen.kind == "domain" and bool(root) and seen.path == root


def read_state(text: str) -> State:
    """The state in what `pulumi stack export` prints. Raises ValueError for anything else."""
    deployment: dict[str, Any] = json.loads(text)["deployment"]
    noted: list[dict[str, Any]] = deployment.get("resources") or []
    resources = [found for found in noted if not found.get("delete")]
    providers = {
        f"{found['urn']}::{found['id']}": str(found.get("inputs", {}).get("uri", ""))
        for found in resources
        if found["type"] == "pulumi:providers:libvirt"
    }
    identity = None
    held: list[Held] = []
    for found in resources:
        token, urn = str(found["type"]), str(found["urn"])
        inputs: dict[str, Any] = found.get("inputs") or {}
        if token in _KINDS:
            # a cloud-init disk's ID is its path and something random
            key, name = str(found["id"]).partition(";")[0], str(inputs.get("name", ""))
            held.append(Held(urn, _KINDS[token], name, key, providers.get(found.get("provider", ""), ""), inputs))
        elif token == _COMMAND and str(inputs.get("create", "")).startswith(_CONTAINER):
            uri, name = str(inputs["create"]).split()[1:3]
            held.append(Held(urn, "domain", name, "", uri, inputs))
        elif token == _COMMAND and urn.endswith(f"::{IDENTITY_RESOURCE}"):
            identity = str(found.get("outputs", {}).get("stdout", "")).strip() or None
    return State(identity, tuple(held))
