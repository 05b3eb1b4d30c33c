"""Reads what several checks need from the cluster, in as few kubectl calls as that takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from cilium_lab.checks.context import Context

AGENT_LABEL = "k8s-app=cilium"


def get_items(context: Context, *args: str) -> list[dict[str, Any]]:
    """The objects that `kubectl get` lists."""
    answer = json.loads(context.kubectl("get", *args, "-o", "json"))
    items: list[dict[str, Any]] = answer["items"]
    return items


def get_object(context: Context, *args: str) -> dict[str, Any]:
    """The one object that `kubectl get` finds. Raises CommandError if there is none."""
    found: dict[str, Any] = json.loads(context.kubectl("get", *args, "-o", "json"))
    return found


def name_of(item: dict[str, Any]) -> str:
    """metadata.name"""
    return str(item["metadata"]["name"])


def condition(item: dict[str, Any], kind: str) -> bool:
    """True if the object's status condition of that type is True."""
    conditions: list[dict[str, Any]] = item.get("status", {}).get("conditions", [])
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)


def in_pod(context: Context, pod: str, script: str) -> str:
    """Run a shell script in a pod of the default namespace."""
    return context.kubectl("exec", pod, "--", "sh", "-c", script)


def in_agent(context: Context, pod: str, script: str) -> str:
    """Run a shell script in a Cilium agent."""
    return context.kubectl("exec", "-n", "kube-system", pod, "-c", "cilium-agent", "--", "sh", "-c", script)


def agents(context: Context) -> dict[str, str]:
    """Node -> name of its running Cilium agent pod."""
    pods = get_items(context, "pods", "-n", "kube-system", "-l", AGENT_LABEL)
    return {pod["spec"]["nodeName"]: name_of(pod) for pod in pods if condition(pod, "Ready")}


@dataclass(frozen=True)
class Pod:
    """A ready pod: its name, address and node."""

    name: str
    address: str
    node: str


def ready_pods(context: Context, selector: str) -> tuple[Pod, ...]:
    """The default namespace's ready pods with that label, without those that are being deleted."""
    return tuple(
        Pod(name_of(pod), pod["status"]["podIP"], pod["spec"]["nodeName"])
        for pod in get_items(context, "pods", "-l", selector)
        if condition(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]
    )


def cilium_blocks(context: Context) -> dict[str, list[IPv4Network]]:
    """Node -> the blocks in its CiliumNode: `podCIDRs`, or what multi-pool has allocated from each pool."""
    found: dict[str, list[IPv4Network]] = {}
    for item in get_items(context, "ciliumnodes"):
        ipam: dict[str, Any] = item["spec"].get("ipam", {})
        pools: list[dict[str, Any]] = ipam.get("pools", {}).get("allocated") or []
        listed: list[list[str]] = [ipam.get("podCIDRs") or [], *(pool.get("cidrs") or [] for pool in pools)]
        found[name_of(item)] = [IPv4Network(cidr) for cidrs in listed for cidr in cidrs]
    return found


def node_blocks(context: Context) -> dict[str, list[IPv4Network]]:
    """Node -> the blocks that Kubernetes' controller manager gave to it."""
    return {
        name_of(item): [IPv4Network(cidr) for cidr in item["spec"].get("podCIDRs", [])]
        for item in get_items(context, "nodes")
    }
