"""A Helm release that a killed run left `pending`: Helm refuses to go on from there for ever.

Helm notes a release in a Secret before it touches a resource. Deleting the pending note, and no other, is sound
whatever the run had got to: the next upgrade compares the last deployed manifest, the new one and the live objects
(three ways), and takes over objects that carry the release's name. So it rolls forward to what is wanted now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NAMESPACE = "kube-system"
RELEASE = "cilium"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
SELECTOR = f"labelSelector=owner%3Dhelm%2Cname%3D{RELEASE}"
PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


@dataclass(frozen=True)
class Revision:
    """One of Helm's notes: the Secret's name, the revision's number and its status."""

    secret: str
    number: int
    status: str


def revisions(secrets: dict[str, Any]) -> tuple[Revision, ...]:
    """Helm's notes about the release, oldest first."""
    found = [
        Revision(item["metadata"]["name"], int(labels.get("version", 0)), labels.get("status", ""))
        for item in secrets["items"]
        if (labels := item["metadata"].get("labels", {}))
    ]
    return tuple(sorted(found, key=lambda revision: revision.number))


def stuck(known: tuple[Revision, ...]) -> tuple[Revision, ...]:
    """The notes to delete: those pending at the end of the list."""
    return tuple(revision for revision in known if revision.status in PENDING)
