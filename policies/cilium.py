"""Cilium: which traffic keeps its source address, how the pool may change, and what restarts agents.

A pod's packet keeps its source when its destination lies in ipv4NativeRoutingCIDR or, with bpf masquerading, in
the non-masquerade CIDRs of the ip-masq-agent (components/cilium/ipam.py names the places in Cilium's source). So either
may cover a range of pods, and the native range itself must hold some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.resource import Resource, Unknown, at, mapping, texts_in
from policies.rule import REASONS_SCHEMA, Finding, Option, Options, Rule, reasons
from policies.study import (
    Range,
    covered,
    is_cilium,
    is_on,
    kubeadm,
    network,
    node_networks,
    non_masquerade_cidrs,
    pod_subnets,
    pool,
    releases,
    routed_networks,
    service_networks,
    uses_masquerade_agent,
)
from policies.typed_values import TYPED, leaves, under


def _handed_out(resources: Sequence[Resource], release: Resource) -> list[Range]:
    """The ranges that pods may have addresses of.

    With non-masquerade CIDRs, kubeadm's range and the pool alike. Without them no migration is possible, so kubeadm's
    range, which ends the pool, is not handed out while the pool has another.
    """
    subnets, ranges = pod_subnets(resources), pool(release)
    if uses_masquerade_agent(release):
        return [*subnets, *ranges]
    own = [one for one in ranges if one.cidr not in [subnet.cidr for subnet in subnets]]
    return own or ranges or subnets


def native_routing(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """Every pod range lies in the native range or in the non-masquerade CIDRs, and the native range holds pods."""
    for release in releases(resources):
        given = release.at("values.ipv4NativeRoutingCIDR")
        if release.at("values.routingMode") != "native" or isinstance(given, Unknown):
            continue
        native = network(given)
        if native is None:
            yield Finding(release.urn, f"ipv4NativeRoutingCIDR is {given!r}, and native routing needs an IPv4 range")
            continue
        listed = non_masquerade_cidrs(resources, release) if uses_masquerade_agent(release) else []
        if isinstance(listed, Unknown):
            continue
        ranges = _handed_out(resources, release)
        for one in ranges:
            if not covered(one.cidr, [native, *(listed or ())]):
                where = f"neither ipv4NativeRoutingCIDR {native} nor nonMasqueradeCIDRs covers it"
                yield Finding(release.urn, f"pods get addresses of {one.cidr} ({one.what}), and {where}")
        if ranges and not any(one.cidr.overlaps(native) for one in ranges):
            held = ", ".join(str(one.cidr) for one in ranges)
            yield Finding(release.urn, f"ipv4NativeRoutingCIDR {native} holds no pod: pods get addresses of {held}")


def masquerade(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """The non-masquerade CIDRs exist, cover every range in use, and no range of anything but pods."""
    in_use = [cidr for cidr in map(network, texts_in(options["inUse"])) if cidr]
    for release in releases(resources):
        listed = non_masquerade_cidrs(resources, release)
        if not uses_masquerade_agent(release) or isinstance(listed, Unknown):
            continue
        if not listed:
            seen = "no ConfigMap ip-masq-agent in its namespace" if listed is None else "an empty list"
            yield Finding(release.urn, f"the ip-masq-agent is on and has {seen}")
            continue
        ranges = [*pod_subnets(resources), *pool(release), *(Range("in use", cidr, release.urn) for cidr in in_use)]
        for one in ranges:
            if not covered(one.cidr, listed):
                yield Finding(release.urn, f"nonMasqueradeCIDRs lacks {one.cidr} ({one.what})")
        for other in [*node_networks(resources), *routed_networks(resources), *service_networks(resources)]:
            if any(cidr.overlaps(other.cidr) for cidr in listed):
                yield Finding(release.urn, f"nonMasqueradeCIDRs overlaps {other.cidr} ({other.what}, no pods)")


def pool_only_grows(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """The pool holds the range that Kubernetes allocates pod CIDRs from, and every range that the options name."""
    held = [Range("named by the option held", cidr, "") for cidr in map(network, texts_in(options["held"])) if cidr]
    for release in releases(resources):
        ranges = [one.cidr for one in pool(release)]
        taken_over = pod_subnets(resources) if release.at("values.ipam.mode") == "cluster-pool" else []
        for one in [*taken_over, *held] if ranges else []:
            if not covered(one.cidr, ranges):
                seen = ", ".join(map(str, ranges))
                yield Finding(release.urn, f"the pool ({seen}) lacks {one.cidr}, {one.what}")


def kube_proxy(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """A replacement of kube-proxy has the API server's own address; where there is no kube-proxy it is replaced."""
    disabled = [doc for _, doc in kubeadm(resources, "ClusterConfiguration") if at(doc, "proxy.disabled") is True]
    for release in releases(resources):
        if isinstance(release.at("values.kubeProxyReplacement"), Unknown):
            continue
        if not is_on(release, "kubeProxyReplacement"):
            if disabled:
                yield Finding(release.urn, "kubeProxyReplacement is off, and kubeadm installs no kube-proxy")
            continue
        for name in ("k8sServiceHost", "k8sServicePort"):
            if release.at(f"values.{name}") in (None, "", 0):
                yield Finding(release.urn, f"kubeProxyReplacement is on, and {name} is not set")


