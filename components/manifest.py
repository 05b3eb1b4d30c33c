"""Declares one Kubernetes object from its manifest.

A manifest is the dict that `kubectl apply` would read. Pure functions build it once, and the program, the tests and the
migration (which re-creates bare pods) all read that same dict. A typed resource class would need a second form of it;
and to import those of the core group alone takes a third of a preview's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

Manifest = Mapping[str, Any]


def type_token(manifest: Manifest) -> str:
    """Pulumi's type of the object: `kubernetes:apps/v1:Deployment`, `kubernetes:core/v1:Service`."""
    version = str(manifest["apiVersion"])
    # Kubernetes leaves the name of the core group out; Pulumi's tokens spell it.
    group_version = version if "/" in version else f"core/{version}"
    return f"kubernetes:{group_version}:{manifest['kind']}"


def declare(
    name: str, manifest: Manifest, *, patch: bool = False, opts: pulumi.ResourceOptions
) -> pulumi.CustomResource:
    """Register the object under the Pulumi name `name`.

    `metadata.name` has to be set: these objects have the study's names, so autonaming would be wrong.
    Raises ValueError if it is not. With `patch` the object is somebody else's, and only these fields of it are set.
    """
    if not manifest.get("metadata", {}).get("name"):
        raise ValueError(f"{name}: the manifest ({manifest.get('kind', 'no kind')}) has no metadata.name")
    token = f"{type_token(manifest)}Patch" if patch else type_token(manifest)
    return pulumi.CustomResource(token, name, _without_wait(manifest), opts)


def _without_wait(manifest: Manifest) -> dict[str, Any]:
    """The manifest for the provider, which must not wait for Services.

    It would watch each for ten seconds without a change. The Deployment behind a Service waits for ready pods already.
    """
    if manifest["kind"] != "Service":
        return dict(manifest)
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), "pulumi.com/skipAwait": "true"}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
