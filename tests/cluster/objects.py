"""Every object of the cluster as text, without what changes by itself."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.helpers.checkout import Checkout

# Heartbeats, what was reported about the past, and what each observation counts.
_RESTLESS = ("leases", "events", "podmetrics", "nodemetrics")
_BETWEEN = 10.0
"""Seconds between two observations: a node that has gone is noted by one controller after the other."""


def objects(checkout: Checkout) -> dict[str, str]:
    """Kind, namespace and name -> the object as canonical JSON."""
    named = checkout.lab("kubectl", "api-resources", "--verbs=list", "-o", "name").stdout.split()
    kinds = [kind for kind in named if kind.partition(".")[0] not in _RESTLESS]
    listed = json.loads(checkout.lab("kubectl", "get", ",".join(kinds), "-A", "-o", "json", record=False).stdout)
    return {_title(item): json.dumps(_still(item), sort_keys=True) for item in listed["items"]}


def settled(checkout: Checkout, limit: float = 90.0) -> dict[str, str]:
    """The objects, once two observations are the same."""
    end = time.monotonic() + limit
    now = objects(checkout)
    while True:
        time.sleep(_BETWEEN)
        before, now = now, objects(checkout)
        if not changed(before, now):
            return now
        assert time.monotonic() < end, "\n".join(changed(before, now))


def _title(item: dict[str, Any]) -> str:
    meta = item["metadata"]
    return f"{item['apiVersion']} {item['kind']} {meta.get('namespace', '')}/{meta['name']}"


def _still(item: dict[str, Any]) -> dict[str, Any]:
    """Without the number of the last write, which heartbeats raise, and their times in managedFields and conditions."""
    meta = {name: value for name, value in item["metadata"].items() if name != "resourceVersion"}
    meta["managedFields"] = [
        {name: value for name, value in entry.items() if name != "time"} for entry in meta.get("managedFields", [])
    ]
    still = {**item, "metadata": meta}
    if item["kind"] == "Node":
        status = item["status"]
        conditions = [{k: v for k, v in c.items() if k != "lastHeartbeatTime"} for c in status["conditions"]]
        still["status"] = {**status, "conditions": conditions}
    return still


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What came, went, or is not the same, with both texts."""
    return [
        f"{title}\n  was {before.get(title)}\n  is  {after.get(title)}"
        for title in sorted(before.keys() | after.keys())
        if before.get(title) != after.get(title)
    ]
