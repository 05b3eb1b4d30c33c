"""Checks of Kubernetes itself: nodes, blocks, kube-proxy, and everything that should be rolled out."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import cilium_blocks, condition, get_items, name_of, node_blocks
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation


def nodes_ready(want: Expectation, context: Context) -> Result:
    """Exactly the wanted nodes, each Ready, of the wanted version, at the wanted address."""
    seen: dict[str, str] = {}
    for node in get_items(context, "nodes"):
        addresses = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        ready = "Ready" if condition(node, "Ready") else "NotReady"
        version = str(node["status"]["nodeInfo"]["kubeletVersion"])
        seen[name_of(node)] = f"{ready} {version} {','.join(addresses)}"
    expected = {name: f"Ready v{want.kubernetes_version} {address}" for name, address in want.nodes.items()}
    if seen != expected:
        return failed(
            expected=_listing(expected),
            seen=_listing(seen),
            hint="`kubectl describe node NAME`, then kubelet's journal on that host",
        )
    return passed(_listing(seen))


def _listing(nodes: dict[str, str]) -> str:
    return "; ".join(f"{name} {state}" for name, state in sorted(nodes.items())) or "no nodes"


def nodes_take_pods(want: Expectation, context: Context) -> Result:
    """No node is cordoned or tainted, the control plane's neither: the study places pods on all of them."""
    closed: list[str] = []
    nodes = get_items(context, "nodes")
    for node in nodes:
        taints = [f"{taint['key']}:{taint['effect']}" for taint in node["spec"].get("taints", [])]
        if node["spec"].get("unschedulable") or taints:
            closed.append(f"{name_of(node)}: {', '.join(taints) or 'cordoned'}")
    if closed or len(nodes) < len(want.nodes):
        return failed(
            expected=f"{len(want.nodes)} nodes without taint",
            seen="; ".join(closed) or f"{len(nodes)} nodes",
            hint="`kubectl uncordon NODE`; `kubectl taint nodes NODE KEY-`",
        )
    return passed(f"{len(nodes)} nodes")


def no_kube_proxy(_want: Expectation, context: Context) -> Result:
    """Neither a pod nor a DaemonSet of kube-proxy: Cilium does its work."""
    items = get_items(context, "pods,daemonsets", "-n", "kube-system")
    found = [f"{item['kind']} {name_of(item)}" for item in items if name_of(item).startswith("kube-proxy")]
    if found:
        return failed(
            expected="no kube-proxy",
            seen=", ".join(found),
            hint="kubeadm has to skip the phase addon/kube-proxy",
        )
    return passed(f"none among {len(items)} pods and DaemonSets")


def own_blocks(want: Expectation, context: Context) -> Result:
    """Each node has one block of its own, of the wanted size, inside the pod ranges.

    In kubernetes mode the block is the Node's; in the pool modes the operator gives it to the CiliumNode.
    """
    kubernetes = want.ipam_mode == "kubernetes"
    blocks = node_blocks(context) if kubernetes else cilium_blocks(context)
    ranges = [IPv4Network(cidr) for cidr in want.pod_ranges]
    wrong = [f"{node} has no block" for node in want.nodes if not blocks.get(node)]
    taken: dict[IPv4Network, str] = {}
    for node, block in ((node, block) for node, own in sorted(blocks.items()) for block in own):
        if block.prefixlen != want.node_mask or not any(block.subnet_of(r) for r in ranges):
            wrong.append(f"{node} has {block}")
        wrong.extend(f"{node} and {other} share {block}" for b, other in taken.items() if b.overlaps(block))
        taken[block] = node
    if wrong:
        return failed(
            expected=f"one /{want.node_mask} of {', '.join(want.pod_ranges)} for each node",
            seen="; ".join(wrong),
            hint="`--cluster-cidr` of the controller manager, or the operator's log in the pool modes",
        )
    return passed(", ".join(f"{node} {block}" for block, node in taken.items()))


def rollouts_complete(_want: Expectation, context: Context) -> Result:
    """Every Deployment, DaemonSet and StatefulSet has all its pods, of its newest revision."""
    items = get_items(context, "deployments,daemonsets,statefulsets", "-A")
    unready = [text for item in items if (text := _shortfall(item))]
    if unready or not items:
        return failed(
            expected="every workload complete",
            seen="; ".join(unready) or "no workload at all",
            hint="`kubectl describe` and `kubectl logs` of its pods",
        )
    return passed(f"{len(items)} workloads complete")


def _shortfall(item: dict[str, Any]) -> str:
    """What a workload lacks, or an empty text. A DaemonSet that updates on deletion counts as current."""
    status: dict[str, Any] = item.get("status", {})
    title = f"{item['kind']} {item['metadata'].get('namespace')}/{name_of(item)}"
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return f"{title} is not observed yet"
    if item["kind"] == "DaemonSet":
        wanted, have = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
        strategy = item["spec"].get("updateStrategy", {}).get("type")
        updated = wanted if strategy == "OnDelete" else status.get("updatedNumberScheduled", 0)
    else:
        wanted, have = item["spec"].get("replicas", 1), status.get("availableReplicas", 0)
        updated = status.get("updatedReplicas", 0)
    if have < wanted or updated < wanted:
        return f"{title}: {have} of {wanted} available, {updated} current"
    return ""
