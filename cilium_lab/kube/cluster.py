"""Observations of the cluster, and the few changes that a rollout makes to it. Each change may be repeated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from typing import Any

from cilium_lab.kube import agent as agent_view
from cilium_lab.kube import decode, kubeadm
from cilium_lab.kube.agent import STATUS, Query
from cilium_lab.kube.client import APPLY, BUDGET, MERGE, Api, ApiError
from cilium_lab.kube.deadline import concurrently
from cilium_lab.kube.needs import Reference
from cilium_lab.kube.objects import AgentView, Budget, CiliumNode, Pod, Snapshot, State, Workload
from cilium_lab.kube.raw import member
from cilium_lab.kube.state import NAME, NAMESPACE, PATH, parse_state, pod_manifest, render_state, split_manager

_PODS = "/api/v1/pods"
_APPS = "/apis/apps/v1"
_CILIUM = "/apis/cilium.io/v2"
AGENT = "cilium-agent"
"""The agent's container."""
_DEBUG = "level=debug"
"""Marks most lines of Cilium's logs where debug is on, and never the reason of a failure."""
_CHART = "cilium"
"""Name of the release, and of the agents' DaemonSet."""
_TAIL = 2000
_GONE = (404, 409)
"""No such pod, or another one of its name (a precondition does not hold)."""
_EXISTS = 409
_NO_UID = "00000000-0000-0000-0000-000000000000"
_WEBHOOK = "failed calling webhook"
"""In the answer where an admission webhook whose failurePolicy is Fail cannot be reached: no pod is made then."""
_CORE = "/api/v1"
_WORKLOADS = {
    "Deployment": f"{_APPS}/deployments",
    "StatefulSet": f"{_APPS}/statefulsets",
    "ReplicaSet": f"{_APPS}/replicasets",
    "ReplicationController": f"{_CORE}/replicationcontrollers",
}
_KEPT = {"Secret": "secrets", "ConfigMap": "configmaps"}
_POLICIES = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "CiliumNetworkPolicy": f"{_CILIUM}/ciliumnetworkpolicies",
    "CiliumClusterwideNetworkPolicy": f"{_CILIUM}/ciliumclusterwidenetworkpolicies",
}
_TRIES = 5
"""How often a change of a node is begun again that somebody else has changed meanwhile."""


