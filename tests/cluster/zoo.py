"""Ordinary workloads of every kind, and what becomes of each in a migration: docs/workloads.md is made from them.

python3 -m tests.cluster.zoo > docs/workloads.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cilium_lab.config.versions import own_image

NAMESPACE = "zoo"
_QUOTA = "zoo-quota"
PAUSED = "paused"
"""The Deployment that the test pauses when it has its pods."""
CONTROLLED = "controlled"
"""The pod and the ConfigMap that the test makes its owner: a kind that re-creates nothing."""
LIMITED = "zoo-limits"
LOST = "cilium-lab-tests/lost"
"""The label that one node has until its pod runs."""
HOST = "kubernetes.io/hostname"
Manifest = dict[str, Any]


class Outcome(StrEnum):
    MOVES = "moves; others, or its successor, serve meanwhile"
    MISSED = "moves, and is away meanwhile"
    IN_PLACE = "is re-created in place"
    BARE = "is deleted and re-created in place, for migration.recreate names it"
    WAITED = "is waited for"
    NOTED = "is noted, and not waited for"


MOVED = (Outcome.MOVES, Outcome.MISSED)


@dataclass(frozen=True)
class Kind:
    """A kind of workload: its manifests, the first of which makes the pods, and its outcome."""

    name: str
    what: str
    outcome: Outcome
    manifests: tuple[Manifest, ...]

    @property
    def namespace(self) -> str:
        return str(self.manifests[0]["metadata"]["namespace"])


def _meta(name: str, namespace: str = NAMESPACE, **more: Any) -> Manifest:
    return {"name": name, "namespace": namespace, **more}


def _container(*command: str, **more: Any) -> Manifest:
    return {
        "name": "main",
        "image": own_image("debug"),
        "imagePullPolicy": "IfNotPresent",
        "command": list(command or ("sleep", "100000")),
        "resources": {"requests": {"cpu": "2m", "memory": "4Mi"}},
        **more,
    }


def _template(name: str, container: Manifest | None = None, **spec: Any) -> Manifest:
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container or _container()], **spec}
    return {"metadata": {"labels": {"app": name}}, "spec": pod}


def _apps(kind: str, name: str, template: Manifest, namespace: str = NAMESPACE, **spec: Any) -> Manifest:
    selector = {"matchLabels": {"app": name}}
    if kind == "StatefulSet":
        spec.setdefault("serviceName", name)
    body = {"selector": selector, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": _meta(name, namespace), "spec": body}


def _deployment(name: str, container: Manifest | None = None, *, pod: Manifest | None = None, **spec: Any) -> Manifest:
    return _apps("Deployment", name, _template(name, container, **(pod or {})), **spec)


def _claim(name: str) -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "4Mi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _meta(name), "spec": spec}


def _budget(name: str, app: str, **spec: Any) -> Manifest:
    body = {"selector": {"matchLabels": {"app": app}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": _meta(name), "spec": body}


def _with_volume(name: str) -> Manifest:
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}


_MOUNT = _container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
_CRASH = _container("sh", "-c", "exit 1")
_SELF = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["apart"]}]}
_FULL = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": _meta("full", _QUOTA),
    "spec": {"hard": {"pods": "1"}},
}


def _require(kind: str, **term: Any) -> Manifest:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": HOST, **term}]}}


def _among(*nodes: str) -> Manifest:
    term = {"matchExpressions": [{"key": HOST, "operator": "In", "values": list(nodes)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _requesting(cpu: str) -> Manifest:
    return {**_container(), "resources": {"requests": {"cpu": cpu}}}


def _job(name: str, seconds: int) -> Manifest:
    template = _template(name, _container("sleep", str(seconds)), restartPolicy="Never")
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": _meta(name), "spec": spec}


def _config_map(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(name)}


_APART = _require("podAntiAffinity", labelSelector=_SELF)
_APART_FILLER = _require("podAntiAffinity", labelSelector={"matchLabels": {"app": "filler"}})
_BESIDE = _require("podAffinity", labelSelector={"matchLabels": {"app": "daemon"}})
_LOCAL = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": _meta("local-service"),
    "spec": {
        "type": "NodePort",
        "externalTrafficPolicy": "Local",
        "selector": {"app": "local-service"},
        "ports": [{"port": 80}],
    },
}
_POLITE = {
    "apiVersion": "scheduling.k8s.io/v1",
    "kind": "PriorityClass",
    "metadata": {"name": "zoo-polite"},
    "value": 1000,
    "preemptionPolicy": "Never",
}


def _pod(name: str) -> Manifest:
    meta = _meta(name, labels={"app": name})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": _template(name)["spec"]}


def _spread(name: str, when: str) -> Manifest:
    rule = {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": when}
    return {"topologySpreadConstraints": [{**rule, "labelSelector": {"matchLabels": {"app": name}}}]}


KINDS = (
    Kind("surging", "Deployment with one replica that surges", Outcome.MOVES, (_deployment("surging"),)),
    Kind(
        "recreate",
        "Deployment with one replica and the strategy Recreate",
        Outcome.MISSED,
        (_deployment("recreate", strategy={"type": "Recreate"}),),
    ),
    Kind(PAUSED, "paused Deployment", Outcome.MISSED, (_deployment(PAUSED),)),
    Kind(
        "budgets",
        "Deployment with two disruption budgets",
        Outcome.MOVES,
        (
            _deployment("budgets", replicas=2),
            _budget("budgets-a", "budgets", maxUnavailable=1),
            _budget("budgets-b", "budgets", minAvailable=1),
        ),
    ),
    Kind("slow", "Deployment that takes 15 s to be ready", Outcome.MOVES, (
        _deployment("slow", _container(readinessProbe={"exec": {"command": ["true"]}, "initialDelaySeconds": 15})),
    )),
    Kind("init", "Deployment whose init container requests most", Outcome.MOVES, (
        _deployment("init", pod={"initContainers": [
            {**_container("true"), "name": "first", "resources": {"requests": {"cpu": "120m"}}}
        ]}),
    )),
    Kind("evenly", "Deployment that prefers to be spread over nodes", Outcome.MOVES, (
        _deployment("evenly", replicas=3, pod=_spread("evenly", "ScheduleAnyway")),
    )),
    Kind("quota", "Deployment in a namespace whose quota is used up", Outcome.MISSED, (
        _deployment("quota", namespace=_QUOTA),
        _FULL,
    )),
    Kind("replicaset", "ReplicaSet without a Deployment", Outcome.MISSED, (
        _apps("ReplicaSet", "replicaset", _template("replicaset"), replicas=1),
    )),
    Kind("controller", "ReplicationController", Outcome.MOVES, (
        {"apiVersion": "v1", "kind": "ReplicationController", "metadata": _meta("controller"),
         "spec": {"replicas": 2, "selector": {"app": "controller"}, "template": _template("controller")}},
    )),
    Kind("stateful", "StatefulSet without volumes", Outcome.MISSED, (
        _apps("StatefulSet", "stateful", _template("stateful"), replicas=1),
    )),
    Kind("on-delete", "StatefulSet with the update strategy OnDelete", Outcome.MOVES, (
        _apps("StatefulSet", "on-delete", _template("on-delete"), replicas=2, updateStrategy={"type": "OnDelete"}),
    )),
    Kind("partition", "StatefulSet whose update stops at a partition", Outcome.MOVES, (
        _apps("StatefulSet", "partition", _template("partition"), replicas=2,
              updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}),
    )),
    Kind("several", "Deployment with eight replicas, two of which may be missing", Outcome.MOVES, (
        _deployment("several", replicas=8),
    )),
    Kind("scratch", "Deployment with an emptyDir, whose content is lost", Outcome.MOVES, (
        _deployment("scratch", _MOUNT, pod={"volumes": [{"name": "data", "emptyDir": {}}]}),
    )),
    Kind("sidecar", "Deployment with a sidecar container", Outcome.MOVES, (
        _deployment("sidecar", pod={"initContainers": [{**_container(), "name": "side", "restartPolicy": "Always"}]}),
    )),
    Kind("workers", "Deployment whose node affinity names the workers", Outcome.MOVES, (
        _deployment("workers", replicas=2, pod={"affinity": _among("k8s-w1", "k8s-w2")}),
    )),
    Kind("beside", "Deployment whose affinity wants a pod of the DaemonSet beside it", Outcome.MOVES, (
        _deployment("beside", pod={"affinity": _BESIDE}),
    )),
    Kind("patient", "Deployment that takes its grace period of 8 s to end", Outcome.MOVES, (
        _deployment("patient", _container("sh", "-c", "trap '' TERM; while :; do sleep 1; done"),
                    pod={"terminationGracePeriodSeconds": 8}),
    )),
    Kind("local-service", "Deployment behind a Service with externalTrafficPolicy Local", Outcome.MOVES, (
        _deployment("local-service"), _LOCAL,
    )),
    Kind("priority", "Deployment of a higher priority that ends nobody", Outcome.MOVES, (
        _deployment("priority", pod={"priorityClassName": "zoo-polite"}), _POLITE,
    )),
    Kind("volume", "Deployment on a volume of its node, Recreate", Outcome.IN_PLACE, (
        _deployment("volume", _MOUNT, pod=_with_volume("volume"), strategy={"type": "Recreate"}), _claim("volume"),
    )),
    Kind("volume-surging", "the same, surging", Outcome.IN_PLACE, (
        _deployment("volume-surging", _MOUNT, pod=_with_volume("volume-surging")), _claim("volume-surging"),
    )),
    Kind("claims", "StatefulSet with volume claims", Outcome.IN_PLACE, (
        _apps("StatefulSet", "claims", _template("claims", _MOUNT), replicas=2, podManagementPolicy="Parallel",
              volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": _claim("data")["spec"]}]),
    )),
    Kind("pinned", "Deployment bound to one node by its node selector", Outcome.IN_PLACE, (
        _deployment("pinned", replicas=2, pod={"nodeSelector": {HOST: "k8s-w1"}}),
    )),
    Kind("host-port", "Deployment with a host port, a replica for each node", Outcome.IN_PLACE, (
        _deployment("host-port", _container(ports=[{"containerPort": 8081, "hostPort": 18081}]), replicas=3,
                    strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
    )),
    Kind("apart", "Deployment whose anti-affinity wants a node for each replica", Outcome.IN_PLACE, (
        _deployment("apart", replicas=3, pod={"affinity": _APART},
                    strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
    )),
    Kind("strictly", "Deployment that has to be spread over nodes", Outcome.IN_PLACE, (
        _deployment("strictly", replicas=3, pod=_spread("strictly", "DoNotSchedule")),
    )),
    Kind("large", "Deployment whose pods have capacity only once on a node", Outcome.IN_PLACE, (
        _deployment("large", _requesting("900m"), replicas=3,
                    strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
    )),
    Kind("daemon", "DaemonSet", Outcome.IN_PLACE, (_apps("DaemonSet", "daemon", _template("daemon")),)),
    Kind("tolerant", "DaemonSet that tolerates every taint", Outcome.IN_PLACE, (
        _apps("DaemonSet", "tolerant", _template("tolerant", tolerations=[{"operator": "Exists"}])),
    )),
    Kind("bare", "bare pod", Outcome.BARE, (_pod("bare"),)),
    Kind(CONTROLLED, "pod of an operator's own kind", Outcome.BARE, (_pod(CONTROLLED), _config_map(CONTROLLED))),
    Kind("job", "Job at work", Outcome.WAITED, (_job("job", 45),)),
    Kind("cron", "CronJob whose Jobs start every minute", Outcome.WAITED, (
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": _meta("cron"),
         "spec": {"schedule": "* * * * *", "successfulJobsHistoryLimit": 99, "failedJobsHistoryLimit": 99,
                  "jobTemplate": {"spec": _job("cron", 10)["spec"]}}},
    )),
    Kind("crashing", "Deployment whose only pod crashes", Outcome.NOTED, (_deployment("crashing", _CRASH),)),
    Kind("crashing-daemon", "DaemonSet whose pods crash", Outcome.NOTED, (
        _apps("DaemonSet", "crashing-daemon", _template("crashing-daemon", _CRASH)),
    )),
    Kind("secret", "Deployment that waits for a Secret", Outcome.NOTED, (
        _deployment("secret", _MOUNT, pod={"volumes": [{"name": "data", "secret": {"secretName": "not-there"}}]}),
    )),
    Kind("nowhere", "Deployment that no node may run", Outcome.NOTED, (
        _deployment("nowhere", pod={"nodeSelector": {"disk": "none"}}),
    )),
    Kind("unready", "Deployment that is never ready, with a disruption budget", Outcome.NOTED, (
        _deployment("unready", _container(readinessProbe={"exec": {"command": ["false"]}})),
        _budget("unready", "unready", minAvailable="50%"),
    )),
)  # fmt: skip
_LONG = (
    "slow", "init", "evenly", "replicaset", "controller", "on-delete", "partition", "several", "scratch", "sidecar",
    "patient", "volume-surging", "claims", "host-port", "strictly", "large", "cron", "crashing-daemon", "secret",
    "nowhere",
)  # fmt: skip
"""Kinds that only long runs have: of each outcome there is another one, and 60 pods keep two slow cores busy."""


def kinds(*, every: bool) -> tuple[Kind, ...]:
    """Those that are migrated together."""
    return tuple(kind for kind in KINDS if every or kind.name not in _LONG)


POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": _meta("same-namespace-only"),
    "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]},
}


@dataclass(frozen=True)
class Forbidding:
    """Something that forbids a migration, and the words by which it is refused."""

    what: str
    words: str
    manifests: tuple[Manifest, ...] = ()


FORBIDDING = (
    Forbidding(
        "bare pod that migration.recreate does not name",
        "it has no controller, so nothing re-creates it",
        (_pod("lonely"),),
    ),
    Forbidding(
        "pod of an operator's own kind that it does not name",
        "nobody knows whether that re-creates it",
        (_pod(CONTROLLED), _config_map(CONTROLLED)),
    ),
    Forbidding(
        "disruption budget that never allows an eviction",
        "zoo/never requires 2 of 2 pods healthy, so none of them may ever move",
        (_deployment("never", replicas=2), _budget("never", "never", maxUnavailable=0)),
    ),
    Forbidding(
        "disruption budget over pods that are re-created in place together",
        "zoo/together requires 1 of 2 pods healthy, and 2 of them can only be re-created in place, together",
        (
            _deployment("together", replicas=2, pod={"nodeSelector": {HOST: "k8s-w1"}}),
            _budget("together", "together", minAvailable=1),
        ),
    ),
    Forbidding(
        "pod that would end others by its priority",
        "by its priority 1000 it would end zoo/filler-",
        (
            {**_POLITE, "metadata": {"name": "zoo-rude"}, "preemptionPolicy": "PreemptLowerPriority"},
            _deployment("filler", _requesting("1000m"), replicas=2, pod={
                "affinity": {**_APART_FILLER, **_among("k8s-cp", "k8s-w2")}
            }),
            _deployment("rude", _requesting("950m"), pod={"priorityClassName": "zoo-rude"},
                        strategy={"type": "Recreate"}),
        ),
    ),
    Forbidding(
        "pod that no node would run any more",
        "no node may run it any more",
        (_deployment("lost", pod={"nodeSelector": {LOST: "here"}}),),
    ),
    Forbidding(
        "pod that the API server would not admit again",
        "the API server admits no further pod of Deployment zoo-limits/denied",
        (_deployment("denied", _requesting("60m"), namespace=LIMITED),),
    ),
    Forbidding("Job at work, where migration.jobs is refuse", "its work would be lost", (_job("busy", 3000),)),
    Forbidding("static pod on the pod network", "the kubelet runs it from a static manifest"),
)  # fmt: skip
LIMIT = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": _meta("small", LIMITED),
    "spec": {"limits": [{"type": "Container", "max": {"cpu": "50m"}, "defaultRequest": {"cpu": "1m"}}]},
}
"""Comes after the pods that it would not admit."""


def manifests(chosen: Iterable[Kind]) -> list[Manifest]:
    """All of theirs, their namespaces first."""
    spaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (NAMESPACE, _QUOTA)]
    return [*spaces, POLICY, *(manifest for kind in chosen for manifest in kind.manifests)]


def table() -> str:
    """docs/workloads.md."""
    rows = "".join(f"| {kind.what} | {kind.outcome} |\n" for kind in KINDS)
    refused = "".join(f"| {one.what} | refused: \u201c{one.words}\u201d |\n" for one in FORBIDDING)
    return f"""<!-- Made by tests/cluster/zoo.py; change it there. -->