def rollout(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """Nothing that Helm does restarts an agent, and each change of its configuration shows in its template."""
    for release in filter(is_cilium, resources):
        strategy = release.at("values.updateStrategy.type")
        if strategy != "OnDelete" and not isinstance(strategy, Unknown):
            yield Finding(
                release.urn, f"updateStrategy.type is {strategy or 'RollingUpdate, the default'}, not OnDelete"
            )
        unknown = isinstance(release.at("values.rollOutCiliumPods"), Unknown)
        if not unknown and not is_on(release, "rollOutCiliumPods"):
            yield Finding(release.urn, "rollOutCiliumPods is off, so that a changed setting reaches no running agent")
        for name in ("recreatePods", "forceUpdate"):
            if release.at(name) is True:
                yield Finding(release.urn, f"the release's {name} is on")


def values(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """Every value is one of the program's own, or the options state why it is there."""
    accepted = reasons(options, "reasons")
    for release in filter(is_cilium, resources):
        for path in leaves(mapping(release.at("values"))):
            if path not in TYPED and not under(path, accepted):
                yield Finding(release.urn, f"{path} is none of the program's values, and no reason for it is stated")


_RANGES = {"type": "array", "items": {"type": "string", "pattern": r"^[0-9.]+/[0-9]+$"}}

RULES = (
    Rule(
        "cilium-native-routing-covers-pods",
        "stack",
        "A pod range that neither ipv4NativeRoutingCIDR nor nonMasqueradeCIDRs covers is masqueraded between nodes: "
        "pods see each other under node addresses. The study's own values do that (10.244.0.0/16 for pods in "
        "192.168.0.0/16).",
        "set ipv4NativeRoutingCIDR to the pod range, or add the range to nonMasqueradeCIDRs of the ip-masq-agent; "
        "leave both to the key podCidr and out of ciliumValues",
        native_routing,
    ),
    Rule(
        "cilium-masquerade-list-covers-ranges",
        "stack",
        "Without nonMasqueradeCIDRs the ip-masq-agent takes a built-in list of all private ranges. Where a pod range "
        "is missing, sources of pods are rewritten; any other range is reached by pods under their own addresses.",
        "set nonMasqueradeCIDRs to podCidr, every range of the pool and what live nodes still use, and nothing else",
        masquerade,
        options=(Option("inUse", [], _RANGES),),
    ),
    Rule(
        "cilium-pool-only-grows",
        "stack",
        "A restarted operator takes over no pod CIDR that lies outside the pool: its node is left with an error. A "
        "policy sees the stack as it will be, not as it was; so it checks that kubeadm's podSubnet stays, and what the "
        "option held names. The migration compares with the live cluster.",
        "add ranges before the others and remove none that a node has a pod CIDR of; name those in held",
        pool_only_grows,
        options=(Option("held", [], _RANGES),),
    ),
    Rule(
        "cilium-kube-proxy-replacement",
        "stack",
        "Without kube-proxy the API server's Service address answers only once the agent runs, and the agent needs "
        "the API server to run.",
        "set k8sServiceHost and k8sServicePort to the control plane's own address; turn the replacement on where "
        "kubeadm has proxy.disabled",
        kube_proxy,
    ),
    Rule(
        "cilium-agents-roll-by-migration",
        "resource",
        "An agent that restarts with another configuration may drop the endpoints of its node; the rollout of nodes "
        "restarts one at a time and checks each. It knows who is behind by the checksum in the agents' template.",
        "keep updateStrategy.type OnDelete, rollOutCiliumPods on, and recreatePods and forceUpdate off",
        rollout,
    ),
    Rule(
        "cilium-values-typed",
        "resource",
        "A value outside the typed set is not checked, and Cilium's chart takes any key.",
        "drop it from ciliumValues, or state the reason in the option reasons: its path (or one above it) -> why",
        values,
        options=(Option("reasons", {}, REASONS_SCHEMA),),
    ),
)
