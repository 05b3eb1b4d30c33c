"""Answers of the API and of agents as frozen data; the shapes are those of Kubernetes 1.33 and Cilium 1.17."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from cilium_lab.kube import agent as agent_view
from cilium_lab.kube import decode
from cilium_lab.kube.agent import Query
from cilium_lab.kube.objects import Pod, Route, State, Workload
from cilium_lab.kube.quantities import millicores, octets
from cilium_lab.kube.state import parse_state, pod_manifest, render_state, split_manager


def pod_object(**changed: Any) -> dict[str, Any]:
    meta = {"name": "web-abc-1", "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    meta |= changed.pop("meta", {})
    container = {"resources": {"requests": {"cpu": "250m", "memory": "64Mi"}}}
    spec = {"nodeName": "k8s-w1", "containers": [container, container], **changed.pop("spec", {})}
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": meta,
        "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.5", "conditions": ready} | changed,
    }


def controlled(kind: str, name: str, **labels: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": name, "controller": True}], "labels": labels}


def test_a_pods_owner_is_the_workload_behind_its_replica_set() -> None:
    hashed = {"pod-template-hash": "abc"}
    for meta, owner in (
        (controlled("ReplicaSet", "web-abc", **hashed), ("Deployment", "web")),
        (controlled("ReplicaSet", "alone"), ("ReplicaSet", "alone")),
        (controlled("StatefulSet", "db"), ("StatefulSet", "db")),
        ({}, None),
    ):
        (found,) = decode.pods([pod_object(meta=meta)])
        assert found.owner == owner
    assert found.rules.requests == {"cpu": 500, "memory": 128 << 20}
    assert (found.ready, found.address) == (True, IPv4Address("10.0.0.5"))


def test_a_replica_set_that_lost_its_deployment_owns_its_pods() -> None:
    labels = {"pod-template-hash": "abc"}
    one = Pod("default", "web-abc-1", "u", "k8s-w1", None, ("Deployment", "web"), False, True, False, labels=labels)
    orphan = Workload("ReplicaSet", "default", "web-abc", 1, 1, True, False)
    assert decode.with_owners([one], [orphan])[0].owner == ("ReplicaSet", "web-abc")
    there = Workload("Deployment", "default", "web", 1, 1, True, True)
    assert decode.with_owners([one], [there, orphan])[0].owner == ("Deployment", "web")
    assert decode.with_owners([one], [])[0].owner == ("Deployment", "web")


def test_what_a_budgets_controller_cannot_count() -> None:
    condition = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale"}
    item = {"metadata": {"namespace": "a", "name": "b"}, "spec": {}, "status": {"conditions": [condition]}}
    assert decode.budget(item).error == "no scale"
    assert decode.budget({**item, "status": {}}).error == ""


def test_finished_and_unscheduled_pods_are_left_out() -> None:
    waiting = pod_object()
    del waiting["spec"]["nodeName"]
    assert decode.pods([waiting, pod_object(phase="Succeeded"), pod_object(phase="Failed")]) == ()


def deployment(wanted: int, rolling: dict[str, Any], **status: Any) -> dict[str, Any]:
    spec = {"replicas": wanted, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}
    counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), wanted)
    meta = {"name": "web", "namespace": "default", "generation": 2}
    return {"metadata": meta, "spec": spec, "status": {"observedGeneration": 2, **counts, **status}}


@pytest.mark.parametrize(
    ("replicas", "rolling", "surges"),
    [
        (1, {}, True),
        (1, {"maxSurge": "25%", "maxUnavailable": "25%"}, True),
        (1, {"maxSurge": "25%", "maxUnavailable": 1}, False),
        (1, {"maxSurge": 0, "maxUnavailable": 1}, False),
        (4, {"maxSurge": "25%", "maxUnavailable": "25%"}, False),
    ],
)
def test_whether_a_restart_surges_rounds_as_kubernetes_does(
    replicas: int, rolling: dict[str, Any], surges: bool
) -> None:
    assert decode.workload("Deployment", deployment(replicas, rolling)).surges is surges


@pytest.mark.parametrize(
    ("replicas", "strategy", "missing"),
    [
        (12, {}, 3),
        (3, {}, 1),
        (12, {"rollingUpdate": {"maxUnavailable": 5}}, 5),
        (12, {"rollingUpdate": {"maxUnavailable": "34%"}}, 4),
        (12, {"rollingUpdate": {"maxUnavailable": 0}}, 1),
        (4, {"type": "Recreate"}, 1),
    ],
)
def test_how_many_pods_may_be_missing_at_once(replicas: int, strategy: dict[str, Any], missing: int) -> None:
    item = deployment(replicas, {})
    item["spec"]["strategy"] = strategy
    assert decode.workload("Deployment", item).unavailable == missing
    assert decode.workload("StatefulSet", item).unavailable == 1


def test_a_workload_is_complete_when_nothing_of_its_old_version_is_left() -> None:
    assert decode.workload("Deployment", deployment(2, {})).complete
    for status in ({"replicas": 3}, {"updatedReplicas": 1}, {"availableReplicas": 1}, {"observedGeneration": 1}):
        assert not decode.workload("Deployment", deployment(2, {}, **status)).complete


def test_a_stateful_sets_pods_have_a_volume_for_each_template_of_a_claim() -> None:
    """Its controller adds them; without them the API server denies a pod that mounts one."""
    item = deployment(1, {})
    pod = {"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "data", "emptyDir": {}}]}
    item["spec"] |= {"template": {"spec": pod}, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    assert decode.workload("StatefulSet", item).template["spec"]["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    ]
    assert item["spec"]["template"]["spec"] is pod
    assert len(pod["volumes"]) == 2


def test_cilium_objects() -> None:
    item = {
        "metadata": {"name": "k8s-w1"},
        "spec": {"ipam": {"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}},
        "status": {"ipam": {"operator-status": {"error": "full"}}},
    }
    found = decode.cilium_node(item)
    assert (found.pod_cidrs, found.error) == ((IPv4Network("10.0.0.0/24"),), "full")
    networking = {"addressing": [{"ipv4": "10.0.0.7"}]}
    state = {"state": "waiting-for-identity", "networking": networking}
    endpoint = decode.endpoint({"metadata": {"namespace": "a", "name": "b"}, "status": state})
    assert (endpoint.key, endpoint.address, endpoint.ready) == ("a/b", IPv4Address("10.0.0.7"), False)
    data = {
        "ipam": "cluster-pool",
        "cluster-pool-ipv4-cidr": "10.0.0.0/16 10.1.0.0/16",
        "cluster-pool-ipv4-mask-size": "24",
    }
    now = decode.configured({"data": data})
    assert now is not None
    assert (now.mode, len(now.pools), now.mask_size) == ("cluster-pool", 2, 24)
    assert decode.configured(None) is None


def test_ready_backends_of_a_service() -> None:
    def piece(*ready: bool | None) -> dict[str, Any]:
        ends = [
            {"addresses": [f"10.0.0.{n}"], "conditions": {} if r is None else {"ready": r}} for n, r in enumerate(ready)
        ]
        meta = {"namespace": "a", "labels": {"kubernetes.io/service-name": "web"}}
        return {"metadata": meta, "addressType": "IPv4", "endpoints": ends}

    assert decode.backends([piece(True, False, None)]) == {"a/web": 2}
    assert decode.backends([piece(False)]) == {"a/web": 0}


def test_an_agents_answer() -> None:
    status = {"ipam": {"status": "IPv4: 3/254 allocated from 192.168.1.0/24, "}}
    routes = [
        {"dst": "default", "gateway": "172.31.0.2", "dev": "ens160"},
        {"dst": "10.10.0.0/16", "gateway": "172.31.1.20", "dev": "ens160"},
        {"dst": "192.168.0.56", "dev": "lxc1"},
        {"dst": "192.168.2.0/24", "gateway": "172.31.1.12", "dev": "ens160"},
    ]
    drops = [
        {"reason": "Success", "direction": "egress", "packets": 9},
        {"reason": "Policy denied", "direction": "egress", "packets": 3},
        {"reason": "Policy denied", "direction": "ingress", "packets": 1},
    ]
    mark = "\n=====cilium-lab=====\n"
    answer = mark.join([json.dumps(status), "kubernetes", json.dumps(routes), '["172.20.0.0/16"]', json.dumps(drops)])
    view = agent_view.parse("k8s-w1", answer, [IPv4Network("192.168.0.0/16")])
    assert (view.mode, view.pod_cidr) == ("kubernetes", IPv4Network("192.168.1.0/24"))
    assert view.routes == (Route(IPv4Network("192.168.2.0/24"), IPv4Address("172.31.1.12"), "ens160"),)
    assert view.non_masquerade_cidrs == (IPv4Network("172.20.0.0/16"),)
    assert view.drops == {"Policy denied": 4}
    routes_only = agent_view.parse("k8s-w1", mark.join(["null", "", "[]", "null", "null"]), [])
    assert (routes_only.mode, routes_only.non_masquerade_cidrs, routes_only.drops) == (None, None, None)
    with pytest.raises(ValueError, match="answered 1 of 5"):
        agent_view.parse("k8s-w1", "Error: not running", [])
    assert "cilium-dbg" not in agent_view.script(Query.ROUTES)
    assert "bpf ipmasq" in agent_view.script(Query.NON_MASQUERADE)


def test_a_bare_pods_manifest_is_what_its_maker_set() -> None:
    containers = {
        'k:{"name":"curl"}': {".": {}, "f:name": {}, "f:args": {}, "f:env": {'k:{"name":"A"}': {"f:value": {}}}}
    }
    maker = {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:nodeName": {}, "f:containers": containers}}
    others = {"f:metadata": {"f:labels": {"f:added": {}}}}
    container = {"name": "curl", "args": ["-f"], "env": [{"name": "A", "value": "1"}]}
    live = {
        "metadata": {
            "name": "curl",
            "namespace": "default",
            "uid": "u",
            "labels": {"app": "curl", "added": "later"},
            "managedFields": [
                {"manager": "kubelet", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
                {"manager": "labeller", "operation": "Update", "fieldsV1": others},
                {"manager": "pulumi-kubernetes", "operation": "Apply", "fieldsV1": maker},
            ],
        },
        "spec": {
            "nodeName": "k8s-cp",
            "dnsPolicy": "ClusterFirst",
            "containers": [{**container, "imagePullPolicy": "Always"}],
        },
        "status": {"podIP": "10.0.0.1"},
    }
    manager, manifest = split_manager(pod_manifest(live))
    assert manager == "pulumi-kubernetes"
    assert manifest == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "curl", "namespace": "default", "labels": {"app": "curl"}},
        "spec": {
            "nodeName": "k8s-cp",
            "containers": [container],
        },
    }
    with pytest.raises(ValueError, match="no manager in managedFields"):
        pod_manifest({"metadata": {"name": "x"}, "spec": {}})


def test_the_state_survives_the_cluster() -> None:
    state = State(("k8s-w1",), ({"metadata": {"name": "curl"}},))
    assert parse_state(render_state(state)) == state
    assert parse_state(None) == State()


def test_quantities() -> None:
    assert [millicores(text) for text in ("250m", "2", 1, "0.5")] == [250, 2000, 1000, 500]
    assert [octets(text) for text in ("64Mi", "1Gi", "1e3", "1M", "1Ei", "2E")] == [
        64 << 20,
        1 << 30,
        1000,
        10**6,
        1 << 60,
        2 * 10**18,
    ]
    with pytest.raises(ValueError, match="no quantity"):
        octets("Mi")
    with pytest.raises(ValueError, match="no quantity"):
        octets("1.2.3Mi")


def test_leases_that_are_renewed() -> None:
    def lease(name: str, at: str) -> dict[str, Any]:
        return {"metadata": {"name": name}, "spec": {"renewTime": f"2026-01-01T00:{at}.000000Z"}}

    never: dict[str, Any] = {"metadata": {"name": "never"}, "spec": {}}
    assert decode.leases([lease("mine", "09:30"), lease("dead", "01:00"), lease("node", "10:00"), never]) == {
        "mine",
        "node",
    }
    assert decode.leases([]) == frozenset()


def test_how_long_a_pod_took_to_be_ready() -> None:
    def took(ready: str, restarts: int = 0, status: str = "True") -> int:
        running = {"running": {"startedAt": "2026-01-01T00:02:00Z"}}
        state = {
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": f"2026-01-01T{ready}Z"}],
            "containerStatuses": [{"restartCount": restarts, "state": running}],
        }
        meta = {"name": "a", "namespace": "b", "uid": "c"}
        (pod,) = decode.pods([{"metadata": meta, "spec": {"nodeName": "n"}, "status": state}])
        return pod.took

    assert took("00:01:30") == 90
    assert took("00:02:30", restarts=1) == 30
    assert took("05:00:00") == 0
    assert took("00:01:30", status="False") == 0


def test_a_node_that_lists_as_many_images_as_it_may_does_not_tell_all() -> None:
    def images(count: int) -> frozenset[str] | None:
        listed = [{"names": [f"team.example/app:{number}"]} for number in range(count)]
        return decode.node({"metadata": {"name": "n"}, "spec": {}, "status": {"images": listed}}).images

    assert images(2) == {"team.example/app:0", "team.example/app:1"}
    assert images(50) is None
    assert images(0) is None
