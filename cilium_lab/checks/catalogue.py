"""The ordered list of checks for a lab: the order in which it comes up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cilium_lab.checks import agents, cluster, flows, hosts, pages, pools, router, storage, traffic
from cilium_lab.checks.check import Check, Result
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation


def catalogue(want: Expectation) -> tuple[Check, ...]:
    """All checks that apply to the wanted lab. Checks of add-ons that it does not have are left out."""

    def check(name: str, run: Callable[[Expectation, Context], Result], limit: float = 60.0) -> Check:
        return Check(name, partial(run, want), limit)

    checks = [
        check("hosts answer ssh", hosts.hosts_answer),
        check("router carries its addresses and forwards", hosts.router_forwards),
        check("nodes reach the study's network through the router", hosts.nodes_route_to_router),
        check("nodes ready at version and address", cluster.nodes_ready, 120.0),
        check("nodes take pods", cluster.nodes_take_pods),
        check("no kube-proxy", cluster.no_kube_proxy),
        check("each node has its own block", cluster.own_blocks),
        check("agents run in the wanted modes", agents.agent_modes, 120.0),
    ]
    if want.ipam_mode == "kubernetes":
        checks.append(check("CiliumNode and Node agree", agents.blocks_agree))
    checks += [
        check("workloads rolled out", cluster.rollouts_complete, 180.0),
        check("pod addresses lie in their node's block", agents.addresses_inside),
        check("webpods on different nodes", traffic.webpods_spread),
        check("DNS answers in a pod", traffic.dns_answers),
        check("Service reaches every webpod", traffic.service_reaches_all),
        check("pod-to-pod traffic keeps its source", traffic.source_kept),
        check("router answers pods and sees their node", router.router_sees_the_node),
    ]
    if want.sample_pool is not None:
        checks.append(check("annotated pods have addresses of their pool", pools.addresses_in_pool))
    if want.hubble:
        checks.append(check("Hubble shows the flows", flows.hubble_shows_flows))
    if want.storage_class is not None:
        checks.append(check("claim bound, written and removed", storage.claim_is_written, 90.0))
    if want.prometheus_port is not None:
        checks.append(check("Prometheus scrapes Cilium", pages.prometheus_has_targets))
    if want.pages:
        checks.append(check("further pages answer", pages.pages_answer))
    return tuple(checks)
