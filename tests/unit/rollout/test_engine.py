"""Whole migrations on a simulated cluster: there, back, killed at every change, and stopped by what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import IPv4Network

import pytest

from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Clock
from cilium_lab.rollout.commands import preflight, run
from cilium_lab.rollout.request import Canary, Desired, Limits
from tests.helpers.simulated_api import Killed, SimulatedApi
from tests.helpers.simulated_cluster import OLD, SimulatedCluster

NEW = {"k8s-cp": ["172.20.0.0/24"], "k8s-w1": ["172.20.1.0/24"], "k8s-w2": ["172.20.2.0/24"]}
POOL, POD_CIDR = IPv4Network("172.20.0.0/16"), IPv4Network("192.168.0.0/16")
CANARY = Canary("tools:1", ("http://webpod.default/", "http://172.31.1.20/"), ("webpod.default",), "default/webpod")


def desired(mode: str, **more: object) -> Desired:
    given: dict[str, object] = {
        "other_networks": {"the node network": IPv4Network("172.31.0.0/20")},
        "recreate": ("default/curl-pod",),
        "services": ("kube-system/kube-dns", "default/webpod"),
        "canary": CANARY,
        **more,
    }
    return Desired(mode, (POOL,), POD_CIDR, 24, **given)  # type: ignore[arg-type]


def configure(cluster: SimulatedCluster, mode: str, pools: str = "172.20.0.0/16 192.168.0.0/16") -> None:
    """What Helm does: a new cilium-config, and nothing restarts."""
    cluster.advance(2.0)
    wanted = {"ipam": mode}
    if mode == "cluster-pool":
        wanted |= {"cluster-pool-ipv4-cidr": pools, "cluster-pool-ipv4-mask-size": "24"}
    if cluster.config != wanted:
        cluster.config, cluster.config_changed = wanted, cluster.now


def migrate(cluster: SimulatedCluster, want: Desired, api: SimulatedApi | None = None) -> tuple[bool, list[str]]:
    told: list[str] = []
    used = api or SimulatedApi(cluster)
    reached = Cluster(used, want.non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    return run(want, reached, say=told.append, clock=clock, stamp=lambda: f"t{cluster.now}"), told


def settled(cluster: SimulatedCluster) -> None:
    """No trace is left: no cordon, no state, no canary, no error, and curl-pod is where it was."""
    assert not any(node["cordoned"] for node in cluster.nodes.values())
    assert cluster.config_maps == {}
    assert not [pod for pod in cluster.pods.values() if "canary" in pod.name and pod.gone_at is None]
    assert set(cluster.errors.values()) == {""}
    assert cluster.operator_mode == cluster.config["ipam"]
    for pod in cluster.pods.values():
        if not pod.host:
            assert pod.address in IPv4Network(cluster.pod_cidrs[pod.node][0]), pod.key
    curl = cluster.pods["default/curl-pod"]
    assert (curl.node, curl.manager, curl.labels) == ("k8s-cp", "tests", {"app": "curl"})


def test_forward_and_back_is_noticed_by_nobody() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    assert cluster.pod_cidrs == NEW
    assert set(cluster.running.values()) == {("cluster-pool", cidrs[0]) for cidrs in NEW.values()}
    settled(cluster)
    configure(cluster, "kubernetes")
    done, told = migrate(cluster, desired("kubernetes"))
    assert done, "\n".join(told)
    assert cluster.pod_cidrs == {name: [cidr] for name, cidr in OLD.items()}
    settled(cluster)
    assert cluster.noticed == []


def test_a_second_run_changes_nothing() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    migrate(cluster, desired("cluster-pool"))
    api = SimulatedApi(cluster)
    done, told = migrate(cluster, desired("cluster-pool"), api)
    assert done
    assert api.changes == []
    assert told[-1].startswith("0 steps")


def test_to_another_pool() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    migrate(cluster, desired("cluster-pool"))
    other = Desired(**{**desired("cluster-pool").__dict__, "pools": (IPv4Network("172.24.0.0/16"),)})
    cluster.masquerade.append("172.24.0.0/16")
    configure(cluster, "cluster-pool", "172.24.0.0/16 172.20.0.0/23 172.20.2.0/24 192.168.0.0/16")
    done, told = migrate(cluster, other)
    assert done, "\n".join(told)
    assert cluster.pod_cidrs["k8s-w1"] == ["172.24.1.0/24"]
    settled(cluster)
    assert cluster.noticed == []


def test_back_to_kubernetes_from_a_pool_that_the_configuration_no_longer_names() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    migrate(cluster, desired("cluster-pool"))
    other = Desired(**{**desired("kubernetes").__dict__, "pools": (IPv4Network("172.24.0.0/16"),)})
    for lists in (cluster.masquerade, *cluster.maps.values()):
        lists.append("172.24.0.0/16")
    configure(cluster, "kubernetes")
    done, told = migrate(cluster, other)
    assert done, "\n".join(told)
    assert cluster.pod_cidrs == {name: [cidr] for name, cidr in OLD.items()}
    settled(cluster)
    assert cluster.noticed == []


def test_nodes_that_keep_their_pod_cidr_are_rolled_out_as_all_others() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool", "192.168.0.0/16")
    want = Desired(**{**desired("cluster-pool").__dict__, "pools": (POD_CIDR,)})
    done, told = migrate(cluster, want)
    assert done, "\n".join(told)
    assert cluster.running == {name: ("cluster-pool", cidr) for name, cidr in OLD.items()}
    assert cluster.noticed == []


@pytest.mark.parametrize("release", ["1.18.9", "1.19.0"])
def test_operators_of_later_releases_are_waited_for_by_what_they_log(release: str) -> None:
    cluster = SimulatedCluster()
    cluster.release = release
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    assert cluster.pod_cidrs == NEW
    settled(cluster)


def in_cluster_pool() -> SimulatedCluster:
    """A lab that was migrated to cluster-pool, and runs a release that knows the way on."""
    cluster = SimulatedCluster()
    cluster.release = "1.20.0"
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    return cluster


def in_pools(cluster: SimulatedCluster) -> None:
    """Every agent is in multi-pool, every node kept its pod CIDR, and nobody has noticed."""
    assert cluster.pod_cidrs == NEW
    assert cluster.pooled == set(NEW)
    assert {mode for mode, _ in cluster.running.values()} == {"multi-pool"}
    settled(cluster)
    assert cluster.noticed == []


def test_from_cluster_pool_to_multi_pool() -> None:
    cluster = in_cluster_pool()
    configure(cluster, "multi-pool")
    done, told = migrate(cluster, desired("multi-pool"))
    assert done, "\n".join(told)
    in_pools(cluster)
    api = SimulatedApi(cluster)
    done, told = migrate(cluster, desired("multi-pool"), api)
    assert done
    assert api.changes == []


def test_changed_settings_in_multi_pool() -> None:
    cluster = in_cluster_pool()
    configure(cluster, "multi-pool")
    migrate(cluster, desired("multi-pool"))
    before = {pod.uid for pod in cluster.pods.values() if pod.labels.get("k8s-app") == "cilium"}
    cluster.advance(2.0)
    cluster.settings = "debug=false"
    done, told = migrate(cluster, desired("multi-pool"))
    assert done, "\n".join(told)
    assert not before & {pod.uid for pod in cluster.pods.values()}
    in_pools(cluster)


@pytest.mark.parametrize("kill_at", range(1, 30, 3))
def test_killed_on_the_way_to_multi_pool_the_next_run_ends_well(kill_at: int) -> None:
    cluster = in_cluster_pool()
    configure(cluster, "multi-pool")
    with pytest.raises(Killed):
        migrate(cluster, desired("multi-pool"), SimulatedApi(cluster, kill_at, after=kill_at % 2 == 0))
    cluster.advance(1.0)
    done, told = migrate(cluster, desired("multi-pool"))
    assert done, "\n".join(told)
    in_pools(cluster)


def changes_of_a_whole_run() -> int:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    api = SimulatedApi(cluster)
    migrate(cluster, desired("cluster-pool"), api)
    return len(api.changes)


CHANGES = changes_of_a_whole_run()


@pytest.mark.parametrize("mode", ["cluster-pool", "kubernetes"])
@pytest.mark.parametrize("kill_at", range(1, CHANGES + 1))
def test_killed_at_any_change_the_next_run_ends_well(kill_at: int, mode: str) -> None:
    """Forward, killed before the change (odd numbers) or after it; then on, or in reverse."""
    after = kill_at % 2 == 0
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    with pytest.raises(Killed):
        migrate(cluster, desired("cluster-pool"), SimulatedApi(cluster, kill_at, after=after))
    cluster.advance(1.0)
    configure(cluster, mode)
    done, told = migrate(cluster, desired(mode))
    assert done, "\n".join(told)
    wanted = NEW if mode == "cluster-pool" else {name: [cidr] for name, cidr in OLD.items()}
    assert cluster.pod_cidrs == wanted
    settled(cluster)
    assert cluster.noticed == []


def test_a_budget_that_holds_stops_uncordons_the_node_and_tells_why() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    cluster.budgets = [
        {
            "metadata": {"namespace": "default", "name": "webpod"},
            "status": {"expectedPods": 2, "desiredHealthy": 1},
            "held": True,
        }
    ]
    want = Desired(**{**desired("cluster-pool").__dict__, "limits": Limits(drain=30.0)})
    done, told = migrate(cluster, want)
    text = "\n".join(told)
    assert not done
    for words in (
        "stage 4 move-node",
        "drained on k8s-w",
        "held by its disruption budget",
        "kubectl get pdb",
        "uncordoned",
    ):
        assert words in text
    assert "last lines of the operator" in text
    assert not any(node["cordoned"] for node in cluster.nodes.values())
    cluster.budgets = []
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    assert cluster.noticed == []


def from_the_first_node_on(
    cluster: SimulatedCluster, want: Desired, change: Callable[[], None]
) -> tuple[bool, list[str]]:
    """A migration during which something changes when the first node's rollout begins."""
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if "begins: 192.168" in line:
            change()

    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    return run(want, reached, say=say, clock=clock, stamp=lambda: f"t{cluster.now}"), told


