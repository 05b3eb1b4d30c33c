"""A small healthy cluster as frozen data, for the tests of what is pure in cilium_lab.rollout."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from cilium_lab.kube.objects import (
    REVISION_LABEL,
    AgentView,
    CiliumNode,
    Configured,
    Endpoint,
    Node,
    Pod,
    Route,
    Snapshot,
    Workload,
)
from cilium_lab.rollout.request import Desired

NAMES: tuple[str, ...] = ("k8s-cp", "k8s-w1", "k8s-w2")
OLD = {name: IPv4Network(f"192.168.{number}.0/24") for number, name in enumerate(NAMES)}
NEW = {name: IPv4Network(f"172.20.{number}.0/24") for number, name in enumerate(NAMES)}
ADDRESS = {name: IPv4Address(f"172.31.1.1{number}") for number, name in enumerate(NAMES)}
POOL, POD_CIDR = IPv4Network("172.20.0.0/16"), IPv4Network("192.168.0.0/16")
FORWARD = Desired("cluster-pool", (POOL,), POD_CIDR, 24, services=("kube-system/kube-dns",))
BACK = replace(FORWARD, mode="kubernetes")
MODES: dict[str, str] = dict.fromkeys(NAMES, "kubernetes")


def node(name: str, **changed: Any) -> Node:
    given = Node(
        name,
        ADDRESS[name],
        OLD[name],
        True,
        False,
        name == "k8s-cp",
        {"cpu": 2000, "memory": 4 << 30, "pods": 110},
        {"kubernetes.io/hostname": name},
    )
    return replace(given, **changed)


def pod(name: str, where: str, address: str | None, *, owner: tuple[str, str] | None = None, **changed: Any) -> Pod:
    given = Pod(
        "default", name, f"uid-{name}", where, IPv4Address(address) if address else None, owner, False, True, False
    )
    return replace(given, **changed)


def agent(where: str, **changed: Any) -> Pod:
    labels = {"k8s-app": "cilium"}
    given = pod(f"cilium-{where}", where, str(ADDRESS[where]), owner=("DaemonSet", "cilium"), labels=labels)
    return replace(given, namespace="kube-system", host_network=True, **changed)


def operator(**changed: Any) -> Pod:
    labels = {"io.cilium/app": "operator"}
    given = pod("cilium-operator-1", "k8s-w1", str(ADDRESS["k8s-w1"]), owner=("Deployment", "cilium-operator"))
    return replace(given, namespace="kube-system", host_network=True, labels=labels, **changed)


def view(name: str, pod_cidrs: dict[str, IPv4Network] | None = None, **changed: Any) -> AgentView:
    used = pod_cidrs or OLD
    routes = tuple(Route(used[peer], ADDRESS[peer], "ens160") for peer in NAMES if peer != name)
    given = AgentView(name, "kubernetes", used[name], routes, (POOL, POD_CIDR), {})
    return replace(given, **changed)


WEB = ("Deployment", "web")
ONE = pod("web-1", "k8s-w1", "192.168.1.7", owner=WEB)
TWO = pod("web-2", "k8s-w2", "192.168.2.7", owner=WEB)


def world(**changed: Any) -> Snapshot:
    """Mode kubernetes, three nodes, two web pods, all well."""
    given = Snapshot(
        nodes=tuple(node(name) for name in NAMES),
        cilium_nodes={name: CiliumNode(name, (OLD[name],)) for name in NAMES},
        pods=(ONE, TWO, operator(), *(agent(name) for name in NAMES)),
        workloads=(Workload("Deployment", "default", "web", 2, 2, True, True),),
        endpoints=tuple(Endpoint(p.namespace, p.name, p.address, True) for p in (ONE, TWO)),
        backends={"kube-system/kube-dns": 2},
        configured=Configured("kubernetes", (), None),
        views={name: view(name) for name in NAMES},
    )
    return replace(given, **changed)


def with_pod_cidrs(**pod_cidrs: tuple[IPv4Network, ...]) -> dict[str, CiliumNode]:
    """CiliumNodes with these pod CIDRs instead: keys have _ for -."""
    changed = {name.replace("_", "-"): of_node for name, of_node in pod_cidrs.items()}
    return {name: CiliumNode(name, changed.get(name, (OLD[name],))) for name in NAMES}


def with_revisions(snapshot: Snapshot, **revisions: str) -> Snapshot:
    """Agents of the newest revision, but for those of nodes (_ for -) of which another one is given."""
    others = {name.replace("_", "-"): revision for name, revision in revisions.items()}
    return replace(
        snapshot,
        revision="new",
        pods=tuple(
            replace(p, labels={**p.labels, REVISION_LABEL: others.get(p.node, "new")})
            if p.labels.get("k8s-app") == "cilium"
            else p
            for p in snapshot.pods
        ),
    )