class Cluster:
    """A live cluster. `ranges` are those whose routes are of interest. Every method raises ApiError."""

    def __init__(self, api: Api, ranges: Iterable[IPv4Network]) -> None:
        self.api = api
        self._ranges = tuple(ranges)

    # -- observations ----------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """One observation of the API's objects, without the agents."""
        return replace(
            self.workload_snapshot(),
            nodes=tuple(decode.node(item) for item in self._items(f"{_CORE}/nodes")),
            cilium_nodes=self.cilium_nodes(),
            budgets=self.budgets(),
            endpoints=tuple(decode.endpoint(item) for item in self._items(f"{_CILIUM}/ciliumendpoints")),
            backends=decode.backends(self._items("/apis/discovery.k8s.io/v1/endpointslices")),
            configured=decode.configured(self._config_map("cilium-config")),
            revision=self.revision(),
            kubeadm=kubeadm.version(self._config_map("kubeadm-config")),
            state=self.state(),
        )

    def revision(self) -> str:
        """The newest template of the agents' DaemonSet (`decode.revision`)."""
        agents = self._unless_missing(lambda: self.api.get(f"{_APPS}/namespaces/{NAMESPACE}/daemonsets/{_CHART}"))
        revisions = self._items(f"{_APPS}/namespaces/{NAMESPACE}/controllerrevisions?labelSelector=k8s-app%3Dcilium")
        return decode.revision(agents, revisions)

    def before_helm(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with what the cluster was made of: what it shall become is compared with that."""
        selector = f"owner%3Dhelm%2Cname%3D{_CHART}%2Cstatus%3Ddeployed"
        path = f"{_CORE}/namespaces/{NAMESPACE}/secrets?labelSelector={selector}"
        try:
            released = decode.release(self._items(path))
        except (ValueError, KeyError, OSError) as error:
            raise ApiError(path, 200, f"Helm's record of the release cannot be read: {error}") from error
        return replace(snapshot, release=released, networking=kubeadm.networking(self._config_map("kubeadm-config")))

    def workload_snapshot(self) -> Snapshot:
        """Pods and workloads alone: what is needed many times a second."""
        items, workloads = self._items(_PODS), self.workloads()
        pods, pending = (
            decode.with_owners(decode.pods(items), workloads),
            decode.with_owners(decode.pending(items), workloads),
        )
        return Snapshot((), pods=pods, pending=pending, workloads=workloads)

    def survey(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with everything else that decides where pods may run, and what keeps them apart."""
        volumes = self._items(f"{_CORE}/persistentvolumes")
        services = (decode.service(item) for item in self._items(f"{_CORE}/services"))
        policies = (
            f"{kind} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}".replace(" /", " ")
            for kind, path in _POLICIES.items()
            for item in self._items(path)
        )
        namespaces = self._items(f"{_CORE}/namespaces")
        return replace(
            snapshot,
            claims=decode.claims(self._items(f"{_CORE}/persistentvolumeclaims"), volumes),
            namespaces={item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in namespaces},
            services=tuple(service for service in services if service),
            network_policies=tuple(policies),
            schedulers=decode.leases(self._items("/apis/coordination.k8s.io/v1/leases")),
        )

    def contents(self, wanted: Iterable[tuple[str, Reference]]) -> dict[str, frozenset[str] | None]:
        """`Reference.title` -> the keys of the object (a Secret's values are dropped at once); None: there is none."""
        paths = {
            one.title(namespace): f"{_CORE}/namespaces/{namespace}/{_KEPT[one.kind]}/{one.name}"
            for namespace, one in wanted
        }
        return dict(zip(paths, concurrently(self._keys, paths.values()), strict=True))

    def _keys(self, path: str) -> frozenset[str] | None:
        found = self._unless_missing(lambda: self.api.get(path))
        return None if found is None else frozenset((*member(found, "data"), *member(found, "binaryData")))

    def inadmissible(self, snapshot: Snapshot, groups: Iterable[str]) -> dict[str, str]:
        """Of these groups of pods (`Pod.group`) those of which the API server would admit no further pod now, with its
        words. It is a dry run, which changes nothing."""
        templates = {workload.key: (workload.namespace, workload.template) for workload in snapshot.workloads}
        wanted = frozenset(groups)
        if any(group.startswith("DaemonSet ") for group in wanted):
            for item in self._items(f"{_APPS}/daemonsets"):
                meta = item["metadata"]
                templates[f"DaemonSet {meta['namespace']}/{meta['name']}"] = (
                    meta["namespace"],
                    item["spec"]["template"],
                )
        queried = sorted(group for group in wanted if templates.get(group, ("", {}))[1])
        answers = concurrently(lambda group: self._dry_run(group, *templates[group]), queried)
        return {group: words for group, words in zip(queried, answers, strict=True) if words}

    def _dry_run(self, group: str, namespace: str, template: Mapping[str, Any]) -> str:
        kind = group.partition(" ")[0]
        owner = {  # policies that deny bare pods look at it
            "apiVersion": "v1" if kind == "ReplicationController" else "apps/v1",
            "kind": "ReplicaSet" if kind == "Deployment" else kind,
            "name": group.rpartition("/")[2],
            "uid": _NO_UID,
            "controller": True,
        }
        named = {"generateName": "cilium-lab-", "namespace": namespace, "ownerReferences": [owner]}
        meta = {**member(template, "metadata"), **named}
        return self._denied(namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]})

    def not_admitted_again(self, pods: Iterable[Pod]) -> dict[str, str]:
        """Of these pods, which are to be saved, deleted and re-created, those that the API server would not admit
        again (`Pod.key`), with its words. It is a dry run, which changes nothing."""
        listed = tuple(pods)
        answers = concurrently(self._dry_run_again, listed)
        return {pod.key: words for pod, words in zip(listed, answers, strict=True) if words}

    def _dry_run_again(self, pod: Pod) -> str:
        """It is there, so that a name that is in use is the answer where nothing else keeps it out."""
        item = self.find_pod(pod.namespace, pod.name)
        if item is None:
            return ""
        try:
            _, manifest = split_manager(pod_manifest(item))
        except ValueError as error:
            return str(error)
        return self._denied(pod.namespace, manifest)

    def _denied(self, namespace: str, body: Mapping[str, Any]) -> str:
        """Why the API server would not admit the pod; empty if it would."""
        try:
            self.api.send("POST", f"{_CORE}/namespaces/{namespace}/pods?dryRun=All", body)
        except ApiError as error:
            if error.status == _EXISTS:
                return ""
            denied = 400 <= error.status < 500 and error.status != 429
            if denied or _WEBHOOK in error.message:
                return error.message
            raise
        return ""

    def observe(self, query: Query = STATUS) -> Snapshot:
        """A snapshot with the view of every ready agent."""
        snapshot = self.snapshot()
        agents = [agent for node in snapshot.nodes if (agent := snapshot.agent(node.name)) and agent.ready]
        pod_cidrs = [cidr for node in snapshot.cilium_nodes.values() for cidr in node.pod_cidrs]
        views = concurrently(partial(self.view, query=query, pod_cidrs=pod_cidrs), agents)
        return replace(snapshot, views={view.node: view for view in views})

    def view(self, agent: Pod, query: Query = STATUS, pod_cidrs: Iterable[IPv4Network] = ()) -> AgentView:
        """What one agent reports about itself; its routes inside the ranges, or to one of `pod_cidrs`."""
        output = self.api.execute(agent.namespace, agent.name, AGENT, agent_view.script(query))
        return agent_view.parse(agent.node, output, (*self._ranges, *pod_cidrs))

    def pods(self) -> tuple[Pod, ...]:
        """Every pod that is not finished."""
        return decode.pods(self._items(_PODS))

    def cilium_nodes(self) -> dict[str, CiliumNode]:
        """By name."""
        found = (decode.cilium_node(item) for item in self._items(f"{_CILIUM}/ciliumnodes"))
        return {node.name: node for node in found}

    def budgets(self) -> tuple[Budget, ...]:
        """Every disruption budget."""
        return tuple(decode.budget(item) for item in self._items("/apis/policy/v1/poddisruptionbudgets"))

    def workloads(self) -> tuple[Workload, ...]:
        """Every workload that re-creates its pods elsewhere."""
        return tuple(
            decode.workload(kind, item)
            for kind, path in _WORKLOADS.items()
            for item in self._items(path)
            if kind != "ReplicaSet" or not decode.of_a_deployment(item)
        )

    def state(self) -> State:
        """What earlier runs left."""
        return parse_state(self._config_map(NAME))

    def manifest(self, pod: Pod) -> dict[str, Any]:
        """The API's own object of a pod."""
        return self.api.get(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}")

    def pod_objects(self, namespace: str) -> list[dict[str, Any]]:
        """The API's own objects of all pods of a namespace."""
        return self._items(f"{_CORE}/namespaces/{namespace}/pods")

    def find_pod(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The API's own object of a pod, also of a finished one; None if there is none."""
        return self._unless_missing(lambda: self.api.get(f"{_CORE}/namespaces/{namespace}/pods/{name}"))

    def last_lines(self, pod: Pod | None, container: str, lines: int = 5) -> list[str]:
        """The last lines of a pod's log above the level debug; why not, where there are none."""
        if pod is None:
            return ["(there is no such pod)"]
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log?container={container}&tailLines={_TAIL}"
        try:
            found = [line for line in self.api.text(path).splitlines() if _DEBUG not in line]
            return found[-lines:] or [f"(nothing but {_DEBUG} in the last {_TAIL} lines)"]
        except ApiError as error:
            return [str(error)]

    def log(self, pod: Pod, container: str) -> str:
        """A container's whole log."""
        return self.api.text(f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/log?container={container}")

    def _items(self, path: str) -> list[dict[str, Any]]:
        """A list; empty where the kind is not known (Cilium's before it is installed)."""
        try:
            found: list[dict[str, Any]] = self.api.get(path)["items"]
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        return found

    def _config_map(self, name: str) -> dict[str, Any] | None:
        return self._unless_missing(lambda: self.api.get(f"{PATH}/{name}"))

    # -- changes ---------------------------------------------------------------------------------------------------

    def write_state(self, state: State) -> None:
        """Save the state; an empty one leaves no ConfigMap behind."""
        if state == State():
            self._unless_missing(lambda: self.api.send("DELETE", f"{PATH}/{NAME}"))
            return
        self.api.send("PATCH", f"{PATH}/{NAME}?fieldManager=cilium-lab&force=true", render_state(state), APPLY)

    def cordon(self, node: str, *, on: bool) -> None:
        """Cordon a node, or uncordon it; without the cordon the rollout's taint goes as well."""
        self._change_node(node, {"unschedulable": True if on else None}, taint=None if on else False)

    def taint(self, node: str, *, on: bool) -> None:
        """The taint that keeps DaemonSets from re-creating their pods on the node."""
        self._change_node(node, {}, taint=on)

    def _change_node(self, name: str, spec: dict[str, Any], *, taint: bool | None) -> None:
        """`taint`: whether the rollout's taint shall be there; None: as it is. A list is replaced as a whole, so the
        change holds only for the version of the node that was read."""
        for attempt in range(_TRIES):
            body: dict[str, Any] = {"spec": dict(spec)}
            if taint is not None:
                found = self.api.get(f"{_CORE}/nodes/{name}")
                taints: list[dict[str, str]] = found["spec"].get("taints") or []
                kept = [one for one in taints if one["key"] != decode.ROLLOUT_TAINT]
                wanted = [*kept, {"key": decode.ROLLOUT_TAINT, "effect": "NoSchedule"}] if taint else kept
                if wanted != taints:
                    body["spec"]["taints"] = wanted or None
                    body["metadata"] = {"resourceVersion": found["metadata"].get("resourceVersion")}
            if not body["spec"]:
                return
            try:
                self.api.send("PATCH", f"{_CORE}/nodes/{name}", body, MERGE)
                return
            except ApiError as error:
                if error.status != 409 or attempt == _TRIES - 1:
                    raise

    def set_pod_cidrs(self, node: str, pod_cidrs: Iterable[IPv4Network]) -> None:
        """The CIDRs that peers have routes to; an agent in cluster-pool uses the first from its next start on."""
        body = {"spec": {"ipam": {"podCIDRs": [str(cidr) for cidr in pod_cidrs]}}}
        self.api.send("PATCH", f"{_CILIUM}/ciliumnodes/{node}", body, MERGE)

    def clear_error(self, node: str) -> None:
        """Remove the operator's error from a CiliumNode."""
        body = {"status": {"ipam": {"operator-status": {"error": None}}}}
        self.api.send("PATCH", f"{_CILIUM}/ciliumnodes/{node}/status", body, MERGE)

    def delete_pod(self, pod: Pod) -> None:
        """Delete this very pod: another of its name stays."""
        self._delete(pod.namespace, pod.name, pod.uid)

    def delete_object(self, pod: Mapping[str, Any]) -> None:
        """The same for the API's own object."""
        meta = pod["metadata"]
        self._delete(meta["namespace"], meta["name"], meta["uid"])

    def _delete(self, namespace: str, name: str, uid: str) -> None:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        try:
            self.api.send("DELETE", f"{_CORE}/namespaces/{namespace}/pods/{name}", body)
        except ApiError as error:
            if error.status not in _GONE:
                raise

    def evict(self, pod: Pod) -> bool:
        """Evict the pod; False if its disruption budget does not allow that now."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction"
        try:
            self.api.send("POST", path, body)
        except ApiError as error:
            if error.status == 429 and BUDGET in error.causes:
                return False
            if error.status not in _GONE:
                raise
        return True

    def restart(self, workload: Workload, stamp: str) -> None:
        """What `kubectl rollout restart` does to a Deployment; the same stamp twice is one restart."""
        was = json.dumps({"at": stamp, "before": workload.restarted})
        self._restamp(workload, stamp, was)

    def undo_restart(self, workload: Workload) -> None:
        """Back to the template of before the last `restart`, whose pods go on; another restart since is left alone."""
        if workload.undo is not None:
            self._restamp(workload, workload.undo or None, None)

    def _restamp(self, workload: Workload, stamp: str | None, was: str | None) -> None:
        body = {
            "metadata": {"annotations": {decode.RESTART_KEY: was}},
            "spec": {"template": {"metadata": {"annotations": {decode.RESTARTED_KEY: stamp}}}},
        }
        path = f"{_APPS}/namespaces/{workload.namespace}/deployments/{workload.name}"
        self.api.send("PATCH", path, body, MERGE)

    def recreate_pod(self, manifest: Any) -> None:
        """Re-create a deleted bare pod as its creator (see `state.pod_manifest`)."""
        manager, clean = split_manager(manifest)
        meta = clean["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}?fieldManager={manager}&force=true"
        self.api.send("PATCH", path, clean, APPLY)

    def annotate(self, pod: Pod, stamp: str) -> None:
        """Change an annotation of a pod: its kubelet syncs it at once, and so carries changed ConfigMaps into it."""
        body = {"metadata": {"annotations": {"cilium-lab/synced-at": stamp}}}
        self.api.send("PATCH", f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}", body, MERGE)

    @staticmethod
    def _unless_missing(call: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return call()
        except ApiError as error:
            if error.status == 404:
                return None
            raise
