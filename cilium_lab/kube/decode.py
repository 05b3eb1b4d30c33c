"""Objects of the Kubernetes API as frozen data, and quantities as whole numbers: pure functions of API objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network
from typing import Any, cast

from cilium_lab.kube.objects import Budget, CiliumNode, Configured, Endpoint, Node, Pod, Workload

Object = Mapping[str, Any]
_FINISHED = ("Succeeded", "Failed")
_STARTING = ("ContainerCreating", "PodInitializing")
_HOSTNAME = "kubernetes.io/hostname"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
}  # fmt: skip


def condition(item: Object, kind: str) -> bool:
    """True if the object's status condition of that type is True."""
    found: list[dict[str, Any]] = item.get("status", {}).get("conditions") or []
    return any(entry["type"] == kind and entry["status"] == "True" for entry in found)


def node(item: Object) -> Node:
    """A v1 Node."""
    allocatable = item["status"].get("allocatable", {})
    addresses: list[dict[str, str]] = item["status"].get("addresses", [])
    inner = [IPv4Address(a["address"]) for a in addresses if a["type"] == "InternalIP" and ":" not in a["address"]]
    return Node(
        name=item["metadata"]["name"],
        address=inner[0] if inner else None,
        pod_cidr=next(_networks(item["spec"].get("podCIDRs") or [item["spec"].get("podCIDR", "")]), None),
        ready=condition(item, "Ready"),
        cordoned=bool(item["spec"].get("unschedulable")),
        control_plane=_CONTROL_PLANE in item["metadata"].get("labels", {}),
        cpu=millicores(allocatable.get("cpu", 0)),
        memory=octets(allocatable.get("memory", 0)),
        pods=int(allocatable.get("pods", 110)),
    )


def cilium_node(item: Object) -> CiliumNode:
    """A CiliumNode (cilium.io/v2)."""
    error = item.get("status", {}).get("ipam", {}).get("operator-status", {}).get("error", "")
    pod_cidrs = tuple(_networks(item["spec"].get("ipam", {}).get("podCIDRs") or []))
    return CiliumNode(item["metadata"]["name"], pod_cidrs, str(error))


def pods(items: Iterable[Object]) -> tuple[Pod, ...]:
    """Every v1 Pod that has a node and is not finished: a finished one keeps its address in the status alone."""
    return tuple(
        _pod(item)
        for item in items
        if item["spec"].get("nodeName") and item.get("status", {}).get("phase") not in _FINISHED
    )


def _pod(item: Object) -> Pod:
    spec, meta = item["spec"], item["metadata"]
    address = item.get("status", {}).get("podIP")
    requests = [c.get("resources", {}).get("requests", {}) for c in spec.get("containers", [])]
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        node=spec["nodeName"],
        address=IPv4Address(address) if address and ":" not in address else None,
        owner=_owner(meta),
        host_network=bool(spec.get("hostNetwork")),
        ready=condition(item, "Ready"),
        terminating="deletionTimestamp" in meta,
        created=meta.get("creationTimestamp", ""),
        labels=meta.get("labels", {}),
        cpu=sum(millicores(r.get("cpu", 0)) for r in requests),
        memory=sum(octets(r.get("memory", 0)) for r in requests),
        waiting_reason=_waiting_reason(item.get("status", {})),
    )


def _waiting_reason(status: Mapping[str, Any]) -> str:
    """The reason of a container's waiting state, unless it belongs to a healthy start."""
    containers: list[dict[str, Any]] = status.get("containerStatuses") or []
    waiting: list[dict[str, str]] = [entry.get("state", {}).get("waiting") or {} for entry in containers]
    return next((entry["reason"] for entry in waiting if entry.get("reason", _STARTING[0]) not in _STARTING), "")


def _owner(meta: Mapping[str, Any]) -> tuple[str, str] | None:
    """The workload behind a pod: for a Deployment's pod that is the owner of its ReplicaSet, known by the hash."""
    owners: list[dict[str, Any]] = meta.get("ownerReferences", [])
    controller = next((owner for owner in owners if owner.get("controller")), None)
    if controller is None:
        return None
    suffix = "-" + meta.get("labels", {}).get("pod-template-hash", "\n")
    if controller["kind"] == "ReplicaSet" and controller["name"].endswith(suffix):
        return ("Deployment", controller["name"].removesuffix(suffix))
    return (controller["kind"], controller["name"])


