"""Changed settings of Cilium: which change what, who is behind, what cannot change, and the rollout of all that can."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from cilium_lab.kube import decode
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock
from cilium_lab.kube.objects import Configured, Release, Snapshot
from cilium_lab.rollout.changes import changes, created_after, reasons
from cilium_lab.rollout.commands import preflight, run
from cilium_lab.rollout.preflight import preflight_failures
from cilium_lab.rollout.preview import preview
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import BACK, FORWARD, OLD, POD_CIDR, agent, pod, with_revisions, world
from tests.helpers.simulated_api import Killed, SimulatedApi, helm_record
from tests.helpers.simulated_cluster import BROKEN, NODES, SimulatedCluster
from tests.unit.rollout.test_engine import desired

VALUES: dict[str, Any] = {
    "debug": {"enabled": True},
    "routingMode": "native",
    "bpf": {"masquerade": True},
    "ipam": {"mode": "kubernetes"},
    "hubble": {"relay": {"rollOutPods": True}, "metrics": {"enabled": ["dns", "drop"]}},
    "extra": {"key": "secret"},
}
RELEASED = Release("1.0.0", VALUES)


def given(base: Desired = BACK, **values: Any) -> Desired:
    return replace(base, values={**VALUES, **values}, chart="1.0.0")


def released(snapshot: Snapshot | None = None) -> Snapshot:
    return replace(snapshot or world(), release=RELEASED)


def told(wanted: Desired, snapshot: Snapshot | None = None) -> str:
    return "\n".join(preview(wanted, released(snapshot)).lines)


# -- what changes ------------------------------------------------------------------------------------------------------


def test_each_changed_value_is_a_reason_by_its_path() -> None:
    wanted = given(debug={"enabled": False}, MTU=1400, bpf={"masquerade": True, "monitor": "medium"})
    assert reasons(wanted, released()) == ("MTU unset -> 1400", "bpf.monitor", "debug.enabled true -> false")


def test_a_text_or_a_list_is_named_and_not_shown_for_it_may_be_a_secret() -> None:
    wanted = given(extra={"key": "other"}, hubble={"relay": {"rollOutPods": True}, "metrics": {"enabled": ["dns"]}})
    assert reasons(wanted, released()) == ("extra.key", "hubble.metrics.enabled")


def test_another_chart_is_a_reason() -> None:
    assert reasons(replace(given(), chart="1.0.1"), released()) == ("versions.cilium 1.0.0 -> 1.0.1",)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ipam": {"mode": "cluster-pool", "operator": {"clusterPoolIPv4PodCIDRList": ["172.20.0.0/16"]}}},
        {"nodeSelector": {}, "l7Proxy": None},
        {"hubble": {"relay": {"rollOutPods": False}, "metrics": {"enabled": ["dns", "drop"]}}},
    ],
)
def test_what_no_agent_reads_and_what_follows_from_the_mode_is_none(values: dict[str, Any]) -> None:
    assert reasons(given(**values), released()) == ()


def test_without_helms_record_or_without_values_nothing_is_compared() -> None:
    assert changes(given(debug={"enabled": False}), world()) == ()
    assert changes(BACK, released()) == ()


def test_the_newest_of_helms_records_is_read_and_a_broken_one_is_an_error() -> None:
    records = [helm_record({"a": 1}, version=9), helm_record({"a": 2}, chart="1.0.2", version=10)]
    assert decode.release(records) == Release("1.0.2", {"a": 2})
    assert decode.release([]) is None

    class Broken(SimulatedApi):
        def get(self, path: str) -> dict[str, Any]:
            if "secrets?" in path:
                return {"items": [{"metadata": {"labels": {"version": "1"}}, "data": {"release": "bm9uZQ=="}}]}
            return super().get(path)

    with pytest.raises(ApiError, match="Helm's record of the release cannot be read"):
        Cluster(Broken(SimulatedCluster()), ()).before_helm(world())


# -- who is behind -----------------------------------------------------------------------------------------------------


def revisions(*numbers: int) -> list[dict[str, Any]]:
    return [
        {
            "metadata": {"labels": {"controller-revision-hash": f"hash{n}"}, "ownerReferences": [{"uid": "agents"}]},
            "revision": n,
        }
        for n in numbers
    ]


def test_the_newest_template_is_the_one_of_the_highest_revision() -> None:
    daemon_set = {"metadata": {"uid": "agents", "generation": 4}, "status": {"observedGeneration": 4}}
    others = [{"metadata": {"ownerReferences": [{"uid": "other"}]}, "revision": 99}]
    assert decode.revision(daemon_set, [*revisions(9, 10, 2), *others]) == "hash10"
    late = {**daemon_set, "status": {"observedGeneration": 3}}
    assert decode.revision(late, revisions(1)) == ""
    assert decode.revision(None, []) == ""


def test_all_pods_leave_a_node_whose_agent_is_behind_and_older_ones_until_its_rollout_has_ended() -> None:
    young, old = "2026-01-01T00:00:09Z", "2026-01-01T00:00:01Z"
    pods = (agent("k8s-w1", created="2026-01-01T00:00:05Z"), pod("a", "k8s-w1", "192.168.1.7", created=young))
    behind = with_revisions(world(pods=pods), k8s_w1="old")
    assert created_after(BACK, behind, "k8s-w1") > young
    current = with_revisions(world(pods=pods))
    assert created_after(BACK, current, "k8s-w1") == ""
    begun = replace(current, state=replace(current.state, nodes=("k8s-w1",)))
    assert old < created_after(BACK, begun, "k8s-w1") < young
    assert created_after(given(MTU=1400), released(current), "k8s-w1") > young


# -- what the preview tells --------------------------------------------------------------------------------------------


def test_the_preview_names_the_reasons_the_nodes_and_the_pods() -> None:
    first, *more = told(given(debug={"enabled": False})).splitlines()
    nodes = "k8s-w1, k8s-w2, k8s-cp"
    assert first.startswith(
        f"kubernetes; 3 nodes are rolled out, one at a time: {nodes}; because of debug.enabled true -> false; about "
    )
    assert "    default/web-1 moves by eviction" in more


def test_a_change_of_mode_and_settings_is_one_rollout() -> None:
    first = told(given(FORWARD, debug={"enabled": False})).splitlines()[0]
    assert "3 nodes get a new pod CIDR" in first
    assert "; and debug.enabled true -> false" in first


def test_agents_that_are_behind_already_are_told() -> None:
    behind = with_revisions(world(), k8s_w1="old")
    assert "1 nodes are rolled out, one at a time: k8s-w1; because of their agents run" in told(given(), behind)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (given(routingMode="tunnel", tunnelProtocol="vxlan"), "routingMode native -> tunnel cannot be done on a live"),
        (given(tunnelProtocol="geneve"), "tunnelProtocol unset -> geneve cannot be done on a live cluster"),
        (replace(given(), pod_cidr=IPv4Network("192.168.0.0/17")), "podCidr 192.168.0.0/16 -> 192.168.0.0/17 cannot"),
        (
            replace(given(), other_networks={"the Service range": IPv4Network("10.97.0.0/16")}),
            "serviceCidr 10.96.0.0/12 -> 10.97.0.0/16 cannot be done on a live cluster",
        ),
        (given(FORWARD, bpf={"masquerade": False}), "masquerade and the nodes' pod CIDRs cannot change in one step"),
    ],
)
def test_what_cannot_change_on_a_live_cluster_is_refused_with_the_way_round(wanted: Desired, words: str) -> None:
    made_with = {"podSubnet": POD_CIDR, "serviceSubnet": IPv4Network("10.96.0.0/12")}
    snapshot = replace(released(), networking=made_with)
    found = preview(wanted, snapshot)
    assert found.refused
    assert words in "\n".join(found.lines)
    assert preflight_failures(wanted, snapshot)


def test_in_multi_pool_settings_are_rolled_out_as_in_any_mode() -> None:
    views = {name: replace(one, mode="multi-pool", pod_cidr=None) for name, one in world().views.items()}
    nodes = {name: replace(one, pooled=True) for name, one in world().cilium_nodes.items()}
    pooled = world(configured=Configured("multi-pool", (), None), views=views, cilium_nodes=nodes)
    wanted = replace(given(debug={"enabled": False}), mode="multi-pool")
    head = told(wanted, pooled).splitlines()[0]
    assert head.startswith(
        "multi-pool; 3 nodes are rolled out, one at a time: k8s-w1, k8s-w2, k8s-cp; because of debug"
    )
    assert told(replace(given(), mode="multi-pool"), pooled) == ""


# -- the rollout -------------------------------------------------------------------------------------------------------


def change(cluster: SimulatedCluster, settings: str = "debug=false") -> None:
    """What Helm does with a changed setting: a new revision of the template, and nothing restarts."""
    cluster.advance(2.0)
    cluster.settings, cluster.config_changed = settings, cluster.now
    cluster.advance(2.0)


def rolled(cluster: SimulatedCluster, api: SimulatedApi | None = None) -> tuple[bool, list[str]]:
    said: list[str] = []
    clock = Clock(lambda: cluster.now, cluster.advance)
    want = desired("kubernetes")
    reached = Cluster(api or SimulatedApi(cluster), want.non_masquerade_cidrs)
    return run(want, reached, say=said.append, clock=clock, stamp=lambda: f"t{cluster.now}"), said


def assert_current(cluster: SimulatedCluster) -> None:
    """Each agent runs what it should, and no pod is older than its node's agent."""
    agents = {pod.node: pod for pod in cluster.pods.values() if pod.labels.get("k8s-app") == "cilium"}
    assert {pod.labels["controller-revision-hash"] for pod in agents.values()} == {cluster.revision()}
    older = [pod.key for pod in cluster.pods.values() if not pod.host and pod.created < agents[pod.node].created]
    assert older == []
    assert {name: list(cidrs) for name, cidrs in cluster.pod_cidrs.items()} == {n: [str(OLD[n])] for n in NODES}
    assert not any(node["cordoned"] for node in cluster.nodes.values())
    assert cluster.config_maps == {}
    assert cluster.noticed == []


