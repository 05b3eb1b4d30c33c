"""What becomes of each kind of pod: it moves, is re-created in place, or forbids the rollout, each with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cilium_lab.kube.objects import Budget, Claim, Pod, Snapshot, State, Workload
from cilium_lab.rollout.outcomes import Departure, Way, departures, held
from cilium_lab.rollout.preflight import preflight_failures
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import FORWARD, NAMES, NEW, ONE, TWO, node, pod, world

HOST = "kubernetes.io/hostname"
SURGING = Workload("Deployment", "default", "one", 1, 1, complete=True, surges=True)
STIFF = replace(SURGING, surges=False)


def cluster(*pods: Pod, workloads: tuple[Workload, ...] = (), **more: Any) -> Snapshot:
    return world(pods=(*world().pods, *pods), workloads=(*world().workloads, *workloads), **more)


def of(kind: str, name: str = "one-1", **more: Any) -> Pod:
    return pod(name, "k8s-w1", "192.168.1.60", owner=(kind, "one"), labels={"app": "one"}, **more)


def departure(snapshot: Snapshot, desired: Desired = FORWARD, name: str = "one-1") -> Departure:
    (found,) = [one for one in departures(snapshot, desired, "k8s-w1", NEW["k8s-w1"]) if one.pod.name.startswith(name)]
    return found


@pytest.mark.parametrize(
    ("kind", "workload", "way", "why"),
    [
        ("Deployment", SURGING, Way.SURGE, ""),
        ("Deployment", STIFF, Way.EVICT, "the only replica of a workload that cannot surge"),
        ("Deployment", replace(SURGING, complete=False), Way.EVICT, "the only replica"),
        ("StatefulSet", replace(STIFF, kind="StatefulSet"), Way.EVICT, "the only replica"),
        ("ReplicationController", replace(STIFF, kind="ReplicationController", replicas=2, ready=2), Way.EVICT, ""),
        ("ReplicaSet", replace(STIFF, kind="ReplicaSet"), Way.EVICT, "the only replica"),
        ("DaemonSet", None, Way.DAEMON, "belongs to its node"),
        ("Job", None, Way.JOB, "its work would be lost"),
        ("Node", None, Way.REFUSED, "static manifest"),
        ("Cluster.db.example.com", None, Way.REFUSED, "belongs to Cluster.db.example.com default/one"),
    ],
)
def test_each_kind_of_owner(kind: str, workload: Workload | None, way: Way, why: str) -> None:
    found = departure(cluster(of(kind), workloads=(workload,) if workload else ()))
    assert found.way is way
    assert why in found.why


def test_the_order_is_restarts_then_dns_then_names() -> None:
    dns = pod("dns", "k8s-w1", "192.168.1.9", owner=("Deployment", "dns"), labels={"k8s-app": "kube-dns"})
    servers = Workload("Deployment", "default", "dns", 2, 2, True, False)
    host = pod("host", "k8s-w1", "172.31.1.11", host_network=True)
    new = pod("new", "k8s-w1", "172.20.1.5", owner=("Deployment", "web"))
    going = of("Deployment", "going", terminating=True)
    found = departures(
        cluster(dns, of("Deployment"), host, new, going, workloads=(SURGING, servers)),
        FORWARD,
        "k8s-w1",
        NEW["k8s-w1"],
    )
    assert [(one.pod.name, one.way) for one in found] == [
        ("going", Way.ENDING),
        ("one-1", Way.SURGE),
        ("dns", Way.EVICT),
        ("web-1", Way.EVICT),
    ]


def test_a_daemon_that_tolerates_everything_leaves_after_the_agents_restart() -> None:
    found = departure(cluster(of("DaemonSet", spec={"tolerations": [{"operator": "Exists"}]})))
    assert found.way is Way.DAEMON_AFTER


def test_what_becomes_of_jobs_is_configured() -> None:
    lost = departure(cluster(of("Job")), replace(FORWARD, jobs="delete"))
    assert (lost.way, "its work so far is lost" in lost.why) == (Way.EVICT, True)
    refused = departure(cluster(of("Job")), replace(FORWARD, jobs="refuse"))
    assert (refused.way, "migration.jobs" in refused.remedy) == (Way.REFUSED, True)


@pytest.mark.parametrize("kind", ["", "Cluster.db.example.com"])
def test_what_no_known_controller_re_creates_needs_the_users_word(kind: str) -> None:
    mine = of(kind) if kind else replace(of("x"), owner=None)
    refused = departure(cluster(mine))
    assert (refused.way, "add default/one-1 to migration.recreate" in refused.remedy) == (Way.REFUSED, True)
    allowed = departure(cluster(mine), replace(FORWARD, recreate=("default/one-1",)))
    assert allowed.way is Way.BARE
    saved = State(pods=({"metadata": {"namespace": "default", "name": "one-1"}},))
    assert departure(cluster(mine, state=saved)).way is Way.BARE


def test_a_local_volume_is_re_created_in_place_and_so_is_what_fits_nowhere_else() -> None:
    bound = ({"matchExpressions": [{"key": HOST, "operator": "In", "values": ["k8s-w1"]}]},)
    user = of("Deployment", spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]})
    found = departure(
        cluster(user, workloads=(SURGING,), claims={"default/data": Claim("default/data", bound)}),
    )
    assert found.way is Way.IN_PLACE
    assert "k8s-w2: the volume of its claim data is on another node" in found.why
    hungry = of("Deployment", spec={"containers": [{"resources": {"requests": {"cpu": "1500m"}}}]})
    full = tuple(node(name, allocatable={"cpu": 1000 if name != "k8s-w1" else 2000, "pods": 110}) for name in NAMES)
    found = departure(cluster(hungry, workloads=(SURGING,), nodes=full))
    assert (found.way, "cpu 1500m of 1000m free" in found.why) == (Way.IN_PLACE, True)


def test_a_claim_for_a_single_pod_lets_nothing_surge() -> None:
    user = of("Deployment", spec={"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]})
    alone = {"default/data": Claim("default/data", None, one_pod=True)}
    assert departure(cluster(user, workloads=(SURGING,), claims=alone)).way is Way.EVICT


def test_what_its_own_node_would_not_run_any_more_forbids_the_rollout() -> None:
    lost = of("Deployment", spec={"nodeSelector": {"disk": "ssd"}})
    found = departure(cluster(lost, workloads=(SURGING,)))
    assert (found.way, "the pod's node selector wants disk=ssd" in found.why) == (Way.REFUSED, True)


def test_a_pod_that_would_end_others_by_its_priority_forbids_the_rollout() -> None:
    needs = {"containers": [{"resources": {"requests": {"cpu": "1500m"}}}]}
    nodes = tuple(node(name, allocatable={"cpu": 2000 if name != "k8s-cp" else 100, "pods": 110}) for name in NAMES)
    low = pod("low", "k8s-w2", "192.168.2.60", spec=needs)
    high = of("Deployment", spec={**needs, "priority": 9})
    found = departure(cluster(high, low, workloads=(STIFF,), nodes=nodes))
    assert found.way is Way.REFUSED
    assert "would end default/low (k8s-w2)" in found.why
    polite = of("Deployment", spec={**needs, "priority": 9, "preemptionPolicy": "Never"})
    assert departure(cluster(polite, low, workloads=(STIFF,), nodes=nodes)).way is Way.IN_PLACE


def test_a_pod_that_is_not_ready_keeps_nobody() -> None:
    nowhere = {"nodeSelector": {"disk": "ssd"}}
    broken = of("Deployment", ready=False, waiting_reason="CrashLoopBackOff", spec=nowhere)
    found = departure(cluster(broken, workloads=(replace(SURGING, ready=0, complete=False),)))
    assert found.way is Way.EVICT
    assert "not ready (CrashLoopBackOff), and not waited for" in found.why


def test_what_the_api_server_would_not_admit() -> None:
    words = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3'
    quota = {"Deployment default/one": words}
    found = departure(cluster(of("Deployment"), workloads=(SURGING,), inadmissible=quota))
    assert (found.way, found.why) == (Way.EVICT, "the quota has no capacity for a second pod")
    for kind, workloads in (("Deployment", (SURGING,)), ("DaemonSet", ())):
        denied = {f"{kind} default/one": "admission webhook denied the request: no images by tag"}
        found = departure(cluster(of(kind), workloads=workloads, inadmissible=denied))
        assert (found.way, "no images by tag" in found.why) == (Way.REFUSED, True)


@pytest.mark.parametrize(
    ("used", "way"),
    [
        ("requested: pods=1, used: pods=3, limited: pods=3", Way.EVICT),
        ("requested: pods=1, used: pods=3, limited: pods=1", Way.REFUSED),
        ("requested: cpu=100m,pods=1, used: cpu=1,pods=3, limited: cpu=1000m,pods=5", Way.EVICT),
        ("requested: memory=1Gi, used: memory=3Gi, limited: memory=2560Mi", Way.REFUSED),
    ],
)
def test_a_quota_below_what_is_used_has_no_capacity_for_a_successor_either(used: str, way: Way) -> None:
    denied = {"Deployment default/one": f'pods "x" is forbidden: exceeded quota: q, {used}'}
    assert departure(cluster(of("Deployment"), workloads=(STIFF,), inadmissible=denied)).way is way
    daemons = {"DaemonSet default/one": f'pods "x" is forbidden: exceeded quota: q, {used}'}
    found = departure(cluster(of("DaemonSet"), inadmissible=daemons))
    assert (found.way is Way.REFUSED) is (way is Way.REFUSED)


@pytest.mark.parametrize(
    ("template", "spec"),
    [
        ({"spec": {"nodeName": "k8s-w1"}}, {}),
        ({}, {"tolerations": [{"operator": "Exists"}]}),
        ({}, {"tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]}),
    ],
)
def test_what_a_cordon_does_not_keep_away_leaves_after_the_agents_restart(
    template: dict[str, Any], spec: dict[str, Any]
) -> None:
    found = departure(cluster(of("Deployment", spec=spec), workloads=(replace(SURGING, template=template),)))
    assert found.way is Way.AFTER


def test_a_restart_that_a_killed_run_has_begun_goes_on() -> None:
    begun = replace(SURGING, complete=False, undo="")
    assert departure(cluster(of("Deployment"), workloads=(begun,))).way is Way.SURGE


def test_a_job_that_does_no_work_is_not_waited_for() -> None:
    stuck = of("Job", ready=False, waiting_reason="ImagePullBackOff")
    assert departure(cluster(stuck)).way is Way.EVICT
    assert departure(cluster(stuck), replace(FORWARD, jobs="refuse")).way is Way.EVICT
    assert departure(cluster(of("Job", ready=False))).way is Way.JOB


def test_a_stateful_set_makes_no_pod_behind_one_that_is_not_ready() -> None:
    web = replace(STIFF, kind="StatefulSet", replicas=3, ready=2, ordered=True)
    pods = (
        pod("one-0", "k8s-w2", "192.168.2.60", owner=("StatefulSet", "one"), ready=False),
        pod("one-1", "k8s-w1", "192.168.1.60", owner=("StatefulSet", "one")),
        pod("one-10", "k8s-w1", "192.168.1.61", owner=("StatefulSet", "one")),
    )
    found = departure(cluster(*pods, workloads=(web,)), name="one-10")
    assert found.way is Way.REFUSED
    assert "makes no pod while one of a lower number is not ready (default/one-0)" in found.why
    assert departure(cluster(*pods, workloads=(replace(web, ordered=False),)), name="one-10").way is Way.EVICT
    rolling = cluster(*pods, workloads=(web,), state=State(("k8s-w2",)))
    assert departure(rolling, name="one-10").way is Way.EVICT
    crashing = replace(pods[0], waiting_reason="CrashLoopBackOff")
    rolling = cluster(crashing, *pods[1:], workloads=(web,), state=State(("k8s-w2",)))
    assert departure(rolling, name="one-10").way is Way.REFUSED
    healthy = cluster(replace(pods[0], ready=True), *pods[1:], workloads=(web,))
    assert departure(healthy, name="one-10").way is Way.EVICT


def test_a_pod_whose_claim_is_being_deleted_forbids_the_rollout() -> None:
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    claims = {"default/data": Claim("default/data", terminating=True)}
    found = departure(cluster(of("Deployment", spec=volume), workloads=(STIFF,), claims=claims))
    assert found.way is Way.REFUSED
    assert "its claim default/data is being deleted" in found.why


def test_a_budget_that_cannot_be_counted_forbids_the_rollout() -> None:
    selector = {"matchLabels": {"app": "one"}}
    budget = Budget("default", "b", 0, 0, selector, "jobs.batch does not implement the scale subresource")
    snapshot = cluster(of("Deployment"), workloads=(STIFF,), budgets=(budget,))
    (found,) = held(snapshot, departures(snapshot, FORWARD, "k8s-w1", NEW["k8s-w1"]))
    assert found.what == (
        "the disruption budget default/b allows no eviction (default/one-1): "
        "jobs.batch does not implement the scale subresource"
    )
    assert not found.transient


def test_what_has_to_be_beside_one_that_moves_could_not_come_back() -> None:
    """Its volume is on the node, and its affinity wants a pod beside it that moves elsewhere."""
    term = {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": HOST}
    spec = {
        "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
        "nodeSelector": {HOST: "k8s-w1"},
    }
    labels = {"app": "cache"}
    cache = pod("zache-1", "k8s-w1", "192.168.1.70", owner=("Deployment", "zache"), labels=labels)
    stays = replace(STIFF, name="zache")
    found = departure(cluster(of("Deployment", spec=spec), cache, workloads=(STIFF, stays)))
    assert found.way is Way.REFUSED
    assert "it could not come back to k8s-w1 after the others have moved" in found.why
    bound = replace(cache, spec={"nodeSelector": {HOST: "k8s-w1"}})
    assert departure(cluster(of("Deployment", spec=spec), bound, workloads=(STIFF, stays))).way is Way.IN_PLACE


def test_room_is_used_once() -> None:
    """What leaves first takes the place: the next pod has to do without it."""
    needs = {"containers": [{"resources": {"requests": {"cpu": "600m"}}}]}
    nodes = tuple(node(name, allocatable={"cpu": 2000 if name == "k8s-w1" else 1000, "pods": 9}) for name in NAMES)
    trio = tuple(of("ReplicaSet", f"one-{n}", spec=needs) for n in range(3))
    snapshot = cluster(*trio, workloads=(replace(STIFF, kind="ReplicaSet", replicas=3, ready=3),), nodes=nodes)
    found = [one for one in departures(snapshot, FORWARD, "k8s-w1", NEW["k8s-w1"]) if one.pod in trio]
    assert [one.way for one in found] == [Way.EVICT, Way.EVICT, Way.IN_PLACE]


WEB = {"matchLabels": {"app": "web"}}
LABELLED = tuple(replace(p, labels={"app": "web"}) for p in (ONE, TWO))


def web(*budgets: Budget, **more: Any) -> Snapshot:
    rest = tuple(p for p in world().pods if p not in (ONE, TWO))
    return world(budgets=budgets, pods=(*LABELLED, *rest), **more)


def failures(snapshot: Snapshot) -> list[str]:
    return [str(failure) for failure in preflight_failures(FORWARD, snapshot)]


def test_several_budgets_hold_together() -> None:
    free = Budget("default", "a", 2, 1, WEB)
    assert failures(web(free, replace(free, name="b"))) == []
    (told,) = failures(web(free, Budget("default", "b", 2, 2, WEB)))
    assert "default/b requires 2 of 2 pods healthy, so none of them may ever move" in told


def test_a_budget_that_allows_nothing_just_now_may_do_so_in_a_moment() -> None:
    found = preflight_failures(FORWARD, web(Budget("default", "a", 3, 2, WEB)))
    assert {failure.transient for failure in found} == {True}
    assert "allows no eviction now (default/web-1)" in found[0].what


def test_pods_that_are_re_created_in_place_are_away_together() -> None:
    bound = {"nodeSelector": {HOST: "k8s-w1"}}
    both = tuple(replace(p, node="k8s-w1", name=f"web-{n}", spec=bound) for n, p in enumerate(LABELLED))
    rest = tuple(p for p in world().pods if p not in (ONE, TWO))
    budget = Budget("default", "a", 2, 1, WEB)
    snapshot = world(pods=(*both, *rest), budgets=(budget,))
    found = departures(snapshot, FORWARD, "k8s-w1", NEW["k8s-w1"])
    assert [one.way for one in found] == [Way.IN_PLACE, Way.IN_PLACE]
    (why,) = held(snapshot, found)
    assert "2 of them can only be re-created in place, together (default/web-0, default/web-1)" in why.what
    assert held(snapshot, found[:1]) == ()
