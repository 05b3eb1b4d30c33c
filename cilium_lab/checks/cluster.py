"""Checks of Kubernetes itself: nodes, pod CIDRs and pod addresses, kube-proxy, and everything that is rolled out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.kube import decode
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.objects import CiliumNode, Snapshot
from cilium_lab.rollout.invariants import addresses_in_pod_cidrs, pod_cidrs_disjoint

_POOL_ANNOTATION = "ipam.cilium.io/ip-pool"
_RELEASE = ("kube-system", "cilium")
"""Namespace and name of the release of Cilium's chart."""


def nodes_ready(want: Expectation, lab: Lab) -> Result:
    """Exactly the wanted nodes, each Ready, of the wanted version, at the wanted address."""
    seen: dict[str, str] = {}
    for node in lab.nodes():
        addresses = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        ready = "Ready" if decode.condition(node, "Ready") else "NotReady"
        version = str(node["status"]["nodeInfo"]["kubeletVersion"])
        seen[_name(node)] = f"{ready} {version} {','.join(addresses)}"
    expected = {name: f"Ready v{want.kubernetes_version} {address}" for name, address in want.nodes.items()}
    if seen != expected:
        return unmet(
            expected=_listing(expected),
            seen=_listing(seen),
            next="`kubectl describe node NAME`, then kubelet's journal on that host",
        )
    return met(_listing(seen))


