"""Each invariant holds on a healthy cluster and names what a test breaks on purpose."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from cilium_lab.kube.objects import AgentView, CiliumNode, Endpoint, Route
from cilium_lab.rollout import invariants
from cilium_lab.rollout.invariants import Violations
from cilium_lab.rollout.plan import plan
from tests.helpers.migration_world import (
    ADDRESS,
    BACK,
    FORWARD,
    MODES,
    NAMES,
    NEW,
    OLD,
    ONE,
    POD_CIDR,
    POOL,
    TWO,
    pod,
    view,
    with_pod_cidrs,
    world,
)  # fmt: skip

RANGES = (POOL, POD_CIDR)


def one(found: Violations, name: str, *words: str) -> None:
    """Exactly one violation, of that invariant, with these words."""
    assert [violation.invariant for violation in found] == [name]
    for word in words:
        assert word in str(found[0])


def test_a_healthy_cluster_violates_nothing() -> None:
    assert invariants.violated(FORWARD, world(), MODES) == ()
    both = {name: CiliumNode(name, (OLD[name], NEW[name])) for name in NAMES}
    routes = {
        name: (*view(name).routes, *(Route(NEW[peer], ADDRESS[peer], "ens160") for peer in NAMES if peer != name))
        for name in NAMES
    }
    snapshot = world(cilium_nodes=both, views={name: view(name, routes=routes[name]) for name in NAMES})
    assert invariants.violated(FORWARD, snapshot, MODES) == ()


def test_i1_pod_cidrs_overlap() -> None:
    found = invariants.pod_cidrs_disjoint(world(cilium_nodes=with_pod_cidrs(k8s_w2=(OLD["k8s-w1"],))), RANGES, 24)
    one(found, "I1", "overlaps no other", "192.168.1.0/24")


@pytest.mark.parametrize("cidr", ["192.168.64.0/25", "10.0.0.0/24"])
def test_i1_pod_cidr_of_wrong_size_or_place(cidr: str) -> None:
    found = invariants.pod_cidrs_disjoint(world(cilium_nodes=with_pod_cidrs(k8s_w2=(IPv4Network(cidr),))), RANGES, 24)
    one(found, "I1", "k8s-w2", cidr)


def test_i1_node_without_pod_cidr() -> None:
    one(
        invariants.pod_cidrs_disjoint(world(cilium_nodes=with_pod_cidrs(k8s_w2=())), RANGES, 24), "I1", "k8s-w2", "none"
    )


def test_i2_address_outside() -> None:
    astray = replace(ONE, address=IPv4Address("192.168.2.9"))
    one(invariants.addresses_in_pod_cidrs(world(pods=(astray, TWO))), "I2", "default/web-1", "192.168.2.9")
    assert invariants.addresses_in_pod_cidrs(world(pods=(replace(astray, terminating=True), TWO))) == ()


def test_i3_route_missing_or_elsewhere() -> None:
    routes = view("k8s-w1").routes
    missing = world(views={"k8s-w1": view("k8s-w1", routes=routes[1:])})
    one(invariants.routes_complete(missing, direct=True), "I3", "k8s-w1", "192.168.0.0/24", "seen none")
    wrong = (replace(routes[0], gateway=ADDRESS["k8s-w2"]), *routes[1:])
    elsewhere = world(views={"k8s-w1": view("k8s-w1", routes=wrong)})
    one(invariants.routes_complete(elsewhere, direct=True), "I3", "via 172.31.1.10", "via 172.31.1.12")


def test_i3_route_to_a_dead_pod_cidr() -> None:
    dead = Route(IPv4Network("192.168.9.0/24"), ADDRESS["k8s-w2"], "ens160")
    snapshot = world(views={"k8s-w1": view("k8s-w1", routes=(*view("k8s-w1").routes, dead))})
    one(invariants.routes_complete(snapshot, direct=True), "I3", "no node has", "192.168.9.0/24")


def test_i3_in_a_tunnel_routes_lead_to_cilium_host() -> None:
    inner = tuple(Route(OLD[peer], IPv4Address("192.168.1.1"), "cilium_host") for peer in ("k8s-cp", "k8s-w2"))
    snapshot = world(views={"k8s-w1": view("k8s-w1", routes=inner)})
    assert invariants.routes_complete(snapshot, direct=False) == ()
    assert len(invariants.routes_complete(snapshot, direct=True)) == 2


def test_i4_range_missing_from_an_agents_list() -> None:
    snapshot = world(views={"k8s-w1": view("k8s-w1", non_masquerade_cidrs=(POD_CIDR,))})
    one(invariants.non_masquerade_complete(snapshot, FORWARD.non_masquerade_cidrs), "I4", "k8s-w1", "172.20.0.0/16")


def test_i4_pod_cidr_in_use_outside_the_list() -> None:
    other = with_pod_cidrs(k8s_w2=(IPv4Network("172.24.0.0/24"),))
    snapshot = world(cilium_nodes=other, views={"k8s-w1": view("k8s-w1")})
    one(invariants.non_masquerade_complete(snapshot, FORWARD.non_masquerade_cidrs), "I4", "172.24.0.0/24")


def test_i5_error_mode_and_pod_cidr() -> None:
    broken = {**world().cilium_nodes, "k8s-w1": CiliumNode("k8s-w1", (OLD["k8s-w1"],), "allocator full")}
    one(invariants.agents_as_expected(world(cilium_nodes=broken), MODES), "I5", "k8s-w1", "allocator full")
    other = world(views={**world().views, "k8s-w1": view("k8s-w1", mode="cluster-pool")})
    one(invariants.agents_as_expected(other, MODES), "I5", "an agent in kubernetes", "cluster-pool")
    other_cidr = world(views={**world().views, "k8s-w1": view("k8s-w1", pod_cidr=NEW["k8s-w1"])})
    one(invariants.agents_as_expected(other_cidr, MODES), "I5", "192.168.1.0/24", "172.20.1.0/24")
    not_queried = world(views={"k8s-w1": AgentView("k8s-w1", None, None)})
    assert invariants.agents_as_expected(not_queried, MODES) == ()


def test_i6_endpoint_missing_not_ready_or_with_another_address() -> None:
    good = Endpoint("default", "web-2", TWO.address, True)
    one(invariants.endpoints_ready(world(endpoints=(good,))), "I6", "default/web-1", "seen none")
    late = Endpoint("default", "web-1", ONE.address, False)
    one(invariants.endpoints_ready(world(endpoints=(late, good))), "I6", "default/web-1", "not ready")
    other = Endpoint("default", "web-1", TWO.address, True)
    one(invariants.endpoints_ready(world(endpoints=(other, good))), "I6", "192.168.1.7", "192.168.2.7")


def test_i6_more_endpoints_than_pods_and_a_pod_without_address() -> None:
    more = (*world().endpoints, Endpoint("default", "gone", IPv4Address("192.168.1.8"), True))
    one(invariants.endpoints_ready(world(endpoints=more)), "I6", "default/gone", "without a pod")
    found = invariants.endpoints_ready(world(pods=(*world().pods, pod("new", "k8s-w1", None))))
    one(found, "I6", "default/new", "none yet")


def test_i7_service_without_backend() -> None:
    one(
        invariants.services_backed(world(backends={"kube-system/kube-dns": 0}), FORWARD.services),
        "I7",
        "kube-system/kube-dns",
        "seen 0",
    )
    assert invariants.services_backed(world(backends={}), FORWARD.services) == ()


def test_i8_new_drops() -> None:
    before = {"k8s-w1": {"Policy denied": 4}}
    after = world(views={"k8s-w1": view("k8s-w1", drops={"Policy denied": 6, "Stale or unroutable IP": 90})})
    one(invariants.no_new_drops(before, after), "I8", "k8s-w1", "'Policy denied'", "seen 2")
    assert invariants.no_new_drops({"k8s-w1": {"Policy denied": 6}}, after) == ()


def test_i10_something_is_left_to_do() -> None:
    assert invariants.nothing_left(plan(BACK, world())) == ()
    left = invariants.nothing_left(plan(FORWARD, world()))
    assert {violation.invariant for violation in left} == {"I10"}
    assert "stage 4 move-node k8s-w1" in " ".join(map(str, left))
