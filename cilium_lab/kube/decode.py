"""Objects of the Kubernetes API as frozen data: pure functions of API objects."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Any, cast

from cilium_lab.kube.needs import full_name
from cilium_lab.kube.objects import (
    REVISION_LABEL,
    Budget,
    CiliumNode,
    Claim,
    Configured,
    Endpoint,
    Node,
    Pod,
    Release,
    Service,
    Taint,
    Workload,
)
from cilium_lab.kube.quantities import amount
from cilium_lab.kube.raw import Object, listed, member

_FINISHED = ("Succeeded", "Failed")
_STARTING = ("ContainerCreating", "PodInitializing")
CORDON = "node.kubernetes.io/unschedulable"
"""Key of the taint that a cordon gives to a node."""
RESTARTED_KEY = "kubectl.kubernetes.io/restartedAt"
"""Annotation of a template by which `kubectl rollout restart` makes a new version of it."""
RESTART_KEY = "cilium-lab/restart"
"""Annotation of a Deployment that the rollout has restarted: the new value of that, and the one before it."""
ROLLOUT_TAINT = "cilium-lab/rollout"
"""Key of the taint that keeps a DaemonSet from re-creating its pod before the agent's restart."""
_IMAGES = 50
"""So many images a kubelet lists by default, the largest (nodeStatusMaxImages): with fewer these are all."""
_FLAPPED = 600
"""Seconds to ready that no start takes: the pod was ready before."""
_SILENT = timedelta(seconds=60)
"""A lease that was not renewed for so long before the newest one has nobody any more."""
_OWN_GROUPS = ("", "apps", "batch")
"""API groups of Kubernetes' own controllers of pods."""
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


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
        allocatable={name: amount(name, text) for name, text in {"pods": 110, **allocatable}.items()},
        labels=item["metadata"].get("labels", {}),
        taints=tuple(_taints(item["spec"].get("taints") or ())),
        kubelet=str(item["status"].get("nodeInfo", {}).get("kubeletVersion", "")).removeprefix("v"),
        images=_images(item["status"].get("images")),
    )


def _images(items: list[Object] | None) -> frozenset[str] | None:
    if not items or len(items) >= _IMAGES:
        return None
    return frozenset(full_name(name) for image in items for name in image.get("names") or ())


def _taints(items: Iterable[Object]) -> Iterator[Taint]:
    for taint in items:
        if taint["key"] not in (CORDON, ROLLOUT_TAINT):
            yield Taint(taint["key"], taint.get("value", ""), taint["effect"])


def cilium_node(item: Object) -> CiliumNode:
    """A CiliumNode (cilium.io/v2). In multi-pool its pod CIDRs are what it has allocated from each pool."""
    error = item.get("status", {}).get("ipam", {}).get("operator-status", {}).get("error", "")
    ipam = item["spec"].get("ipam", {})
    own = tuple(_networks(ipam.get("podCIDRs") or []))
    allocated: list[dict[str, Any]] = ipam.get("pools", {}).get("allocated") or []
    listed: list[list[str]] = [pool.get("cidrs") or [] for pool in allocated]
    pooled = tuple(_networks(cidr for cidrs in listed for cidr in cidrs))
    return CiliumNode(item["metadata"]["name"], (*own, *pooled), str(error), pooled=bool(pooled) and not own)


def pods(items: Iterable[Object]) -> tuple[Pod, ...]:
    """Every v1 Pod that has a node and is not finished: a finished one keeps its address in the status alone."""
    return tuple(_pod(item) for item in items if item["spec"].get("nodeName") and not _finished(item))


def pending(items: Iterable[Object]) -> tuple[Pod, ...]:
    """Every v1 Pod that has no node yet."""
    return tuple(_pod(item) for item in items if not item["spec"].get("nodeName") and not _finished(item))


def _finished(item: Object) -> bool:
    return item.get("status", {}).get("phase") in _FINISHED


def _pod(item: Object) -> Pod:
    spec, meta = item["spec"], item["metadata"]
    address = item.get("status", {}).get("podIP")
    return Pod(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        node=spec.get("nodeName", ""),
        address=IPv4Address(address) if address and ":" not in address else None,
        owner=_owner(meta),
        host_network=bool(spec.get("hostNetwork")),
        ready=condition(item, "Ready"),
        terminating="deletionTimestamp" in meta,
        created=meta.get("creationTimestamp", ""),
        labels=meta.get("labels", {}),
        waiting_reason=_waiting_reason(item.get("status", {})),
        spec=spec,
        unscheduled=_message(item, "PodScheduled", "False"),
        finalizers=tuple(meta.get("finalizers") or ()),
        took=_took(item),
    )


