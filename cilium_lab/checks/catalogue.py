"""The ordered list of the checks of a lab: the order in which it comes up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from cilium_lab.checks import addons, agents, captures, cluster, datapath, hosts, traffic
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.checks.runner import Check
from cilium_lab.kube.conditions import Result

_FLOWS = "flows"
"""The lane of those that look at the last flows of curl-pod, or make many."""


def catalogue(want: Expectation, lab: Lab) -> tuple[Check, ...]:
    """All checks that apply to the wanted lab. Checks of add-ons that it does not have are left out."""

    def check(name: str, run: Callable[[Expectation, Lab], Result], timeout: float = 60.0, lane: str = "") -> Check:
        return Check(name, partial(run, want, lab), timeout, lane=lane)

    checks = [
        check("hosts answer ssh", hosts.hosts_answer),
        check("router carries its addresses and forwards", hosts.router_forwards),
        check("nodes reach the study's network through the router", hosts.nodes_route_to_router),
        check("nodes ready at version and address", cluster.nodes_ready, 120.0),
        check("nodes accept pods", cluster.nodes_schedulable),
        check("no kube-proxy", cluster.no_kube_proxy),
        check("each node has its own pod CIDR", cluster.own_pod_cidrs),
        check("agents run in the wanted modes", agents.agent_modes, 120.0),
    ]
    if want.ipam_mode == "kubernetes":
        checks.append(check("CiliumNode and Node agree", cluster.pod_cidrs_agree))
    elif want.kubernetes_range:
        checks.append(check("Kubernetes' own pod CIDRs stay as they were", cluster.kubernetes_pod_cidrs_stay))
    if want.host_routing:
        checks.append(check("eBPF host routing as configured", datapath.host_routing))
        checks.append(check("agents masquerade at the nodes' interface", datapath.masquerading))
    checks += [
        check("workloads rolled out", cluster.rollouts_complete, 180.0),
        check("pod addresses lie in their node's pod CIDR", cluster.addresses_inside),
        check("every pod has a route, and every other node's pod CIDR", datapath.routes_of_pods),
        check("webpods on different nodes", traffic.webpods_spread),
        check("DNS answers in a pod", traffic.dns_answers),
        check("Service reaches every webpod", traffic.service_reaches_all, lane=_FLOWS),
        check("pod-to-pod traffic keeps its source", traffic.source_kept),
        check("router answers pods and sees their node", traffic.router_sees_the_node),
        check("router answers at every address", traffic.router_pages),
        check("ping of a node leaves with the right source", captures.ping_of_a_node),
        check("ping of the router is masqueraded", captures.ping_of_the_router),
        check("UDP to the router is masqueraded", captures.udp_to_the_router),
        check("termshark reads what tcpdump captures", captures.capture_is_read),
    ]
    if want.sample_pool is not None:
        checks.append(check("annotated pods have addresses of their pool", cluster.addresses_in_pool))
    if want.hubble:
        checks += [
            check("Hubble's relay reaches every node", agents.relay_reaches_all),
            check("Hubble shows the flows", agents.hubble_shows_flows, lane=_FLOWS),
        ]
    if want.storage_class is not None:
        checks.append(check("claim bound, written and removed", addons.claim_is_written, 90.0))
    if want.prometheus_port is not None:
        checks.append(check("Prometheus scrapes Cilium", addons.prometheus_has_targets))
    if want.pages:
        checks.append(check("further pages answer", addons.pages_answer))
    return tuple(checks)


def named(checks: Sequence[Check], names: Sequence[str]) -> tuple[Check, ...]:
    """The checks whose name holds one of these words, whatever their case, in their order; all without any.

    Raises KeyError with the first word that no check's name holds.
    """
    for name in names:
        if not any(name.lower() in check.name.lower() for check in checks):
            raise KeyError(name)
    return tuple(check for check in checks if not names or any(name.lower() in check.name.lower() for name in names))