def workload(kind: str, item: Object) -> Workload:
    """An apps/v1 Deployment, StatefulSet or ReplicaSet."""
    spec, status = item["spec"], item.get("status", {})
    replicas = int(spec.get("replicas", 1))
    seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
    updated = replicas if kind == "ReplicaSet" else status.get("updatedReplicas", 0)
    # A Deployment counts the pods of its old version in `replicas` until they are gone.
    counts = {replicas, updated, status.get("availableReplicas", 0), status.get("replicas", 0)}
    return Workload(
        kind=kind,
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        replicas=replicas,
        ready=status.get("readyReplicas", 0),
        complete=seen and len(counts) == 1,
        surges=kind == "Deployment" and _surges(spec, replicas),
        one_per_node=_one_per_node(spec),
    )


def _surges(spec: Mapping[str, Any], replicas: int) -> bool:
    strategy = spec.get("strategy", {})
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return False
    rolling: dict[str, str | int] = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    return surge > 0 and _share(rolling.get("maxUnavailable", "25%"), replicas, up=False) == 0


def _share(value: str | int, of: int, *, up: bool) -> int:
    """A number or a percentage; Kubernetes rounds maxSurge up and maxUnavailable down."""
    if isinstance(value, int):
        return value
    part = int(value.removesuffix("%")) * of
    return -(-part // 100) if up else part // 100


def _one_per_node(spec: Mapping[str, Any]) -> bool:
    """Whether required anti-affinity against the pods' own labels lets no two of them share a node."""
    template = spec.get("template", {})
    labels: Mapping[str, str] = template.get("metadata", {}).get("labels", {})
    rules = template.get("spec", {}).get("affinity", {}).get("podAntiAffinity", {})
    terms: list[dict[str, Any]] = rules.get("requiredDuringSchedulingIgnoredDuringExecution") or []
    for term in terms:
        wanted = cast(dict[str, str], term.get("labelSelector", {}).get("matchLabels", {}))
        if term.get("topologyKey") == _HOSTNAME and wanted and wanted.items() <= labels.items():
            return True
    return False


def budget(item: Object) -> Budget:
    """A policy/v1 PodDisruptionBudget."""
    status = item.get("status", {})
    meta = item["metadata"]
    counts = (status.get("expectedPods", 0), status.get("desiredHealthy", 0))
    return Budget(meta["namespace"], meta["name"], *counts, selector=item.get("spec", {}).get("selector"))


def endpoint(item: Object) -> Endpoint:
    """A CiliumEndpoint (cilium.io/v2)."""
    status = item.get("status", {})
    networking: dict[str, Any] = status.get("networking") or {}
    addresses: list[dict[str, str]] = networking.get("addressing") or []
    found = next((pair["ipv4"] for pair in addresses if "ipv4" in pair), None)
    meta = item["metadata"]
    ready = status.get("state") == "ready"
    return Endpoint(meta["namespace"], meta["name"], IPv4Address(found) if found else None, ready)


def backends(slices: Iterable[Object]) -> dict[str, int]:
    """Service `namespace/name` -> its ready IPv4 backends, from EndpointSlices (discovery.k8s.io/v1)."""
    found: dict[str, set[str]] = {}
    for item in slices:
        service = item["metadata"].get("labels", {}).get("kubernetes.io/service-name")
        if service is None or item.get("addressType") != "IPv4":
            continue
        ready = found.setdefault(f"{item['metadata']['namespace']}/{service}", set())
        for entry in cast(list[dict[str, Any]], item.get("endpoints") or []):
            # Upstream's rule: a missing condition means ready.
            if entry.get("conditions", {}).get("ready", True) is not False:
                ready.update(entry["addresses"])
    return {service: len(addresses) for service, addresses in found.items()}


def configured(config_map: Object | None) -> Configured | None:
    """The ConfigMap cilium-config."""
    if config_map is None:
        return None
    data: dict[str, str] = config_map.get("data", {})
    mask = data.get("cluster-pool-ipv4-mask-size")
    pools = tuple(_networks(data.get("cluster-pool-ipv4-cidr", "").split()))
    entries: list[dict[str, str]] = config_map.get("metadata", {}).get("managedFields", [])
    changed = max((entry.get("time", "") for entry in entries), default="")
    return Configured(data.get("ipam", ""), pools, int(mask) if mask else None, changed)


def _networks(texts: Iterable[str]) -> Iterator[IPv4Network]:
    return (IPv4Network(text) for text in texts if text and ":" not in text)


def quantity(text: str | int | float) -> Decimal:
    """The value of `250m`, `64Mi`, `2`, `1e3`. Raises ValueError for anything else."""
    words = str(text)
    digits = words.rstrip("numkKMGTPi")
    if digits == "" or words[len(digits) :] not in _SUFFIXES:
        raise ValueError(f"no quantity: {text!r}")
    return Decimal(digits) * _SUFFIXES[words[len(digits) :]]


def millicores(text: str | int | float) -> int:
    """CPU in thousandths of a core."""
    return int(quantity(text) * 1000)


def octets(text: str | int | float) -> int:
    """Memory in bytes."""
    return int(quantity(text))
