"""Upgrades of Kubernetes itself: what is behind, what is refused, and the rollout of control plane and kubelets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from cilium_lab.config.versions import KUBERNETES, KUBERNETES_RELEASES
from cilium_lab.kube.client import ApiError
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock
from cilium_lab.kube.objects import Snapshot
from cilium_lab.kube.ssh import HostError
from cilium_lab.rollout.commands import preflight, run
from cilium_lab.rollout.kubernetes import Kubeadm, refused, upgrades
from cilium_lab.rollout.plan import plan
from cilium_lab.rollout.preview import Preview, preview
from cilium_lab.rollout.request import Desired
from tests.helpers.migration_world import BACK, NAMES, node, pod, world
from tests.helpers.simulated_api import Killed, SimulatedApi
from tests.helpers.simulated_cluster import Deployment, SimulatedCluster
from tests.unit.rollout.test_engine import desired, settled

NEWEST = list(KUBERNETES_RELEASES)[-1]
MINOR, _, PATCH = NEWEST.rpartition(".")
LATER = f"{MINOR}.{int(PATCH) + 1}"
WANTED = replace(BACK, kubernetes=NEWEST)


def running(control_plane: str, *kubelets: str, kubeadm: str = "") -> Snapshot:
    """A cluster with an API server of that release, and kubelets of these: one for all, or one a node."""
    each = kubelets if len(kubelets) > 1 else kubelets * len(NAMES)
    labels = {"component": "kube-apiserver"}
    spec = {"containers": [{"name": "kube-apiserver", "image": f"registry.k8s.io/kube-apiserver:v{control_plane}"}]}
    server = pod("kube-apiserver-k8s-cp", "k8s-cp", "172.31.1.10", labels=labels, spec=spec, namespace="kube-system")
    server = replace(server, host_network=True)
    nodes = tuple(node(name, kubelet=kubelet) for name, kubelet in zip(NAMES, each, strict=True))
    base = world()
    return replace(base, nodes=nodes, pods=(*base.pods, server), kubeadm=kubeadm)


# -- what is behind ----------------------------------------------------------------------------------------------------


def test_the_preview_names_releases_nodes_and_pods() -> None:
    told = preview(WANTED, running(KUBERNETES, KUBERNETES))
    assert not told.refused
    head, *rest = told.lines
    assert f"because of control plane {KUBERNETES} -> {NEWEST}; kubelet {KUBERNETES} -> {NEWEST}" in head
    assert "3 nodes are rolled out, one at a time: k8s-w1, k8s-w2, k8s-cp" in head
    assert "    default/web-1 moves by eviction" in rest


def test_the_control_plane_comes_first_and_its_node_last() -> None:
    steps = plan(WANTED, running(KUBERNETES, KUBERNETES))
    assert [(step.stage, step.node) for step in steps] == [
        ("3 control-plane", "k8s-cp"),
        *(("4 move-node", name) for name in ("k8s-w1", "k8s-w2", "k8s-cp")),
    ]
    assert steps[1].reason == f"kubelet {KUBERNETES} -> {NEWEST}, 192.168.1.0/24 stays"


def test_only_what_is_behind_is_upgraded() -> None:
    half = running(NEWEST, NEWEST, KUBERNETES, NEWEST)
    assert upgrades(WANTED, half) == (f"kubelet {KUBERNETES} -> {NEWEST}",)
    assert [step.node for step in plan(WANTED, half)] == ["k8s-w1"]


def test_a_control_plane_whose_upgrade_was_cut_off_before_kubeadm_noted_it_is_behind() -> None:
    cut_off = running(NEWEST, NEWEST, kubeadm=KUBERNETES)
    assert upgrades(WANTED, cut_off) == (f"control plane {KUBERNETES} -> {NEWEST}",)
    assert [step.stage for step in plan(WANTED, cut_off)] == ["3 control-plane"]
    assert "no node is rolled out" in preview(WANTED, cut_off).lines[0]


@pytest.mark.parametrize("want", [WANTED, replace(BACK, kubernetes="")])
def test_a_cluster_of_the_desired_release_and_one_that_is_not_compared_are_left_alone(want: Desired) -> None:
    snapshot = running(NEWEST, NEWEST, kubeadm=NEWEST)
    assert plan(want, snapshot) == ()
    assert preview(want, snapshot) == Preview()


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_way_back_is_refused_with_the_release_that_runs() -> None:
    told = preview(replace(BACK, kubernetes=KUBERNETES), running(NEWEST, NEWEST))
    assert told.refused
    assert f"versions.kubernetes {NEWEST} -> {KUBERNETES} cannot be done on a live cluster" in told.lines[1]
    assert "no way back" in told.lines[1]
    assert f"set versions.kubernetes to {NEWEST}" in told.lines[1]


def test_a_half_done_upgrade_cannot_be_reversed_either() -> None:
    half = running(NEWEST, NEWEST, KUBERNETES, KUBERNETES)
    reason = refused(replace(BACK, kubernetes=KUBERNETES), half)
    assert reason is not None
    assert f"set versions.kubernetes to {NEWEST}" in reason[1]


@pytest.mark.parametrize("other", ["1.32.9", "1.34.1", "2.33.13"])
def test_another_minor_release_is_refused_with_the_patches_that_are_known(other: str) -> None:
    told = preview(replace(BACK, kubernetes=other), running(KUBERNETES, KUBERNETES))
    assert told.refused
    assert f"only patch releases of {MINOR} are carried out" in told.lines[1]
    assert f"set versions.kubernetes to {KUBERNETES} or {NEWEST}, or destroy the lab" in told.lines[1]


def test_of_a_minor_release_without_a_known_patch_the_running_one_is_named() -> None:
    reason = refused(replace(BACK, kubernetes=NEWEST), running("1.32.1", "1.32.1"))
    assert reason is not None
    assert reason[1].startswith("set versions.kubernetes to 1.32.1, or destroy")


def test_releases_are_compared_as_numbers() -> None:
    assert refused(replace(BACK, kubernetes=LATER), running(NEWEST, NEWEST)) is None
    assert refused(replace(BACK, kubernetes=f"{MINOR}.10"), running(f"{MINOR}.9", f"{MINOR}.9")) is None


# -- the rollout -------------------------------------------------------------------------------------------------------


@dataclass
class Hosts:
    """kubeadm on the nodes of a simulated cluster; `dies_at` is the call at which the run is killed, after its half."""

    cluster: SimulatedCluster
    dies_at: int = 0
    fails: str = ""
    seen: list[str] = field(default_factory=list[str])

    def __call__(self, host: str, script: str) -> str:
        words = script.split()
        self.seen.append(f"{host}: {' '.join(words[1:])}")
        if self.fails in (host, "all"):
            raise HostError(f"{host}: exit status 1: [ERROR CreateJob]: the job did not end")
        what, version = words[1], words[2]
        if what == "control-plane":
            assert host == "k8s-cp"
            for part in self.cluster.components:
                self.cluster.components[part] = version
                if len(self.seen) == self.dies_at:
                    raise Killed
            self.cluster.kubeadm = version
        else:
            here = [one for one in self.cluster.pods.values() if one.node == host and not one.host]
            left = [one.key for one in here if one.gone_at is None and one.namespace != "logs"]
            assert self.cluster.nodes[host]["cordoned"]
            assert left == [], "the node is drained first"
            self.cluster.kubelets[host] = version
            if len(self.seen) == self.dies_at:
                raise Killed
        return ""


def lab() -> SimulatedCluster:
    cluster = SimulatedCluster()
    cluster.start_control_plane(KUBERNETES)
    cluster.advance(2.0)
    return cluster


def upgraded(
    cluster: SimulatedCluster, hosts: Hosts, api: SimulatedApi | None = None, version: str = NEWEST
) -> tuple[bool, list[str]]:
    said: list[str] = []
    want = replace(desired("kubernetes"), kubernetes=version)
    clock = Clock(lambda: cluster.now, cluster.advance)
    reached = Cluster(api or SimulatedApi(cluster), want.non_masquerade_cidrs)
    kubeadm = Kubeadm(hosts, "/lib/upgrade-kubernetes.sh", "Swap,HTTPProxyCIDR")
    done = run(want, reached, say=said.append, clock=clock, stamp=lambda: f"t{cluster.now}", kubeadm=kubeadm)
    return done, said


def assert_current(cluster: SimulatedCluster) -> None:
    assert {*cluster.components.values(), *cluster.kubelets.values(), cluster.kubeadm} == {NEWEST}
    assert cluster.noticed == []
    settled(cluster)


def test_control_plane_and_kubelets_are_upgraded_one_node_at_a_time_and_nobody_notices() -> None:
    cluster, hosts = lab(), None
    hosts = Hosts(cluster)
    agents = {one.uid for one in cluster.pods.values() if one.labels.get("k8s-app") == "cilium"}
    done, said = upgraded(cluster, hosts)
    assert done, "\n".join(said)
    assert hosts.seen == [
        f"k8s-cp: control-plane {NEWEST} Swap,HTTPProxyCIDR",
        *(f"{name}: node {NEWEST} Swap,HTTPProxyCIDR" for name in ("k8s-w1", "k8s-w2", "k8s-cp")),
    ]
    assert_current(cluster)
    assert agents <= {one.uid for one in cluster.pods.values()}, "no agent has a reason to restart"
    hosts.seen.clear()
    api = SimulatedApi(cluster)
    assert upgraded(cluster, hosts, api)[0]
    assert (hosts.seen, api.changes) == ([], [])


@pytest.mark.parametrize("dies_at", range(1, 5))
def test_killed_on_a_host_the_next_run_finishes_the_upgrade(dies_at: int) -> None:
    cluster = lab()
    with pytest.raises(Killed):
        upgraded(cluster, Hosts(cluster, dies_at))
    cluster.advance(3.0)
    done, said = upgraded(cluster, Hosts(cluster))
    assert done, "\n".join(said)
    assert_current(cluster)


def changes_of_an_upgrade() -> int:
    cluster = lab()
    api = SimulatedApi(cluster)
    upgraded(cluster, Hosts(cluster), api)
    return len(api.changes)


@pytest.mark.parametrize("kill_at", range(1, changes_of_an_upgrade() + 1, 3))
def test_killed_at_a_change_the_next_run_finishes_the_upgrade(kill_at: int) -> None:
    cluster = lab()
    with pytest.raises(Killed):
        upgraded(cluster, Hosts(cluster), SimulatedApi(cluster, kill_at))
    cluster.advance(3.0)
    done, said = upgraded(cluster, Hosts(cluster))
    assert done, "\n".join(said)
    assert_current(cluster)


@pytest.mark.parametrize(("host", "stage"), [("k8s-cp", "3 control-plane"), ("k8s-w1", "4 move-node")])
def test_what_kubeadm_refuses_ends_the_run_in_its_own_words_with_the_nodes_given_back(host: str, stage: str) -> None:
    cluster = lab()
    done, said = upgraded(cluster, Hosts(cluster, fails=host))
    text = "\n".join(said)
    assert not done
    assert f"stopped in stage {stage}" in text
    assert f"{host}: exit status 1: [ERROR CreateJob]: the job did not end" in text
    assert "begins this step again" in text
    assert not any(node["cordoned"] for node in cluster.nodes.values())
    assert {*cluster.kubelets.values()} == {KUBERNETES}
    assert upgraded(cluster, Hosts(cluster))[0]
    assert_current(cluster)


def test_what_no_cordon_keeps_from_its_node_is_re_created_after_the_kubelet() -> None:
    cluster = lab()
    cluster.add_deployment(Deployment("default", "anywhere", 1, {"app": "anywhere"}, pinned="k8s-w1"))
    done, said = upgraded(cluster, Hosts(cluster))
    assert done, "\n".join(said)
    assert {*cluster.kubelets.values()} == {NEWEST}


def test_without_a_way_to_the_hosts_the_run_ends_and_says_what_is_behind() -> None:
    cluster = lab()
    want = replace(desired("kubernetes"), kubernetes=NEWEST)
    clock = Clock(lambda: cluster.now, cluster.advance)
    said: list[str] = []
    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    assert not run(want, reached, say=said.append, clock=clock, stamp=lambda: "now")
    assert f"kube-apiserver-k8s-cp {KUBERNETES}" in "\n".join(said)


def test_the_preflight_refuses_a_way_back_and_changes_nothing() -> None:
    cluster = lab()
    upgraded(cluster, Hosts(cluster))
    api, said = SimulatedApi(cluster), list[str]()
    want = replace(desired("kubernetes"), kubernetes=KUBERNETES)
    clock = Clock(lambda: cluster.now, cluster.advance)
    assert preflight(want, Cluster(api, want.non_masquerade_cidrs), say=said.append, clock=clock) is None
    assert "no way back" in said[1]
    assert api.changes == []


def test_a_kubelet_that_does_not_come_back_is_waited_for_and_named() -> None:
    cluster = lab()
    hosts = Hosts(cluster)

    def broken(host: str, script: str) -> str:
        hosts(host, script)
        if " node " in script:
            cluster.nodes[host]["ready"] = False
        return ""

    want = replace(desired("kubernetes"), kubernetes=NEWEST)
    clock = Clock(lambda: cluster.now, cluster.advance)
    said: list[str] = []
    kubeadm = Kubeadm(broken, "/lib/upgrade-kubernetes.sh")
    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    assert not run(want, reached, say=said.append, clock=clock, stamp=lambda: "now", kubeadm=kubeadm)
    text = "\n".join(said)
    assert "kubelet upgraded on k8s-w1: not within 120 s" in text
    assert f"not ready, {NEWEST}" in text


def test_an_api_server_that_restarts_is_waited_for() -> None:
    cluster = lab()

    class Restarting(SimulatedApi):
        away = 0

        def get(self, path: str) -> dict[str, object]:
            if self.away:
                self.away -= 1
                raise ApiError(path, 0, "connection refused")
            return super().get(path)

    api = Restarting(cluster)
    hosts = Hosts(cluster)

    def restarts(host: str, script: str) -> str:
        hosts(host, script)
        api.away = 5 if " control-plane " in script else 0
        return ""

    want = replace(desired("kubernetes"), kubernetes=NEWEST)
    clock = Clock(lambda: cluster.now, cluster.advance)
    said: list[str] = []
    kubeadm = Kubeadm(restarts, "/lib/upgrade-kubernetes.sh")
    done = run(want, Cluster(api, want.non_masquerade_cidrs), say=said.append, clock=clock, stamp=lambda: "now",
               kubeadm=kubeadm)  # fmt: skip
    assert done, "\n".join(said)
    assert_current(cluster)
