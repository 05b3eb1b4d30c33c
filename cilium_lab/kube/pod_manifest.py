"""The manifest of a live bare pod, so that it can be made again as it was made first.

The API server notes for every field who set it (metadata.managedFields). The manifest is what the pod's maker set, and
it is applied in the maker's name: whoever made it by server-side apply (Pulumi does) finds the same fields under the
same manager, and no drift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

MANAGER_KEY = "cilium-lab/field-manager"
"""Where the saved manifest names its maker; taken off before the manifest is applied."""


def pod_manifest(pod: Mapping[str, Any]) -> dict[str, Any]:
    """What the pod's maker set, bound to the pod's node. Raises ValueError if nobody is noted as its maker."""
    maker = _maker(pod)
    kept = cast(dict[str, Any], _pick(pod, maker["fieldsV1"]))
    meta = pod["metadata"]
    kept.setdefault("metadata", {}).update(name=meta["name"], namespace=meta["namespace"])
    kept["metadata"].setdefault("annotations", {})[MANAGER_KEY] = maker["manager"]
    kept["spec"]["nodeName"] = pod["spec"]["nodeName"]
    return {"apiVersion": "v1", "kind": "Pod", **kept}


def split_manager(manifest: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The maker's name, and the manifest as it made it."""
    clean: dict[str, Any] = json.loads(json.dumps(manifest))
    manager = clean["metadata"]["annotations"].pop(MANAGER_KEY)
    if not clean["metadata"]["annotations"]:
        del clean["metadata"]["annotations"]
    return manager, clean


def _maker(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Who applied the containers, or else created them."""
    entries: list[dict[str, Any]] = pod["metadata"].get("managedFields", [])
    makers = [
        entry
        for entry in entries
        if entry.get("subresource", "") == "" and "f:containers" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    if not makers:
        raise ValueError(f"pod {pod['metadata']['name']}: managedFields names nobody who set its containers")
    return min(makers, key=lambda entry: entry["operation"] != "Apply")


def _pick(value: Any, wanted: Mapping[str, Any]) -> Any:
    """The part of `value` that `wanted` (FieldsV1) names: f: are members, k: list items by key, v: by value."""
    if isinstance(value, Mapping):
        members = cast(Mapping[str, Any], value)
        if not any(name.startswith("f:") for name in wanted):
            return dict(members)
        picked = {name[2:]: deeper for name, deeper in wanted.items() if name[2:] in members and name[:2] == "f:"}
        return {name: _pick(members[name], deeper) for name, deeper in picked.items()}
    if isinstance(value, list) and any(name[:2] in ("k:", "v:") for name in wanted):
        return [found for item in cast(list[Any], value) if (found := _pick_item(item, wanted)) is not None]
    return cast(Any, value)


def _pick_item(item: Any, wanted: Mapping[str, Any]) -> Any:
    for name, deeper in wanted.items():
        if name.startswith("v:") and json.loads(name[2:]) == item:
            return item
        if name.startswith("k:"):
            keys = cast(dict[str, Any], json.loads(name[2:]))
            if all(item.get(key) == value for key, value in keys.items()):
                return {**keys, **_pick(item, deeper)} if deeper else item
    return None
