"""Checks of the data path: spread, Service, DNS, source addresses, and the way from a pod to the router."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from ipaddress import IPv4Address, IPv4Network

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.objects import Pod

WEBPOD = "app=webpod"
CURL_POD = "curl-pod"
CLUSTER_DOMAIN = "svc.cluster.local"

# With two backends chosen at random, one of them is missed once in half a million times.
_REQUESTS = 20
# Seconds for which the pod keeps a connection open before it requests the page.
_HELD = 3


def webpods_spread(_want: Expectation, lab: Lab) -> Result:
    """Two webpods, each on a node of its own."""
    pods = lab.ready_pods(WEBPOD)
    nodes = {pod.node for pod in pods}
    seen = ", ".join(f"{pod.name} on {pod.node}" for pod in pods) or "no ready webpod"
    if len(pods) < 2 or len(nodes) != len(pods):
        return unmet(
            expected="at least two ready webpods on different nodes",
            seen=seen,
            next="`kubectl describe pod -l app=webpod`: anti-affinity, capacity of the nodes, readiness",
        )
    return met(seen)


def service_reaches_all(_want: Expectation, lab: Lab) -> Result:
    """curl-pod requests the Service by name: no request fails, and every webpod gets some."""
    request = "curl -s -m 2 http://webpod/ | grep -m 1 '^Hostname: ' || echo none"
    script = f"for i in $(seq {_REQUESTS}); do {request}; done"
    answers = Counter(line.removeprefix("Hostname: ").strip() for line in lab.in_pod(CURL_POD, script).splitlines())
    backends = {pod.name for pod in lab.ready_pods(WEBPOD)}
    seen = ", ".join(f"{name} {count}" for name, count in sorted(answers.items())) or "no answer"
    if set(answers) != backends or answers.total() != _REQUESTS:
        return unmet(
            expected=f"{_REQUESTS} answers, from each of {', '.join(sorted(backends)) or 'no ready webpod'}",
            seen=seen,
            next="`kubectl get endpointslices -l app=webpod`; `cilium-dbg service list` in its node's agent",
        )
    return met(seen)


def source_kept(_want: Expectation, lab: Lab) -> Result:
    """A webpod on another node sees curl-pod's own address: pod-to-pod traffic isn't masqueraded."""
    curl = curl_pod(lab)
    remote = [pod for pod in lab.ready_pods(WEBPOD) if pod.node != curl.node]
    script = "; ".join(f"curl -s -m 3 http://{pod.address}/ | grep '^RemoteAddr: ' || echo none" for pod in remote)
    answers = lab.in_pod(CURL_POD, script or "true").split("\n")
    sources = [match[1] for line in answers if (match := re.match(r"RemoteAddr: (.+):\d+$", line.strip()))]
    if not remote or sources != [str(curl.address)] * len(remote):
        return unmet(
            expected=f"{len(remote) or 'some'} webpods on other nodes see {curl.address}",
            seen=", ".join(sources) or "no answer",
            next="ipv4NativeRoutingCIDR (or the ip-masq-agent's non-masquerade CIDRs) has to hold every pod range",
        )
    return met(f"{curl.address} seen on {', '.join(pod.node for pod in remote)}")


def curl_pod(lab: Lab) -> Pod:
    """The ready curl-pod. Raises ValueError if it isn't ready."""
    pods = [pod for pod in lab.ready_pods("app=curl") if pod.name == CURL_POD]
    if not pods:
        raise ValueError(f"{CURL_POD} is not ready")
    return pods[0]


def dns_answers(_want: Expectation, lab: Lab) -> Result:
    """The names of webpod and of the API server's Service resolve to their cluster addresses in a pod."""
    wanted = {
        name: str(lab.api.get(f"/api/v1/namespaces/default/services/{name}")["spec"]["clusterIP"])
        for name in ("webpod", "kubernetes")
    }
    script = "; ".join(f"echo {name} $(dig +short +time=2 +tries=1 {name}.default.{CLUSTER_DOMAIN})" for name in wanted)
    seen = dict(line.split(maxsplit=1) for line in lab.in_pod(CURL_POD, script).splitlines() if " " in line)
    if seen != wanted:
        return unmet(
            expected=_names(wanted),
            seen=_names(seen) or "no answer",
            next="`kubectl -n kube-system logs -l k8s-app=kube-dns`, and /etc/resolv.conf in curl-pod",
        )
    return met(_names(seen))


