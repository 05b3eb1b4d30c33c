"""The API of a simulated cluster: paths and scripts to state and back; a run can be killed at any change."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import Any, cast

from cilium_lab.kube.client import ApiError
from tests.helpers.simulated_cluster import NODES, Deployment, Pod, SimulatedCluster, template

MARK = "=====cilium-lab====="


def stamp(seconds: float) -> str:
    """A moment of the simulation as the API writes it, to the second."""
    minute, second = divmod(int(seconds), 60)
    return f"2026-01-01T{minute // 60:02}:{minute % 60:02}:{second:02}Z"


class Killed(BaseException):
    """The program was killed here."""


class SimulatedApi:
    """`kill_at` counts changes; the run is killed at that one, before or (`after`) after it, and stays dead.

    With an `error` that is raised there instead, and the API works on.
    """

    def __init__(
        self,
        cluster: SimulatedCluster,
        kill_at: int | None = None,
        *,
        after: bool = False,
        error: BaseException | None = None,
    ) -> None:
        self.cluster = cluster
        self.changes: list[str] = []
        self._kill_at = kill_at
        self._after = after
        self._error = error
        self._dead = False

    def _die(self) -> None:
        if self._error is not None:
            raise self._error
        self._dead = True
        raise Killed

    def _live(self) -> None:
        if self._dead:
            raise Killed

    # -- observations ---------------------------------------------------------------------------------------------

    def get(self, path: str) -> dict[str, Any]:
        self._live()
        cluster = self.cluster
        if path.startswith("/api/v1/namespaces/kube-system/configmaps/"):
            return self._config_map(path.rpartition("/")[2])
        if match := re.fullmatch(r"/api/v1/nodes/([^/]+)", path):
            return self._node(match[1])
        if match := re.fullmatch(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)", path):
            return self._pod(self._find(match[1], match[2]))
        if path == "/apis/apps/v1/namespaces/kube-system/daemonsets/cilium":
            meta = {"name": "cilium", "uid": "agents", "generation": 1}
            return {"metadata": meta, "status": {"observedGeneration": 1}}
        lists: dict[str, Callable[[], Any]] = {
            "/apis/apps/v1/namespaces/kube-system/controllerrevisions?labelSelector=k8s-app%3Dcilium": lambda: [
                {
                    "metadata": {
                        "labels": {"controller-revision-hash": cluster.revision()},
                        "ownerReferences": [{"uid": "agents"}],
                    },
                    "revision": 1,
                }
            ],
            "/api/v1/namespaces/kube-system/secrets?labelSelector=owner%3Dhelm%2Cname%3Dcilium%2Cstatus%3Ddeployed": (
                lambda: [helm_record(cluster.helm)] if cluster.helm else []
            ),
            "/api/v1/nodes": lambda: [self._node(name) for name in cluster.nodes],
            "/api/v1/pods": lambda: [self._pod(pod) for pod in cluster.pods.values()],
            "/apis/cilium.io/v2/ciliumnodes": lambda: [self._cilium_node(name) for name in cluster.nodes],
            "/apis/cilium.io/v2/ciliumendpoints": lambda: [
                e for pod in cluster.pods.values() if (e := self._endpoint(pod))
            ],
            "/apis/apps/v1/deployments": lambda: self._workloads("Deployment"),
            "/apis/apps/v1/statefulsets": list,
            "/apis/apps/v1/replicasets": lambda: self._workloads("ReplicaSet"),
            "/apis/apps/v1/daemonsets": list,
            "/api/v1/replicationcontrollers": lambda: self._workloads("ReplicationController"),
            "/api/v1/persistentvolumeclaims": list,
            "/api/v1/persistentvolumes": list,
            "/api/v1/namespaces": list,
            "/api/v1/services": list,
            "/apis/coordination.k8s.io/v1/leases": list,
            "/apis/networking.k8s.io/v1/networkpolicies": list,
            "/apis/cilium.io/v2/ciliumnetworkpolicies": list,
            "/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies": list,
            "/apis/policy/v1/poddisruptionbudgets": lambda: cluster.budgets,
            "/apis/discovery.k8s.io/v1/endpointslices": lambda: [self._slice(d) for d in cluster.deployments],
        }
        return {"items": lists[path]()}

    def text(self, path: str) -> str:
        self._live()
        pod = self._find(path.split("/")[4], path.split("/")[6])
        # Since 1.19 there is no such line (operator/cmd/cilium_node.go)
        early = int(self.cluster.release.split(".")[1]) < 19
        read = "CiliumNodes caches synced with Kubernetes" if early else "Leading the operator HA deployment"
        said = read if self.cluster.is_ready(pod) else "starting"
        return f'last line of {pod.name}\n{said}\nlevel=debug msg="chatter of {pod.name}"\n'

    def execute(self, namespace: str, pod: str, container: str, script: str) -> str:
        self._live()
        found = self._find(namespace, pod)
        if not self.cluster.is_ready(found):
            raise ApiError(f"exec {pod}", 0, "container not found")
        return self._canary(found, script) if container == "canary" else self._agent(found.node)

    def _agent(self, node: str) -> str:
        mode, pod_cidr = self.cluster.running[node]
        routes = [
            {"dst": cidr, "gateway": NODES[peer], "dev": "ens160"}
            for peer, pod_cidrs in self.cluster.pod_cidrs.items() if peer != node for cidr in pod_cidrs
        ]  # fmt: skip
        of = "" if mode == "multi-pool" else f"/254 allocated from {pod_cidr}"
        status = {"ipam": {"status": f"IPv4: 3{of}, "}}
        drops = [{"reason": r, "packets": n, "direction": "ingress"} for r, n in self.cluster.drops.items()]
        sections = [
            status,
            mode,
            [{"dst": "default", "gateway": "172.31.0.2"}, *routes],
            self.cluster.maps[node],
            drops,
        ]
        return f"\n{MARK}\n".join(text if isinstance(text, str) else json.dumps(text) for text in sections)

    def _canary(self, pod: Pod, script: str) -> str:
        code = "200" if self.cluster.canary_reaches else "000"
        pages = [f"page {url} {code}" for url in re.findall(r"page (\S+) \$r", script)]
        names = [f"name {name} 10.96.0.10" for name in re.findall(r"name (\S+) \$\{r", script)]
        echoes = [f"echo {a} RemoteAddr: {pod.address}:4711" for a in re.findall(r"echo ([\d.]+) \$\{r", script)]
        return "\n".join([*pages, *names, *echoes])

    # -- changes ---------------------------------------------------------------------------------------------------

    def send(self, method: str, path: str, body: Any = None, kind: str = "") -> dict[str, Any]:
        self._live()
        if "dryRun=All" in path:
            labels = cast(dict[str, Any], body)["metadata"].get("labels", {})
            if any(d.quota and d.labels.items() <= labels.items() for d in self.cluster.deployments):
                used = "requested: pods=1, used: pods=1, limited: pods=1"
                raise ApiError(path, 403, f'pods "x" is forbidden: exceeded quota: q, {used}')
            return {}
        self.changes.append(f"{method} {path}")
        dies = len(self.changes) == self._kill_at
        if dies and not self._after:
            self._die()
        self._change(method, path.partition("?")[0], body, path)
        if dies:
            self._die()
        return {}

    def _change(self, method: str, path: str, body: Any, whole: str) -> None:
        cluster, names = self.cluster, path.split("/")
        if path.startswith("/api/v1/nodes/"):
            if "unschedulable" in body["spec"]:
                cluster.nodes[names[4]]["cordoned"] = bool(body["spec"]["unschedulable"])
            if "taints" in body["spec"]:
                cluster.nodes[names[4]]["taints"] = body["spec"]["taints"]
        elif path.endswith("/status"):
            cluster.errors[names[5]] = ""
        elif path.startswith("/apis/cilium.io/v2/ciliumnodes/"):
            cluster.write_pod_cidrs(names[5], body["spec"]["ipam"]["podCIDRs"])
        elif names[5] == "configmaps":
            if method == "DELETE":
                self._config_map(names[6])
                del cluster.config_maps[names[6]]
            else:
                cluster.config_maps[names[6]] = body
        elif path.endswith("/eviction"):
            self._evict(self._find(names[4], names[6]))
        elif path.startswith("/apis/apps/v1/"):
            deployment = next(d for d in cluster.deployments if d.name == names[7])
            (value,) = body["spec"]["template"]["metadata"]["annotations"].values()
            deployment.stamp = value or ""
            deployment.noted = body["metadata"]["annotations"]["cilium-lab/restart"] or ""
        elif method == "DELETE":
            cluster.end(self._find(names[4], names[6], body["preconditions"]["uid"]))
        elif "spec" in body:
            self._apply(names[4], names[6], body, whole)
        else:
            cluster.maps = {name: list(cluster.masquerade) for name in cluster.nodes}

    def _evict(self, pod: Pod) -> None:
        for budget in self.cluster.budgets:
            held = budget.get("held") or self._healthy(budget) <= budget["status"]["desiredHealthy"]
            if selects(budget, pod) and held:
                said = "Cannot evict pod as it would violate the pod's disruption budget."
                raise ApiError("evict", 429, said, ("DisruptionBudget",))
        self.cluster.end(pod)

    def _healthy(self, budget: dict[str, Any]) -> int:
        return sum(self.cluster.is_ready(pod) and selects(budget, pod) for pod in self.cluster.pods.values())

    def _apply(self, namespace: str, name: str, body: Any, whole: str) -> None:
        key = f"{namespace}/{name}"
        if key in self.cluster.pods:
            return
        manager = whole.partition("fieldManager=")[2].partition("&")[0]
        pod = Pod(namespace, name, body["spec"]["nodeName"], f"uid-{key}-{self.cluster.now}", manager=manager)
        pod.labels, pod.spec, pod.ready_at = body["metadata"].get("labels", {}), body["spec"], self.cluster.now + 2
        if "canary" in name and not self.cluster.canary_pulls:
            pod.ready_at, pod.waiting_reason = float("inf"), "ErrImagePull"
        self.cluster.add_pod(pod)

    # -- objects ---------------------------------------------------------------------------------------------------

    def _find(self, namespace: str, name: str, uid: str | None = None) -> Pod:
        pod = self.cluster.pods.get(f"{namespace}/{name}")
        if pod is None:
            raise ApiError(name, 404, "not found")
        if uid is not None and pod.uid != uid:
            raise ApiError(name, 409, "the UID in the precondition does not match")
        return pod

    def _config_map(self, name: str) -> dict[str, Any]:
        if name == "cilium-config":
            meta = {"managedFields": [{"manager": "helm", "time": stamp(self.cluster.config_changed)}]}
            return {"metadata": meta, "data": self.cluster.config}
        if name == "kubeadm-config" and self.cluster.kubeadm:
            return {"data": {"ClusterConfiguration": f"kubernetesVersion: v{self.cluster.kubeadm}\n"}}
        if name not in self.cluster.config_maps:
            raise ApiError(name, 404, "not found")
        return self.cluster.config_maps[name]

    def _node(self, name: str) -> dict[str, Any]:
        node = self.cluster.nodes[name]
        labels = {"kubernetes.io/hostname": name}
        labels |= {"node-role.kubernetes.io/control-plane": ""} if name == "k8s-cp" else {}
        return {
            "metadata": {"name": name, "labels": labels, "resourceVersion": "1"},
            "spec": {"podCIDRs": [node["pod_cidr"]], "unschedulable": node["cordoned"], "taints": node.get("taints")},
            "status": {
                "addresses": [{"type": "InternalIP", "address": NODES[name]}],
                "conditions": [{"type": "Ready", "status": str(node["ready"])}],
                "allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"},
                "nodeInfo": {"kubeletVersion": f"v{release}"} if (release := self.cluster.kubelets.get(name)) else {},
            },
        }

    def _cilium_node(self, name: str) -> dict[str, Any]:
        error = {"operator-status": {"error": self.cluster.errors[name]}} if self.cluster.errors[name] else {}
        cidrs = self.cluster.pod_cidrs[name]
        spec: dict[str, Any] = {"ipam": {"podCIDRs": cidrs}}
        if name in self.cluster.pooled:
            spec = {"ipam": {"pools": {"allocated": [{"pool": "default", "cidrs": cidrs}]}}}
        return {"metadata": {"name": name}, "spec": spec, "status": {"ipam": error}}

    def _pod(self, pod: Pod) -> dict[str, Any]:
        meta: dict[str, Any] = {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid, "labels": pod.labels}
        meta["creationTimestamp"] = stamp(pod.created)
        if pod.owner:
            meta["ownerReferences"] = [{"kind": pod.owner[0], "name": pod.owner[1], "controller": True}]
        if pod.gone_at is not None:
            meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        fields = {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:name": {}, "f:image": {}}}}}
        labels = {"f:metadata": {"f:labels": {f"f:{name}": {} for name in pod.labels}}}
        meta["managedFields"] = [{"manager": pod.manager, "operation": "Apply", "fieldsV1": {**fields, **labels}}]
        containers = [{"name": "main", "image": "tools:1", "terminationMessagePath": "/dev/termination-log"}]
        if pod.owner == ("Deployment", "cilium-operator"):
            image = f"quay.io/cilium/operator-generic:v{self.cluster.release}"
            containers = [{"name": "cilium-operator", "image": image}]
        if part := pod.labels.get("component"):
            containers = [{"name": part, "image": f"registry.k8s.io/{part}:v{self.cluster.components[part]}"}]
        spec = {**pod.spec, "hostNetwork": pod.host, "containers": containers}
        if pod.node:
            spec["nodeName"] = pod.node
        ready = [{"type": "Ready", "status": str(self.cluster.is_ready(pod))}]
        if not pod.node:
            said = "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) did not match."
            ready.append({"type": "PodScheduled", "status": "False", "message": said})
        waiting = [{"state": {"waiting": {"reason": pod.waiting_reason}}}] if pod.waiting_reason else []
        status = {
            "phase": "Running",
            "conditions": ready,
            "containerStatuses": waiting,
            **({"podIP": str(pod.address)} if pod.address else {}),
        }
        return {"metadata": meta, "spec": spec, "status": status}

    def _endpoint(self, pod: Pod) -> dict[str, Any] | None:
        if pod.host or pod.address is None or not pod.endpoint:
            return None
        networking = {"addressing": [{"ipv4": str(pod.address)}]}
        status = {"state": "ready", "networking": networking}
        return {"metadata": {"name": pod.name, "namespace": pod.namespace}, "status": status}

    def _workloads(self, kind: str) -> list[dict[str, Any]]:
        return [self._deployment(d) for d in self.cluster.deployments if d.kind == kind]

    def _deployment(self, d: Deployment) -> dict[str, Any]:
        live = [pod for pod in self.cluster.pods_of(d) if pod.gone_at is None]
        ready = sum(self.cluster.is_ready(pod) for pod in live)
        updated = sum(pod.labels["stamp"] == d.stamp for pod in live)
        rolling = {"maxSurge": "25%", "maxUnavailable": d.max_unavailable}
        denied = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"}
        stuck = d.quota and d.kind == "Deployment" and updated < len(live) == d.replicas
        return {
            "metadata": {
                "name": d.name, "namespace": d.namespace, "generation": d.generation,
                "annotations": {"cilium-lab/restart": d.noted} if d.noted else {},
            },
            "spec": {
                "replicas": d.replicas,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
                "template": {
                    "metadata": {
                        "labels": d.labels,
                        "annotations": {"kubectl.kubernetes.io/restartedAt": d.stamp} if d.stamp else {},
                    },
                    "spec": template(d),
                },
            },
            "status": {
                "observedGeneration": d.generation, "replicas": len(live), "readyReplicas": ready,
                "availableReplicas": ready, "updatedReplicas": updated,
                "conditions": [denied] if stuck else [],
            },
        }  # fmt: skip

    def _slice(self, d: Deployment) -> dict[str, Any]:
        service = "kube-dns" if d.name == "coredns" else d.name
        pods = self.cluster.pods_of(d)
        ends = [{"addresses": [str(p.address)], "conditions": {"ready": self.cluster.is_ready(p)}} for p in pods]
        labels = {"kubernetes.io/service-name": service}
        meta = {"name": f"{service}-x", "namespace": d.namespace, "labels": labels}
        return {"metadata": meta, "addressType": "IPv4", "endpoints": ends}


def helm_record(values: dict[str, Any], chart: str = "1.0.0", version: int = 1) -> dict[str, Any]:
    """A Secret as Helm writes it: base64 by Helm, and once more by the API."""
    record = json.dumps({"chart": {"metadata": {"version": chart}}, "config": values}).encode()
    packed = base64.b64encode(base64.b64encode(gzip.compress(record))).decode()
    return {"metadata": {"labels": {"version": str(version)}}, "data": {"release": packed}}


def selects(budget: dict[str, Any], pod: Pod) -> bool:
    """Whether a budget counts the pod; one without a selector counts all of its namespace."""
    labels = budget.get("spec", {}).get("selector", {}).get("matchLabels", {})
    return budget["metadata"]["namespace"] == pod.namespace and labels.items() <= pod.labels.items()
