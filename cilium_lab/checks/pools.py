"""Checks of the mode multi-pool: pods that ask for a pool, themselves or through their namespace, have it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import condition, get_items, name_of
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation

_ANNOTATION = "ipam.cilium.io/ip-pool"


def addresses_in_pool(want: Expectation, context: Context) -> Result:
    """Both ways of asking occur, every such pod has an address of the sample pool, and no other pod has one."""
    sample = IPv4Network(want.sample_pool or "0.0.0.0/32")
    asking = {name_of(item) for item in get_items(context, "namespaces") if _asks(item)}
    by_pod: list[str] = []
    by_namespace: list[str] = []
    wrong: list[str] = []
    for pod in get_items(context, "pods", "-A", "--field-selector", "status.phase=Running"):
        namespace = str(pod["metadata"]["namespace"])
        if pod["spec"].get("hostNetwork") or not condition(pod, "Ready"):
            continue
        title, address = f"{namespace}/{name_of(pod)}", IPv4Address(pod["status"]["podIP"])
        if _asks(pod):
            by_pod.append(f"{title} {address}")
        elif namespace in asking:
            by_namespace.append(f"{title} {address}")
        if (_asks(pod) or namespace in asking) != (address in sample):
            wrong.append(f"{title} has {address}")
    wrong += [
        f"no pod asks by its {way}" for way, found in (("own", by_pod), ("namespace's", by_namespace)) if not found
    ]
    if wrong:
        return failed(
            expected=f"addresses of {sample} for the pods with {_ANNOTATION} and for no others",
            seen="; ".join(wrong),
            hint="`kubectl get ciliumpodippools`, and spec.ipam.pools of the CiliumNodes",
        )
    return passed(", ".join([*by_pod, *by_namespace]))


def _asks(item: dict[str, Any]) -> bool:
    return _ANNOTATION in item["metadata"].get("annotations", {})