def _took(item: Object) -> int:
    """Seconds from the start of the pod, or of its newest container if one has restarted, to ready."""
    status = member(item, "status")
    ready = [c for c in listed(status, "conditions") if c["type"] == "Ready" and c["status"] == "True"]
    containers = listed(status, "containerStatuses")
    begun = [str(status.get("startTime") or "")]
    if any(container.get("restartCount") for container in containers):
        begun = [str(member(container, "state", "running").get("startedAt") or "") for container in containers]
    if not ready or not ready[0].get("lastTransitionTime") or "" in begun:
        return 0
    passed = datetime.fromisoformat(ready[0]["lastTransitionTime"]) - max(map(datetime.fromisoformat, begun))
    seconds = int(passed.total_seconds())
    return seconds if 0 < seconds < _FLAPPED else 0


def _message(item: Object, kind: str, status: str) -> str:
    """The message of a condition that has this status; empty otherwise."""
    found: list[dict[str, Any]] = item.get("status", {}).get("conditions") or []
    return next((c.get("message") or kind for c in found if c["type"] == kind and c["status"] == status), "")


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
    kind, name = controller["kind"], controller["name"]
    if kind == "ReplicaSet" and name.endswith(suffix):
        return ("Deployment", name.removesuffix(suffix))
    group = controller.get("apiVersion", "v1").rpartition("/")[0]
    return (kind if group in _OWN_GROUPS else f"{kind}.{group}", name)


def of_a_deployment(item: Object) -> bool:
    """Whether a ReplicaSet is one version of a Deployment, which counts its pods as its own."""
    owners: list[dict[str, Any]] = item["metadata"].get("ownerReferences") or []
    return any(owner.get("controller") and owner["kind"] == "Deployment" for owner in owners)


def with_owners(pods: Iterable[Pod], workloads: Iterable[Workload]) -> tuple[Pod, ...]:
    """The pods, with the ReplicaSet as owner where it has lost its Deployment (`kubectl delete --cascade=orphan`)."""
    keys = {one.key for one in workloads}
    return tuple(_with_owner(pod, keys) for pod in pods)


def _with_owner(pod: Pod, keys: set[str]) -> Pod:
    if pod.owner is None or pod.owner[0] != "Deployment" or pod.group in keys:
        return pod
    name = f"{pod.owner[1]}-{pod.labels.get('pod-template-hash', '')}"
    return replace(pod, owner=("ReplicaSet", name)) if f"ReplicaSet {pod.namespace}/{name}" in keys else pod


def workload(kind: str, item: Object) -> Workload:
    """An apps/v1 Deployment, StatefulSet or ReplicaSet, or a v1 ReplicationController."""
    spec, status = item["spec"], item.get("status", {})
    replicas = int(spec.get("replicas", 1))
    seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
    # A Deployment counts the pods of its old version in `replicas` until they are gone.
    counts = {replicas, status.get("availableReplicas", 0), status.get("replicas", 0)}
    paused = bool(spec.get("paused"))
    if _replaces(kind, spec):
        counts.add(status.get("updatedReplicas", 0))
    return Workload(
        kind=kind,
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        replicas=replicas,
        ready=status.get("readyReplicas", 0),
        complete=seen and len(counts) == 1,
        surges=kind == "Deployment" and not paused and _surges(spec, replicas),
        template=_template(spec),
        failure=_message(item, "ReplicaFailure", "True"),
        unavailable=max(1, _unavailable(spec, replicas)) if kind == "Deployment" else 1,
        ordered=kind == "StatefulSet" and spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady",
        settling=int(spec.get("minReadySeconds") or 0),
        restarted=(restarted := _restarted(spec)),
        undo=_undo(item, restarted),
    )


def _restarted(spec: Mapping[str, Any]) -> str:
    return str(member(spec, "template", "metadata", "annotations").get(RESTARTED_KEY, ""))


def _undo(item: Mapping[str, Any], restarted: str) -> str | None:
    noted = member(item, "metadata", "annotations").get(RESTART_KEY)
    restart: dict[str, str] = json.loads(noted) if noted else {}
    return restart["before"] if restarted and restart.get("at") == restarted else None


