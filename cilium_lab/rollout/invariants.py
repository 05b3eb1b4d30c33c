"""What holds between any two steps of a migration, as pure functions of one snapshot that return what is violated.

I1 to I8 and I10 are here; I9, that no request fails, is read from the probes' lines (labctl.bench.judge). The names of
the functions and of the invariants are stable: the engine, `./lab verify` and the bench's end state share them.

A node may have two pod CIDRs at a time (its new one beside its old one), so these cover all pod CIDRs of a CiliumNode;
that each node has one alone at the end follows from `plan`, which finds nothing more to do (I10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from cilium_lab.kube.objects import Node, Pod, Route, Snapshot
from cilium_lab.rollout.request import MULTI_POOL, Desired


@dataclass(frozen=True)
class Violation:
    """One subject (a node, pod or Service) that breaks an invariant."""

    invariant: str
    subject: str
    expected: str
    seen: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.subject}: expected {self.expected}, seen {self.seen}"


Violations = tuple[Violation, ...]

TOLERATED_DROPS = (
    "Stale or unroutable IP",
    "Unsupported L3 protocol",
    "VLAN traffic disallowed by VLAN filter",
    "Reverse NAT: no entry",
    "No mapping for NAT masquerade",
    "Unsupported protocol for NAT masquerade",
    "Forbidden ICMPv6 message",
)
"""Reasons that say nothing about a migration: packets to an address that has just gone and ICMP's errors about them
(which masquerading does not translate), IPv6 chatter of the links, and answers after the end of their connection."""


def pod_cidrs_disjoint(snapshot: Snapshot, ranges: Iterable[IPv4Network], mask_size: int) -> Violations:
    """I1: pod CIDRs are pairwise disjoint, inside the ranges, of the right size, and every node has one.

    Those of pools are of whatever size and range their pool says.
    """
    allowed = tuple(ranges)
    found: list[Violation] = []
    listed = [(name, cidr) for name, node in sorted(snapshot.cilium_nodes.items()) for cidr in node.pod_cidrs]
    for (name, cidr), (other, second) in combinations(listed, 2):
        if cidr.overlaps(second):
            found.append(Violation("I1", name, f"a pod CIDR that overlaps no other, {other} has {second}", str(cidr)))
    pooled = {name for name, node in snapshot.cilium_nodes.items() if node.pooled}
    for name, cidr in listed:
        if name in pooled:
            continue
        if cidr.prefixlen != mask_size or not any(cidr.subnet_of(wide) for wide in allowed):
            found.append(Violation("I1", name, f"a /{mask_size} of {_join(allowed)}", str(cidr)))
    for node in snapshot.nodes:
        if not snapshot.pod_cidrs(node.name):
            found.append(Violation("I1", node.name, "a pod CIDR in its CiliumNode", "none"))
    return tuple(found)


def addresses_in_pod_cidrs(snapshot: Snapshot) -> Violations:
    """I2: every pod address lies in a pod CIDR of its node."""
    return tuple(
        Violation("I2", pod.key, f"an address of {_join(snapshot.pod_cidrs(pod.node))} ({pod.node})", str(pod.address))
        for pod in _settled(snapshot)
        if pod.address is not None and not any(pod.address in cidr for cidr in snapshot.pod_cidrs(pod.node))
    )


def routes_complete(snapshot: Snapshot, *, direct: bool) -> Violations:
    """I3: every node that was queried has a route to every other node's pod CIDRs, and none to a dead one.

    `direct`: the route's gateway is the other node (native routing); otherwise it leads into the tunnel.
    """
    found: list[Violation] = []
    for name, view in sorted(snapshot.views.items()):
        wanted = {cidr: peer for peer in snapshot.nodes if peer.name != name for cidr in snapshot.pod_cidrs(peer.name)}
        have = {route.destination: route for route in view.routes}
        for cidr, peer in wanted.items():
            if not _leads_to(have.get(cidr), peer, direct=direct):
                way = f"via {peer.address}" if direct else "by cilium_host"
                found.append(Violation("I3", name, f"a route to {cidr} {way} ({peer.name})", _words(have.get(cidr))))
        own = snapshot.pod_cidrs(name)
        for cidr, route in have.items():
            if cidr not in wanted and cidr not in own:
                found.append(Violation("I3", name, "no route to a pod CIDR that no node has", _words(route)))
    return tuple(found)


def _leads_to(route: Route | None, peer: Node, *, direct: bool) -> bool:
    if route is None:
        return False
    return route.gateway == peer.address if direct else route.device == "cilium_host"


def _words(route: Route | None) -> str:
    return f"{route.destination} via {route.gateway or route.device}" if route else "none"


def non_masquerade_complete(snapshot: Snapshot, always: Iterable[IPv4Network]) -> Violations:
    """I4: the agents' non-masquerade CIDRs hold every range of `always` and every pod CIDR in use."""
    needed = {*always, *(cidr for node in snapshot.cilium_nodes.values() for cidr in node.pod_cidrs)}
    return tuple(
        Violation("I4", name, f"{cidr} inside a range that is not masqueraded", _join(view.non_masquerade_cidrs))
        for name, view in sorted(snapshot.views.items())
        # an agent that still masquerades by iptables has no such map
        if view.non_masquerade_cidrs or (view.non_masquerade_cidrs is not None and not snapshot.is_behind(name))
        for cidr in sorted(needed)
        if not any(cidr.subnet_of(wide) for wide in view.non_masquerade_cidrs)
    )