# What a migration does to workloads

Each of these runs in `tests/cluster` while the cluster is migrated there and back, with a kill on each way, beside a
NetworkPolicy for its own namespace alone: half of them in `./lab test`, all of them in `./lab test long`. The test
holds the preview and what became of every pod against this table, and prints for how long each workload had no ready
pod.

| workload | outcome |
| --- | --- |
{rows}
These forbid a migration. The test has all of them at once: the preview and `pulumi up` name each with its remedy, and
no object of the cluster is another one afterwards.

| workload | outcome |
| --- | --- |
{refused}"""


def outcome(kind: Kind, before: Mapping[str, tuple[str, bool]], after: Mapping[str, tuple[str, bool]]) -> str:
    """What is wrong with the pods of a kind, empty if nothing is: uid -> node and whether ready, before and after."""
    was, now = (
        sorted(node for node, ready in before.values() if ready),
        [node for node, ready in after.values() if ready],
    )
    if kind.outcome is Outcome.NOTED:
        return "" if not was and not now else f"ready on {was}, then on {now}"
    if kind.outcome is Outcome.WAITED:
        gone = sorted(before.keys() - after.keys())
        return f"ended before their time: {gone}" if gone else ""
    if before.keys() & after.keys():
        return f"the same pods as before: {sorted(before.keys() & after.keys())}"
    if len(now) != len(was) or not now:
        return f"ready on {was}, then on {now}"
    if kind.outcome not in MOVED and sorted(now) != was:
        return f"on {was}, then on {sorted(now)}"
    return ""


if __name__ == "__main__":
    sys.stdout.write(table())