def test_a_canary_that_cannot_run_refuses_before_anything_is_changed() -> None:
    cluster = SimulatedCluster()
    cluster.advance(2.0)
    cluster.canary_pulls = False
    told: list[str] = []
    want = desired("cluster-pool", limits=Limits(canary=20.0))
    reached = Cluster(SimulatedApi(cluster), want.non_masquerade_cidrs)
    assert preflight(want, reached, say=told.append, clock=Clock(lambda: cluster.now, cluster.advance)) is None
    text = "\n".join(told)
    assert "is refused, nothing was changed: canary runs on k8s-cp: not within 20 s" in text
    assert "ErrImagePull" in text
    assert cluster.config_maps == {}
    assert not [pod for pod in cluster.pods.values() if "canary" in pod.name and pod.gone_at is None]


def test_what_a_policy_keeps_the_canary_from_is_not_repeated() -> None:
    cluster = SimulatedCluster()
    cluster.canary_reaches = False
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool", limits=Limits(canary=20.0)))
    assert done, "\n".join(told)
    (noted,) = [line for line in told if "which are not repeated" in line]
    assert "http://webpod.default/ does not answer" in noted
    settled(cluster)
    assert cluster.noticed == []


def test_a_canary_that_does_not_start_stops_and_uncordons_the_node() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    want = desired("cluster-pool", limits=Limits(canary=20.0))
    done, told = from_the_first_node_on(cluster, want, lambda: setattr(cluster, "canary_pulls", False))
    text = "\n".join(told)
    assert not done
    assert "canary runs on k8s-w1: not within 20 s" in text
    assert "cilium-lab-canary-k8s-w1 (172.20.1.10, not ready, ErrImagePull)" in text
    agent, operator = (told.index(f"last lines of the {who}:") for who in ("agent of k8s-w1", "operator"))
    assert told[agent + 1] == "  | last line of cilium-k8s-w1"
    assert told[operator + 1].startswith("  | last line of cilium-operator-")
    assert "chatter" not in text
    assert "uncordoned: k8s-w1" in told
    assert not any(node["cordoned"] for node in cluster.nodes.values())
    assert not [pod for pod in cluster.pods.values() if "canary" in pod.name and pod.gone_at is None]
    cluster.canary_pulls = True
    finish(cluster)