def agents_as_expected(snapshot: Snapshot, modes: Mapping[str, str]) -> Violations:
    """I5: no operator error; every agent that was queried runs in its mode of `modes` (by node) on its CiliumNode's
    first pod CIDR."""
    found = [
        Violation("I5", name, "no error of the operator", node.error)
        for name, node in sorted(snapshot.cilium_nodes.items())
        if node.error
    ]
    for name, view in sorted(snapshot.views.items()):
        if view.mode is None:
            continue
        if view.mode != modes.get(name):
            found.append(Violation("I5", name, f"an agent in {modes.get(name)}", view.mode))
        first = snapshot.pod_cidrs(name)[:1]
        if view.mode != MULTI_POOL and first != ((view.pod_cidr,) if view.pod_cidr else ()):
            found.append(Violation("I5", name, f"an agent on {_join(first)}", str(view.pod_cidr)))
    return tuple(found)


def endpoints_ready(snapshot: Snapshot) -> Violations:
    """I6: every running pod outside the host's network has a ready endpoint with its address, and no more exist."""
    endpoints = {endpoint.key: endpoint for endpoint in snapshot.endpoints}
    found: list[Violation] = []
    for pod in _settled(snapshot):
        endpoint = endpoints.get(pod.key)
        if pod.address is None:
            found.append(Violation("I6", pod.key, "an address", "none yet"))
        elif endpoint is None or not endpoint.ready or endpoint.address != pod.address:
            seen = "none" if endpoint is None else f"{endpoint.address}, {'' if endpoint.ready else 'not '}ready"
            found.append(Violation("I6", pod.key, f"a ready endpoint with {pod.address} on {pod.node}", seen))
    pods = {pod.key for pod in snapshot.pods}
    for key in sorted(endpoints.keys() - pods):
        found.append(Violation("I6", key, "no endpoint without a pod", str(endpoints[key].address)))
    return tuple(found)


def services_backed(snapshot: Snapshot, services: Iterable[str]) -> Violations:
    """I7: each Service (`namespace/name`) has a ready backend. One that does not exist has no slice, so no entry."""
    return tuple(
        Violation("I7", service, "a ready backend", "0") for service in services if snapshot.backends.get(service) == 0
    )


def no_new_drops(before: Mapping[str, Mapping[str, int]], snapshot: Snapshot) -> Violations:
    """I8: no packet was dropped since `before` (node -> reason -> packets) for a reason that is not tolerated."""
    found: list[Violation] = []
    for name, view in sorted(snapshot.views.items()):
        for reason, packets in sorted((view.drops or {}).items()):
            more = packets - before.get(name, {}).get(reason, 0)
            if more > 0 and reason not in TOLERATED_DROPS:
                found.append(Violation("I8", name, f"no packet dropped as {reason!r}", f"{more}"))
    return tuple(found)


def nothing_left(steps: Iterable[object]) -> Violations:
    """I10: another run has nothing to do; `steps` is what it would do."""
    return tuple(Violation("I10", "the next run", "no step", str(step)) for step in steps)


def violated(
    desired: Desired, snapshot: Snapshot, modes: Mapping[str, str], also_in_use: Iterable[IPv4Network] = ()
) -> Violations:
    """I1 to I7: all that one snapshot shows.

    `also_in_use` are pod CIDRs outside the configuration that nodes may have until their rollout.
    """
    configured = snapshot.configured.pools if snapshot.configured else ()
    ranges = (*desired.non_masquerade_cidrs, *configured, *also_in_use)
    return (
        *pod_cidrs_disjoint(snapshot, ranges, desired.mask_size),
        *addresses_in_pod_cidrs(snapshot),
        *routes_complete(snapshot, direct=desired.direct_routes),
        *(non_masquerade_complete(snapshot, desired.non_masquerade_cidrs) if desired.ip_masq_agent else ()),
        *agents_as_expected(snapshot, modes),
        *endpoints_ready(snapshot),
        *services_backed(snapshot, desired.services),
    )


def _settled(snapshot: Snapshot) -> tuple[Pod, ...]:
    return tuple(pod for pod in snapshot.pods if pod.on_pod_network and not pod.terminating)


def _join(cidrs: Iterable[IPv4Network | IPv4Address] | None) -> str:
    return ", ".join(map(str, cidrs or ())) or "none"