def _listing(nodes: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {state}" for name, state in sorted(nodes.items())) or "no nodes"


def nodes_schedulable(want: Expectation, lab: Lab) -> Result:
    """No node is cordoned or tainted, the control plane's neither: the study places pods on all of them."""
    closed: list[str] = []
    nodes = lab.nodes()
    for node in nodes:
        taints = [f"{taint['key']}:{taint['effect']}" for taint in node["spec"].get("taints", [])]
        if node["spec"].get("unschedulable") or taints:
            closed.append(f"{_name(node)}: {', '.join(taints) or 'cordoned'}")
    if closed or len(nodes) < len(want.nodes):
        return unmet(
            expected=f"{len(want.nodes)} nodes without taint",
            seen="; ".join(closed) or f"{len(nodes)} nodes",
            next="`kubectl uncordon NODE`; `kubectl taint nodes NODE KEY-`",
        )
    return met(f"{len(nodes)} nodes")


def no_kube_proxy(_want: Expectation, lab: Lab) -> Result:
    """Neither a pod nor a DaemonSet of kube-proxy: Cilium replaces it."""
    items = {
        "Pod": lab.items("/api/v1/namespaces/kube-system/pods"),
        "DaemonSet": lab.items("/apis/apps/v1/namespaces/kube-system/daemonsets"),
    }
    named = [f"{kind} {_name(item)}" for kind, found in items.items() for item in found]
    proxies = [title for title in named if title.split()[1].startswith("kube-proxy")]
    if proxies:
        return unmet(
            expected="no kube-proxy",
            seen=", ".join(proxies),
            next="kubeadm has to skip the phase addon/kube-proxy",
        )
    return met(f"none among {len(named)} pods and DaemonSets")


def own_pod_cidrs(want: Expectation, lab: Lab) -> Result:
    """Invariant I1 of a migration: each node has pod CIDRs of its own, of the wanted size, inside the wanted ranges.

    In kubernetes mode they are the Node's; in the pool modes the operator allocates them to the CiliumNode.
    """
    nodes = lab.nodes()
    allocated = _of_nodes(nodes) if want.ipam_mode == "kubernetes" else lab.cilium_nodes()
    snapshot = Snapshot(tuple(map(decode.node, nodes)), allocated)
    wrong = list(map(str, pod_cidrs_disjoint(snapshot, map(IPv4Network, want.pod_ranges), want.node_mask)))
    wrong += [f"{node} has none" for node in want.nodes if node not in {one.name for one in snapshot.nodes}]
    if wrong:
        return unmet(
            expected=f"one /{want.node_mask} of {', '.join(want.pod_ranges)} for each node",
            seen="; ".join(wrong),
            next="`--cluster-cidr` of the controller manager, or the operator's log in the pool modes",
        )
    return met(", ".join(f"{name} {_join(node.pod_cidrs)}" for name, node in sorted(allocated.items())))


def _of_nodes(nodes: Iterable[dict[str, Any]]) -> dict[str, CiliumNode]:
    """Node -> the pod CIDRs that Kubernetes' controller manager has allocated to it."""
    found: dict[str, CiliumNode] = {}
    for item in nodes:
        cidrs: list[str] = item["spec"].get("podCIDRs") or []
        found[_name(item)] = CiliumNode(_name(item), tuple(map(IPv4Network, cidrs)))
    return found


def kubernetes_pod_cidrs_stay(want: Expectation, lab: Lab) -> Result:
    """Outside of kubernetes mode every Node still has the pod CIDR that Kubernetes gave it, which no pod has to use."""
    allocated = _of_nodes(lab.nodes())
    whole = IPv4Network(want.kubernetes_range)
    seen = "; ".join(f"{name} {_join(node.pod_cidrs)}" for name, node in sorted(allocated.items()))
    listed = [cidr for name in want.nodes if name in allocated for cidr in allocated[name].pod_cidrs]
    if len(set(listed)) != len(want.nodes) or not all(cidr.subnet_of(whole) for cidr in listed):
        return unmet(
            expected=f"a pod CIDR of {whole} of its own in spec.podCIDRs of each of {', '.join(want.nodes)}",
            seen=seen or "no nodes",
            next="`--allocate-node-cidrs` and `--cluster-cidr` of the controller manager",
        )
    return met(seen)


def pod_cidrs_agree(_want: Expectation, lab: Lab) -> Result:
    """In kubernetes mode every CiliumNode carries its Node's pod CIDRs."""
    nodes, cilium = _of_nodes(lab.nodes()), lab.cilium_nodes()
    wrong = [
        f"{name}: Node {_cidrs(nodes.get(name))}, CiliumNode {_cidrs(cilium.get(name))}"
        for name in sorted(nodes.keys() | cilium.keys())
        if name not in nodes or name not in cilium or nodes[name].pod_cidrs != cilium[name].pod_cidrs
    ]
    if wrong or not nodes:
        return unmet(
            expected="the same pod CIDRs in Node.spec.podCIDRs and CiliumNode.spec.ipam.podCIDRs",
            seen="; ".join(wrong) or "no nodes",
            next="the agent of that node copies them when it starts: its log",
        )
    return met(f"{len(nodes)} nodes agree")


def addresses_inside(_want: Expectation, lab: Lab) -> Result:
    """Invariant I2 of a migration: every pod's address lies in a pod CIDR of its node, which peers have routes to."""
    snapshot = Snapshot((), lab.cilium_nodes(), decode.pods(lab.running_pods()))
    counted = sum(pod.on_pod_network and pod.address is not None for pod in snapshot.pods)
    wrong = addresses_in_pod_cidrs(snapshot)
    if wrong or counted == 0:
        return unmet(
            expected="every pod address inside a pod CIDR of its node",
            seen="; ".join(map(str, wrong)) or "no running pod outside the host network",
            next="such a pod is cut off until it is re-created",
        )
    return met(f"{counted} pod addresses")


def addresses_in_pool(want: Expectation, lab: Lab) -> Result:
    """In multi-pool pods request the sample pool in both ways and have it, and no other pod has an address of it."""
    sample = IPv4Network(want.sample_pool or "0.0.0.0/32")
    requesting = {_name(item) for item in lab.items("/api/v1/namespaces") if _requests_pool(item)}
    by_pod: list[str] = []
    by_namespace: list[str] = []
    wrong: list[str] = []
    for pod in lab.running_pods():
        namespace = str(pod["metadata"]["namespace"])
        if pod["spec"].get("hostNetwork") or not decode.condition(pod, "Ready"):
            continue
        title, address = f"{namespace}/{_name(pod)}", IPv4Address(pod["status"]["podIP"])
        if _requests_pool(pod):
            by_pod.append(f"{title} {address}")
        elif namespace in requesting:
            by_namespace.append(f"{title} {address}")
        if (_requests_pool(pod) or namespace in requesting) != (address in sample):
            wrong.append(f"{title} has {address}")
    wrong += [
        f"no pod requests it by its {way}"
        for way, found in (("own annotation", by_pod), ("namespace's annotation", by_namespace))
        if not found
    ]
    if wrong:
        return unmet(
            expected=f"addresses of {sample} for the pods with {_POOL_ANNOTATION} and for no others",
            seen="; ".join(wrong),
            next="`kubectl get ciliumpodippools`, and spec.ipam.pools of the CiliumNodes",
        )
    return met(", ".join([*by_pod, *by_namespace]))


def _requests_pool(item: dict[str, Any]) -> bool:
    return _POOL_ANNOTATION in item["metadata"].get("annotations", {})


def rollouts_complete(want: Expectation, lab: Lab) -> Result:
    """Each workload of the stack is there, with all its pods, of its newest revision.

    Others are told where they are incomplete. A crash-looping Deployment of the user's makes no lab red.
    """
    listed = {
        f"{kind} {item['metadata']['namespace']}/{_name(item)}": (kind, item)
        for kind, items in lab.workloads().items()
        for item in items
    }
    own = {*want.workloads, *(title for title, (_, item) in listed.items() if _of_the_chart(item))}
    short = {title: text for title, (kind, item) in listed.items() if (text := _shortfall(kind, item))}
    lacking = [f"{title}: {short.get(title, 'does not exist')}" for title in sorted(own - (listed.keys() - short))]
    if lacking or not own:
        return unmet(
            expected="every workload of the stack complete",
            seen="; ".join(lacking) or "no workload at all",
            next="`kubectl describe` and `kubectl logs` of its pods",
        )
    others = "; ".join(f"{title}: {text}" for title, text in short.items() if title not in own)
    return met(f"{len(own)} workloads complete" + (f"; not of the stack: {others}" if others else ""))


def _of_the_chart(item: dict[str, Any]) -> bool:
    """Helm marks what it installs (helm.sh/helm/v3, pkg/action/validate.go)."""
    metadata = item["metadata"]
    release = metadata.get("annotations", {}).get("meta.helm.sh/release-name")
    return (metadata["namespace"], release) == _RELEASE


def _shortfall(kind: str, item: dict[str, Any]) -> str:
    """What a workload lacks, or an empty text. A DaemonSet that updates on deletion counts as current."""
    if kind != "DaemonSet":
        workload = decode.workload(kind, item)
        if workload.complete:
            return ""
        return f"{workload.ready} of {workload.replicas} ready, or not all of the newest revision"
    status: dict[str, Any] = item.get("status", {})
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return "not observed yet"
    wanted, have = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    on_delete = item["spec"].get("updateStrategy", {}).get("type") == "OnDelete"
    updated = wanted if on_delete else status.get("updatedNumberScheduled", 0)
    return f"{have} of {wanted} available, {updated} current" if have < wanted or updated < wanted else ""


def _name(item: dict[str, Any]) -> str:
    return str(item["metadata"]["name"])


def _cidrs(node: CiliumNode | None) -> str:
    return _join(node.pod_cidrs) if node else "none"


def _join(cidrs: Iterable[IPv4Network]) -> str:
    return ",".join(map(str, cidrs)) or "none"