def test_agents_that_are_behind_are_rolled_out_node_by_node_with_their_pods() -> None:
    cluster = SimulatedCluster()
    change(cluster)
    done, said = rolled(cluster)
    assert done, "\n".join(said)
    assert_current(cluster)
    before = {pod.uid for pod in cluster.pods.values()}
    assert rolled(cluster)[0]
    assert {pod.uid for pod in cluster.pods.values()} == before


def changes_of_a_rollout() -> int:
    cluster = SimulatedCluster()
    change(cluster)
    api = SimulatedApi(cluster)
    rolled(cluster, api)
    return len(api.changes)


@pytest.mark.parametrize("kill_at", range(1, changes_of_a_rollout() + 1))
def test_killed_at_any_change_the_next_run_finishes_the_rollout(kill_at: int) -> None:
    cluster = SimulatedCluster()
    change(cluster)
    with pytest.raises(Killed):
        rolled(cluster, SimulatedApi(cluster, kill_at))
    cluster.advance(3.0)
    done, said = rolled(cluster)
    assert done, "\n".join(said)
    assert_current(cluster)


@pytest.mark.parametrize("settings", ["", "debug=false"])
def test_settings_with_which_no_agent_starts_stop_at_the_first_node_and_the_next_run_may_go_anywhere(
    settings: str,
) -> None:
    cluster = SimulatedCluster()
    change(cluster, BROKEN)
    done, said = rolled(cluster)
    assert not done
    assert "agent restarted on k8s-w1: not within 180 s" in "\n".join(said)
    assert [name for name, node in cluster.nodes.items() if node["cordoned"]] == ["k8s-w1"]
    # preview and preflight of the next configuration come before Helm
    cluster.helm = VALUES
    want = replace(desired("kubernetes"), values={**VALUES, "debug": {"enabled": False}}, chart="1.0.0")
    api, clock = SimulatedApi(cluster), Clock(lambda: cluster.now, cluster.advance)
    assert preflight(want, Cluster(api, want.non_masquerade_cidrs), say=said.append, clock=clock), "\n".join(said)
    cluster.noticed.clear()
    change(cluster, settings)
    done, said = rolled(cluster)
    assert done, "\n".join(said)
    assert_current(cluster)


def test_the_preflight_of_changed_values_judges_the_pods_of_every_node() -> None:
    cluster = SimulatedCluster()
    cluster.helm = VALUES
    said: list[str] = []
    want = replace(desired("kubernetes", recreate=()), values={**VALUES, "debug": {"enabled": False}}, chart="1.0.0")
    clock = Clock(lambda: cluster.now, cluster.advance)
    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    assert preflight(want, reached, say=said.append, clock=clock) is None
    assert said[0] == "the change is refused, nothing was changed:"
    assert "pod default/curl-pod on k8s-cp" in said[1]