def _names(addresses: dict[str, str]) -> str:
    return ", ".join(f"{name} {address}" for name, address in sorted(addresses.items()))


def router_sees_the_node(want: Expectation, lab: Lab) -> Result:
    """A pod gets the router's page at both addresses, and the router sees its node as the source.

    The pod opens each connection, waits, and only then sends its request. Meanwhile the router's own table of
    established connections tells who is there: no capture tool, no log format, and nothing to clean up.
    """
    addresses = (want.router_address, want.router_study_address)
    node = curl_pod(lab).node
    source = want.nodes[node]
    with ThreadPoolExecutor(max_workers=1) as pool:
        pages = pool.submit(copy_context().run, lab.in_pod, CURL_POD, hold_script(addresses))
        sources = parse_peers(lab.shell(want.router, watch_script()), addresses)
        answered = pages.result().count(want.router_page)
    if answered != len(addresses) or not all(_only_node(peers, source, want) for peers in sources.values()):
        seen = "; ".join(f"{a} from {', '.join(sorted(sources[a])) or 'nobody'}" for a in addresses)
        return unmet(
            expected=f"{want.router_page} from both addresses, requested by {source} ({node})",
            seen=f"{answered} of {len(addresses)} pages; the router sees {seen}",
            next="BPF masquerading on the node, its route to the router, and the web server on the router",
        )
    return met(f"{answered} pages, the router sees {source} ({node})")


def router_pages(want: Expectation, lab: Lab) -> Result:
    """curl-pod gets the router's page at every address that the router has, those on its dummy links among them."""
    script = "; ".join(f"echo {address} $(curl -s -m 2 http://{address}/)" for address in want.router_addresses)
    lines = [line.partition(" ") for line in lab.in_pod(CURL_POD, script).splitlines()]
    answers = {address: page for address, _, page in lines}
    wrong = [a for a in want.router_addresses if answers.get(a) != want.router_page]
    if wrong:
        return unmet(
            expected=f"{want.router_page} at {', '.join(want.router_addresses)}",
            seen="; ".join(f"{address}: {answers.get(address) or 'no answer'}" for address in wrong),
            next=f"`ip -br address` on {want.router}, and the route to it on the node of {CURL_POD}",
        )
    return met(f"{want.router_page} at {', '.join(want.router_addresses)}")


def _only_node(peers: set[str], source: str, want: Expectation) -> bool:
    """True if the node is among the peers and no pod is. Other clients of the web server don't matter."""
    ranges = [IPv4Network(cidr) for cidr in want.pod_ranges]
    return source in peers and not any(IPv4Address(peer) in pods for peer in peers for pods in ranges)


def hold_script(addresses: tuple[str, ...]) -> str:
    """Connects to port 80 of each address, sends a request after some seconds, and prints the answers."""
    request = r"printf 'GET / HTTP/1.0\r\n\r\n'"
    requests = [
        f"{{ sleep {_HELD}; {request}; }} | curl -s -m {_HELD + 3} telnet://{address}:80 &" for address in addresses
    ]
    return " ".join([*requests, "wait"])


def watch_script() -> str:
    """Prints the connections to port 80 a few times, for a little longer than the pod holds its own."""
    # Watched for the whole time: a wrong source must not hide behind a right one that shows first.
    return f"for i in $(seq {4 * _HELD}); do ss -Htn state established '( sport = :80 )'; sleep 0.25; done"


def parse_peers(listing: str, addresses: tuple[str, ...]) -> dict[str, set[str]]:
    """Own address -> its peers, from `ss -Htn` lines. A dual-stack server shows `[::ffff:172.31.1.20]:80`."""
    peers: dict[str, set[str]] = {address: set() for address in addresses}
    for line in listing.splitlines():
        ends = re.findall(r"(?:\[::ffff:)?(\d+\.\d+\.\d+\.\d+)\]?:\d+", line)
        if len(ends) == 2 and ends[0] in peers:
            peers[ends[0]].add(ends[1])
    return peers
