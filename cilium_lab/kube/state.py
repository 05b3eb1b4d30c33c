"""What the cluster does not record by itself, kept in one of its ConfigMaps while nodes are rolled out.

That is what was not well before the first change, which nodes a run has cordoned, and the manifests of the bare pods
that it has deleted. A node's annotations
would be the obvious place and are the wrong one: in the mode `kubernetes` a changed annotation makes the agent write
the Node's pod CIDR into its CiliumNode at once.

The API server records for every field which manager set it (metadata.managedFields). The manifest of a bare pod holds
the fields that its creator set, and it is applied as that manager: a creator that uses server-side apply (Pulumi does)
finds the same fields under the same manager, and no drift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from cilium_lab.kube.objects import Baseline, State

NAMESPACE = "kube-system"
NAME = "cilium-lab-migration"
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
MANAGER_KEY = "cilium-lab/field-manager"
"""Annotation of a saved manifest that names its creator; removed before the manifest is applied."""
CREATED_KEY = "cilium-lab/created"
"""The same, with the time at which the pod was created (RFC 3339 in UTC)."""


def parse_state(config_map: dict[str, Any] | None) -> State:
    """The state, empty where there is no ConfigMap."""
    data: dict[str, str] = (config_map or {}).get("data", {})
    before: dict[str, Any] | None = json.loads(data.get("before", "null"))
    baseline = (
        None
        if before is None
        else Baseline(before["ready"], tuple(before["unready"]), tuple(before["violated"]), tuple(before["unanswered"]))
    )
    return State(tuple(json.loads(data.get("nodes", "[]"))), tuple(json.loads(data.get("pods", "[]"))), baseline)


def render_state(state: State) -> dict[str, Any]:
    """The ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {
            "nodes": json.dumps(list(state.nodes)),
            "pods": json.dumps([dict(pod) for pod in state.pods]),
            "before": json.dumps(asdict(state.baseline) if state.baseline else None),
        },
    }


def pod_key(manifest: Any) -> str:
    """namespace/name of a pod's manifest."""
    return f"{manifest['metadata']['namespace']}/{manifest['metadata']['name']}"


def pod_manifest(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the pod's creator set, bound to the pod's node. Raises ValueError if managedFields names none."""
    creator = _creator(pod)
    kept = cast(dict[str, Any], _pick(pod, creator["fieldsV1"]))
    meta = pod["metadata"]
    kept.setdefault("metadata", {}).update(name=meta["name"], namespace=meta["namespace"])
    notes = {MANAGER_KEY: creator["manager"], CREATED_KEY: meta.get("creationTimestamp", "")}
    kept["metadata"].setdefault("annotations", {}).update(notes)
    if meta.get("ownerReferences"):
        kept["metadata"]["ownerReferences"] = meta["ownerReferences"]
    kept["spec"]["nodeName"] = pod["spec"]["nodeName"]
    return {"apiVersion": "v1", "kind": "Pod", **kept}


def split_manager(manifest: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The creator's name as a field manager, and the manifest as it set it."""
    clean: dict[str, Any] = json.loads(json.dumps(manifest))
    manager = clean["metadata"]["annotations"].pop(MANAGER_KEY)
    clean["metadata"]["annotations"].pop(CREATED_KEY, None)
    if not clean["metadata"]["annotations"]:
        del clean["metadata"]["annotations"]
    return manager, clean


def _creator(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of managedFields that applied the containers, or else created them."""
    entries: list[dict[str, Any]] = pod["metadata"].get("managedFields", [])
    creators = [
        entry
        for entry in entries
        if entry.get("subresource", "") == "" and "f:containers" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]
    if not creators:
        raise ValueError(f"pod {pod['metadata']['name']}: no manager in managedFields has set its containers")
    return min(creators, key=lambda entry: entry["operation"] != "Apply")


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
