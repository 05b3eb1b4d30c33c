"""A pod that is ready now, and whose successor would not start, forbids the rollout before anything has changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.kube.objects import Claim, Pod, Snapshot, Workload
from cilium_lab.rollout.outcomes import Departure, Way, departures
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import FORWARD, NAMES, NEW, node, pod, world

HOST = "kubernetes.io/hostname"
SURGING = Workload("Deployment", "default", "one", 1, 1, complete=True, surges=True)
STATEFUL = replace(SURGING, kind="StatefulSet", surges=False)
MOUNTED = {"volumes": [{"name": "s", "secret": {"secretName": "key"}}]}
CLAIMED = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
NEVER = {"containers": [{"image": "team.example/app:1", "imagePullPolicy": "Never"}]}
CACHED = {"containers": [{"image": "team.example/app:1", "imagePullPolicy": "IfNotPresent"}]}
OFFLINE = replace(FORWARD, registry=False)
NAMED = replace(FORWARD, recreate=("default/one-1",))


def of(kind: str | None, name: str = "one-1", **more: Any) -> Pod:
    owner = (kind, "one") if kind else None
    return pod(name, "k8s-w1", "192.168.1.60", owner=owner, labels={"app": "one"}, **more)


def cluster(*pods: Pod, workload: Workload | None = SURGING, **more: Any) -> Snapshot:
    workloads = (*world().workloads, *([workload] if workload else []))
    return world(pods=(*world().pods, *pods), workloads=workloads, **more)


def departure(snapshot: Snapshot, desired: Desired = FORWARD) -> Departure:
    (found,) = [one for one in departures(snapshot, desired, "k8s-w1", NEW["k8s-w1"]) if one.pod.name == "one-1"]
    return found


def refused(found: Departure, *words: str) -> None:
    assert found.way is Way.REFUSED
    assert found.remedy
    for one in words:
        assert one in found.why


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", None])
def test_a_secret_that_was_deleted_since(kind: str | None) -> None:
    mine = of(kind, spec=MOUNTED)
    workload = SURGING if kind == "Deployment" else None
    gone = cluster(mine, workload=workload, contents={"Secret default/key": None})
    refused(departure(gone, NAMED), "there is no Secret default/key")
    there = cluster(mine, workload=workload, contents={"Secret default/key": frozenset({"a"})})
    assert departure(there, NAMED).way in (Way.SURGE, Way.DAEMON, Way.BARE)
    waiting = cluster(replace(mine, ready=False), workload=workload, contents={"Secret default/key": None})
    assert departure(waiting, NAMED).way is not Way.REFUSED


def test_a_key_that_was_taken_out_since() -> None:
    chosen = {"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "url"}}}
    mine = of("Deployment", spec={"containers": [{"env": [{"name": "URL", **chosen}]}]})
    for keys, way in ((frozenset({"url"}), Way.SURGE), (frozenset({"uri"}), Way.REFUSED)):
        found = departure(cluster(mine, contents={"ConfigMap default/settings": keys}))
        assert found.way is way
    assert "ConfigMap default/settings has no key url" in found.why


def test_what_the_template_of_a_workload_needs_counts_once_its_pods_are_made_of_it() -> None:
    template = {"spec": MOUNTED}
    gone = {"Secret default/key": None}
    changed = replace(SURGING, kind="StatefulSet", surges=False, template=template)
    refused(departure(cluster(of("StatefulSet"), workload=changed, contents=gone)), "there is no Secret default/key")
    # An old version's controller goes on with its own template while the new one's pods wait for their Secret.
    stuck = replace(SURGING, template=template, complete=False, surges=False)
    assert departure(cluster(of("Deployment"), workload=stuck, contents=gone)).way is Way.EVICT


@pytest.mark.parametrize("kind", ["Deployment", None])
def test_claims_that_are_gone_going_or_without_their_volume(kind: str | None) -> None:
    mine = of(kind, spec=CLAIMED)
    workload = SURGING if kind else None
    refused(departure(cluster(mine, workload=workload), NAMED), "there is no claim default/data")
    for claim, words in (
        (Claim("default/data", terminating=True), "is being deleted, and its data would go with the pod"),
        (Claim("default/data", lost=True), "claim default/data has lost its volume"),
    ):
        refused(departure(cluster(mine, workload=workload, claims={claim.key: claim}), NAMED), words)
    well = cluster(mine, workload=workload, claims={"default/data": Claim("default/data")})
    assert departure(well, NAMED).way in (Way.SURGE, Way.BARE)


def test_a_stateful_set_makes_the_claims_that_it_lacks() -> None:
    assert departure(cluster(of("StatefulSet", spec=CLAIMED), workload=STATEFUL)).way is Way.EVICT


def test_an_ephemeral_volume_does_not_bind_a_pod_to_its_node() -> None:
    volume = {"volumes": [{"name": "d", "ephemeral": {"volumeClaimTemplate": {}}}]}
    terms = ({"matchExpressions": [{"key": HOST, "operator": "In", "values": ["k8s-w1"]}]},)
    claims = {"default/one-1-d": Claim("default/one-1-d", terms)}
    assert departure(cluster(of("Deployment", spec=volume), claims=claims)).way is Way.SURGE
    bare = cluster(of(None, spec=volume), workload=None, claims=claims)
    refused(departure(bare, NAMED), "its ephemeral volume d is made only where the scheduler looks at the pod")


def with_images(**held: frozenset[str] | None) -> Any:
    """The nodes, each with those images (_ for - in names); the others do not tell."""
    images = {name.replace("_", "-"): found for name, found in held.items()}
    return tuple(node(name, images=images.get(name)) for name in NAMES)


APP, OTHER = frozenset({"team.example/app:1"}), frozenset({"team.example/other:1"})


@pytest.mark.parametrize(
    ("spec", "desired", "elsewhere", "way"),
    [
        (NEVER, FORWARD, OTHER, Way.REFUSED),
        (NEVER, FORWARD, APP, Way.SURGE),
        (NEVER, FORWARD, None, Way.SURGE),
        (CACHED, FORWARD, OTHER, Way.SURGE),
        (CACHED, OFFLINE, OTHER, Way.REFUSED),
        (CACHED, OFFLINE, APP, Way.SURGE),
    ],
)
def test_an_image_that_another_node_has_not(
    spec: dict[str, Any], desired: Desired, elsewhere: frozenset[str] | None, way: Way
) -> None:
    nodes = with_images(k8s_w1=APP, k8s_w2=elsewhere, k8s_cp=elsewhere)
    for workload in (SURGING, replace(SURGING, surges=False)):
        found = departure(cluster(of("Deployment", spec=spec), workload=workload, nodes=nodes), desired)
        assert found.way is (Way.EVICT if way is Way.SURGE and not workload.surges else way)
        assert way is Way.SURGE or "has not its image team.example/app:1" in found.why


def test_a_pod_whose_image_its_own_node_alone_has_may_be_bound_to_it() -> None:
    nodes = with_images(k8s_w1=APP, k8s_w2=OTHER, k8s_cp=OTHER)
    bound = {**NEVER, "nodeSelector": {HOST: "k8s-w1"}}
    assert departure(cluster(of("Deployment", spec=bound), nodes=nodes)).way is Way.IN_PLACE
    removed = with_images(k8s_w1=OTHER, k8s_w2=OTHER, k8s_cp=OTHER)
    refused(departure(cluster(of("Deployment", spec=bound), nodes=removed)), "k8s-w1 has not its image", "any more")
    daemon = cluster(of("DaemonSet", spec=NEVER), workload=None, nodes=removed)
    refused(departure(daemon), "k8s-w1 has not its image team.example/app:1 any more")
    bare = cluster(of(None, spec=NEVER), workload=None, nodes=removed)
    refused(departure(bare, NAMED), "k8s-w1 has not its image team.example/app:1 any more")


def test_a_node_where_one_of_the_same_kind_runs_has_all_that_it_needs() -> None:
    nodes = with_images(k8s_w1=APP, k8s_w2=OTHER, k8s_cp=OTHER)
    peers = tuple(
        replace(of("Deployment", f"one-{where}", spec=NEVER), node=where, address=None)
        for where in ("k8s-w2", "k8s-cp")
    )
    trio = replace(SURGING, replicas=3, ready=3)
    assert departure(cluster(of("Deployment", spec=NEVER), *peers, workload=trio, nodes=nodes)).way is Way.EVICT


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ({"path": "/data", "type": "Directory"}, Way.REFUSED),
        ({"path": "/run/app.sock", "type": "Socket"}, Way.REFUSED),
        ({"path": "/data", "type": "DirectoryOrCreate"}, Way.SURGE),
        ({"path": "/data"}, Way.SURGE),
        ({"path": "/var/log", "type": "Directory"}, Way.SURGE),
        ({"path": "/run/containerd/containerd.sock", "type": "Socket"}, Way.SURGE),
        ({"path": "/", "type": "Directory"}, Way.SURGE),
        ({"path": "/etc/machine-id", "type": "File"}, Way.SURGE),
    ],
)
def test_a_path_that_another_node_may_not_have(path: dict[str, str], way: Way) -> None:
    spec = {"volumes": [{"name": "host", "hostPath": path}]}
    found = departure(cluster(of("Deployment", spec=spec)))
    assert found.way is way
    assert way is Way.SURGE or f"has its hostPath {path['path']}" in found.why
    bound = {**spec, "nodeSelector": {HOST: "k8s-w1"}}
    assert departure(cluster(of("Deployment", spec=bound))).way is Way.IN_PLACE


def test_a_scheduler_that_is_not_at_work() -> None:
    mine = of("Deployment", spec={"schedulerName": "mine"})
    refused(departure(cluster(mine)), "no scheduler mine is at work")
    assert departure(cluster(mine, schedulers=frozenset({"mine"}))).way is Way.SURGE
    named = replace(SURGING, template={"spec": {"schedulerName": "mine", "nodeName": "k8s-w1"}})
    assert departure(cluster(mine, workload=named)).way is Way.AFTER
    assert departure(cluster(of(None, spec=mine.spec), workload=None), NAMED).way is Way.BARE


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"schedulingGates": [{"name": "example.com/wait"}]}, "its template has schedulingGates"),
        ({"readinessGates": [{"conditionType": "example.com/up"}]}, "set example.com/up of its readinessGates"),
        ({"resourceClaims": [{"name": "gpu"}]}, "it has resource claims (gpu)"),
    ],
)
def test_what_another_program_has_to_do(template: dict[str, Any], words: str) -> None:
    refused(departure(cluster(of("Deployment"), workload=replace(SURGING, template={"spec": template}))), words)


@pytest.mark.parametrize(
    ("kind", "way"), [("StatefulSet", Way.REFUSED), (None, Way.REFUSED), ("Deployment", Way.SURGE)]
)
def test_finalizers_of_a_pod_whose_successor_has_the_same_name(kind: str | None, way: Way) -> None:
    workload = {"StatefulSet": STATEFUL, "Deployment": SURGING}.get(kind or "")
    held = of(kind, finalizers=("example.com/backup",))
    found = departure(cluster(held, workload=workload), NAMED)
    assert found.way is way
    assert way is Way.SURGE or "removes its finalizers (example.com/backup)" in found.why


@pytest.mark.parametrize("spec", [{"nodeName": "k8s-w1"}, {}])
def test_what_a_cordon_does_not_keep_away_is_judged_as_well(spec: dict[str, Any]) -> None:
    tolerant = [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]
    mine = of("Deployment", spec={**MOUNTED, "tolerations": tolerant})
    workload = replace(SURGING, template={"spec": {**spec, **mine.spec}})
    refused(departure(cluster(mine, workload=workload, contents={"Secret default/key": None})), "Secret default/key")
    denied = {"Deployment default/one": "admission webhook denied the request: no"}
    refused(departure(cluster(mine, workload=workload, inadmissible=denied)), "admission webhook denied")
    assert departure(cluster(mine, workload=workload)).way is Way.AFTER


def test_a_bare_pod_that_would_not_be_admitted_again() -> None:
    denied = {"default/one-1": "violates PodSecurity restricted:latest: privileged"}
    found = departure(cluster(of(None), workload=None, inadmissible=denied), NAMED)
    refused(found, "violates PodSecurity")
    full = {"default/one-1": "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"}
    assert departure(cluster(of(None), workload=None, inadmissible=full), NAMED).way is Way.BARE
