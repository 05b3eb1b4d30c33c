"""A manifest's checksum, put into a pod template so that a changed configuration makes a new pod."""

from __future__ import annotations

import hashlib
import json

from components.manifest import Manifest


def checksum(manifest: Manifest) -> str:
    """sha256 in hex of the manifest, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
