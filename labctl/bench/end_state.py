"""What has to be the same after every migration of one way: lines that tell nothing of names made anew or of times."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from labctl.bench.stack import Stack


def end_state(stack: Stack) -> str:
    """The cluster of a stack, as text."""
    config = stack.kubectl("-n", "kube-system", "get", "configmap", "cilium-config")["data"]
    note = stack.kubectl(
        "-n", "kube-system", "get", "configmaps", "--field-selector", "metadata.name=cilium-lab-migration"
    )
    lines = render(
        stack.kubectl("get", "nodes")["items"],
        stack.kubectl("get", "ciliumnodes")["items"],
        stack.kubectl("get", "pods", "-A")["items"],
        stack.kubectl("get", "deployments,daemonsets", "-A")["items"],
    )
    lines += [f"config {name}={config.get(name, '')}" for name in ("ipam", "cluster-pool-ipv4-cidr")]
    lines.append(f"notes of a migration: {len(note['items'])}")
    return "\n".join(lines)


def render(nodes: list[Any], cilium_nodes: list[Any], pods: list[Any], workloads: list[Any]) -> list[str]:
    """Nodes and their blocks, pods with addresses outside their node's block, and what is ready of each workload."""
    blocks = {node["metadata"]["name"]: node["spec"].get("ipam", {}).get("podCIDRs", []) for node in cilium_nodes}
    errors = {
        node["metadata"]["name"]: node.get("status", {}).get("ipam", {}).get("operator-status", {}).get("error", "")
        for node in cilium_nodes
    }
    lines = [
        f"node {node['metadata']['name']} {blocks.get(node['metadata']['name'])}"
        f" cordoned={bool(node['spec'].get('unschedulable'))} error={errors.get(node['metadata']['name'])!r}"
        for node in nodes
    ]
    for pod in pods:
        address, node = pod["status"].get("podIP"), pod["spec"].get("nodeName", "")
        if pod["spec"].get("hostNetwork") or not address:
            continue
        if not any(IPv4Address(address) in IPv4Network(block) for block in blocks.get(node, [])):
            lines.append(f"pod {pod['metadata']['name']} with {address} outside its node's block")
    for item in workloads:
        status, spec = item["status"], item["spec"]
        ready = status.get("readyReplicas", status.get("numberReady", 0))
        wanted = spec.get("replicas", status.get("desiredNumberScheduled"))
        lines.append(f"{item['kind']} {item['metadata']['namespace']}/{item['metadata']['name']} {ready}/{wanted}")
    for pod in pods:
        if not pod["metadata"].get("ownerReferences"):
            lines.append(
                f"bare {pod['metadata']['name']} {pod['status'].get('phase')} on {pod['spec'].get('nodeName')}"
            )
    return sorted(lines)