def _template(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The template of its pods, with the volumes that a StatefulSet's controller adds: one for each claim."""
    template: Mapping[str, Any] = spec.get("template") or {}
    names = [member(claim, "metadata").get("name") for claim in listed(spec, "volumeClaimTemplates")]
    if not names:
        return template
    pod = member(template, "spec")
    kept = [volume for volume in listed(pod, "volumes") if volume.get("name") not in names]
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    return {**template, "spec": {**pod, "volumes": [*kept, *claimed]}}


def _replaces(kind: str, spec: Mapping[str, Any]) -> bool:
    """Whether its controller brings every pod to the newest version: else pods of an older one may stay for ever."""
    if kind == "Deployment":
        return not spec.get("paused")
    strategy = member(spec, "updateStrategy")
    partition = member(strategy, "rollingUpdate").get("partition", 0)
    return kind == "StatefulSet" and strategy.get("type", "RollingUpdate") == "RollingUpdate" and not partition


def _surges(spec: Mapping[str, Any], replicas: int) -> bool:
    strategy = spec.get("strategy", {})
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return False
    rolling: dict[str, str | int] = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    return surge > 0 and _unavailable(spec, replicas) == 0


def _unavailable(spec: Mapping[str, Any], replicas: int) -> int:
    """A Deployment's maxUnavailable, as a number of pods. The strategy Recreate would end all of them."""
    rolling = member(spec, "strategy", "rollingUpdate")
    return _share(rolling.get("maxUnavailable", "25%"), replicas, up=False)


def _share(value: str | int, of: int, *, up: bool) -> int:
    """A number or a percentage; Kubernetes rounds maxSurge up and maxUnavailable down."""
    if isinstance(value, int):
        return value
    part = int(value.removesuffix("%")) * of
    return -(-part // 100) if up else part // 100


def claims(claimed: Iterable[Object], volumes: Iterable[Object]) -> dict[str, Claim]:
    """By namespace/name, from v1 PersistentVolumeClaims and PersistentVolumes."""
    terms = {volume["metadata"]["name"]: _volume_terms(volume["spec"]) for volume in volumes}
    found: dict[str, Claim] = {}
    for item in claimed:
        key = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        spec = item["spec"]
        one_pod = "ReadWriteOncePod" in (spec.get("accessModes") or ())
        terminating = "deletionTimestamp" in item["metadata"]
        lost = member(item, "status").get("phase") == "Lost"
        found[key] = Claim(key, terms.get(spec.get("volumeName", "")), one_pod, terminating, lost)
    return found


def _volume_terms(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...] | None:
    required = member(spec, "nodeAffinity", "required")
    return tuple(listed(required, "nodeSelectorTerms")) if required else None


def leases(items: Iterable[Object]) -> frozenset[str]:
    """Names of the leases (coordination.k8s.io/v1) that are renewed, by the newest of them: every node renews one."""
    renewed = [
        (datetime.fromisoformat(item["spec"]["renewTime"]), str(item["metadata"]["name"]))
        for item in items
        if member(item, "spec").get("renewTime")
    ]
    newest = max((at for at, _ in renewed), default=None)
    return frozenset(name for at, name in renewed if newest and newest - at < _SILENT)


def service(item: Object) -> Service | None:
    """A v1 Service with a traffic policy Local; None for any other, and for one without a selector."""
    spec = item["spec"]
    local = tuple(name for name in ("externalTrafficPolicy", "internalTrafficPolicy") if spec.get(name) == "Local")
    if not local or not spec.get("selector"):
        return None
    return Service(item["metadata"]["namespace"], item["metadata"]["name"], spec["selector"], local)


def budget(item: Object) -> Budget:
    """A policy/v1 PodDisruptionBudget."""
    status = item.get("status", {})
    meta = item["metadata"]
    return Budget(
        meta["namespace"],
        meta["name"],
        status.get("expectedPods", 0),
        status.get("desiredHealthy", 0),
        item.get("spec", {}).get("selector"),
        next((one.get("message", "") for one in listed(status, "conditions") if one.get("reason") == "SyncFailed"), ""),
    )


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


def revision(daemon_set: Object | None, revisions: Iterable[Object]) -> str:
    """The name of the newest template of a DaemonSet, by which its controller labels the pods that it makes of it.

    Empty where there is none, or where the controller has not seen the newest one (ControllerRevision.revision counts
    up, also when an earlier template comes back).
    """
    if daemon_set is None:
        return ""
    meta = daemon_set["metadata"]
    if daemon_set.get("status", {}).get("observedGeneration", 0) < meta["generation"]:
        return ""
    uid = meta["uid"]
    found = [one for one in revisions if any(o["uid"] == uid for o in listed(one, "metadata", "ownerReferences"))]
    newest = max(found, key=lambda one: int(one["revision"]), default=None)
    return str(newest["metadata"]["labels"][REVISION_LABEL]) if newest else ""


def release(secrets: Iterable[Object]) -> Release | None:
    """The newest of Helm's records of one release: JSON, packed (helm.sh/helm/v3, pkg/storage/driver/util.go).

    Raises ValueError or KeyError if it is not one.
    """
    newest = max(secrets, key=lambda one: int(one["metadata"]["labels"]["version"]), default=None)
    if newest is None:
        return None
    packed = base64.b64decode(base64.b64decode(newest["data"]["release"]))
    record: dict[str, Any] = json.loads(gzip.decompress(packed))
    return Release(str(record["chart"]["metadata"]["version"]), record.get("config") or {})


def _networks(texts: Iterable[str]) -> Iterator[IPv4Network]:
    return (IPv4Network(text) for text in texts if text and ":" not in text)
