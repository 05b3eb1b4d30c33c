"""Check of the way out of the cluster: to the study's router, seen from both ends."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import in_pod
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.traffic import CURL_POD, curl_pod

# Seconds for which the pod keeps a connection open before it asks for the page.
_HELD = 3


def router_sees_the_node(want: Expectation, context: Context) -> Result:
    """A pod gets the router's page at both addresses, and the router sees its node as the source.

    The pod opens each connection, waits, and only then sends its request. Meanwhile the router's own table of
    established connections tells who is there: no capture tool, no log format, and nothing to clean up.
    """
    addresses = (want.router_address, want.router_study_address)
    node = curl_pod(context).node
    source = want.nodes[node]
    with ThreadPoolExecutor(max_workers=1) as pool:
        pages = pool.submit(in_pod, context, CURL_POD, hold_script(addresses))
        sources = parse_peers(context.ssh(want.router, watch_script()), addresses)
        answered = pages.result().count(want.router_page)
    if answered != len(addresses) or not all(_only_node(peers, source, want) for peers in sources.values()):
        seen = "; ".join(f"{a} from {', '.join(sorted(sources[a])) or 'nobody'}" for a in addresses)
        return failed(
            expected=f"{want.router_page} from both addresses, asked for by {source} ({node})",
            seen=f"{answered} of {len(addresses)} pages; the router sees {seen}",
            hint="BPF masquerading on the node, its route to the router, and the web server on the router",
        )
    return passed(f"{answered} pages, the router sees {source} ({node})")


def _only_node(peers: set[str], source: str, want: Expectation) -> bool:
    """True if the node is among the peers and no pod is. Other clients of the web server don't matter."""
    ranges = [IPv4Network(cidr) for cidr in want.pod_ranges]
    return source in peers and not any(IPv4Address(peer) in pods for peer in peers for pods in ranges)


def hold_script(addresses: tuple[str, ...]) -> str:
    """Connects to port 80 of each address, sends a request after some seconds, and prints the answers."""
    request = r"printf 'GET / HTTP/1.0\r\n\r\n'"
    asks = [
        f"{{ sleep {_HELD}; {request}; }} | curl -s -m {_HELD + 3} telnet://{address}:80 &" for address in addresses
    ]
    return " ".join([*asks, "wait"])


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