def test_a_node_whose_canary_reaches_nothing_stays_cordoned() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    want = desired("cluster-pool", limits=Limits(canary=20.0))
    done, told = from_the_first_node_on(cluster, want, lambda: setattr(cluster, "canary_reaches", False))
    assert not done
    assert "canary reaches everything on k8s-w1: not within 20 s" in "\n".join(told)
    assert "still cordoned, for pods there would be cut off: k8s-w1" in told
    assert [name for name, node in cluster.nodes.items() if node["cordoned"]] == ["k8s-w1"]
    cluster.canary_reaches = True
    finish(cluster)


def finish(cluster: SimulatedCluster) -> None:
    """The next run ends well, and nobody has noticed anything of either."""
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    assert cluster.pod_cidrs == NEW
    settled(cluster)
    assert cluster.noticed == []


def test_drops_of_an_unexpected_reason_are_told_at_the_end() -> None:
    cluster = SimulatedCluster()
    configure(cluster, "cluster-pool")
    cluster.drops = {"Policy denied": 3}
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        if "begins: 192.168" in line:  # while nodes are rolled out
            cluster.drops = {"Policy denied": 5, "Stale or unroutable IP": 7}

    reached = Cluster(SimulatedApi(cluster), desired("cluster-pool").non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    assert run(desired("cluster-pool"), reached, say=say, clock=clock, stamp=lambda: "t")
    dropped = [line for line in told if "packets were dropped" in line]
    assert len(dropped) == 3
    assert all("I8" in line and "no packet dropped as 'Policy denied', seen 2" in line for line in dropped)


def test_a_missing_non_masquerade_cidr_is_awaited_and_the_kubelets_sync_at_once() -> None:
    cluster = SimulatedCluster()
    cluster.maps["k8s-w1"] = ["192.168.0.0/16"]
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert done, "\n".join(told)
    cluster = SimulatedCluster()
    cluster.masquerade = ["192.168.0.0/16"]
    cluster.maps["k8s-w1"] = ["192.168.0.0/16"]
    configure(cluster, "cluster-pool")
    done, told = migrate(cluster, desired("cluster-pool"))
    assert not done
    assert "non-masquerade CIDRs: not within 150 s" in "\n".join(told)
    assert "I4 172.20.0.0/16 inside a range that is not masqueraded" in "\n".join(told)


def test_preflight_tells_what_will_happen_and_hands_on() -> None:
    cluster = SimulatedCluster()
    told: list[str] = []
    api = SimulatedApi(cluster)
    reached = Cluster(api, desired("cluster-pool").non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    answer = preflight(desired("cluster-pool"), reached, say=told.append, clock=clock, stamp=lambda: "t1")
    assert json.loads(answer or "") == {"inUse": [], "run": "t1", "podCidrs": {n: [b] for n, b in OLD.items()}}
    touched = {change.partition("?")[0].rpartition("/")[2] for change in api.changes}
    assert touched == {"cilium-lab-canary-k8s-cp", "cilium-lab-migration"}
    assert "k8s-w1 -> 172.20.1.0/24, k8s-w2 -> 172.20.2.0/24, k8s-cp -> 172.20.0.0/24" in told[0]
    assert any("default/curl-pod is deleted and re-created in place" in line for line in told)
    assert any("logs/logger-k8s-w1 is re-created in place by its DaemonSet" in line for line in told)


def test_a_preflight_that_refuses_changes_nothing() -> None:
    cluster = SimulatedCluster()
    cluster.nodes["k8s-w2"]["ready"] = False
    api, told = SimulatedApi(cluster), []
    reached = Cluster(api, desired("cluster-pool").non_masquerade_cidrs)
    clock = Clock(lambda: cluster.now, cluster.advance)
    assert preflight(desired("cluster-pool"), reached, say=told.append, clock=clock) is None
    assert api.changes == []
    assert "node k8s-w2 is not ready" in "\n".join(told)
    assert cluster.now >= Limits().nodes, "what may come up by itself is given time"
