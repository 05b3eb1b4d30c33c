"""Checks of addresses as a capture on the control plane shows them, where the study puts curl-pod and runs tcpdump.

Packet and capture are one script of the host, which sends only once tcpdump listens: nothing can be missed, and nothing
is left behind. Each check sends packets of a size or to a port of its own, so that others may run beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.checks.traffic import CURL_POD, WEBPOD, curl_pod
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.objects import Pod

_LIMIT = 8
"""Seconds after which a capture ends that has not seen its packet."""
_KUBECONFIG = "/etc/kubernetes/admin.conf"
_NODE_PING, _ROUTER_PING = 70, 71
"""Bytes of payload, by which a filter tells these pings from others."""
_ICMP_HEADERS = 28
_UNUSED_PORT = 9
"""The router serves nothing there: the datagram's way out is what counts."""


@dataclass(frozen=True)
class Packet:
    """What curl-pod sends: by this command, and how tcpdump's filter tells it from everything else."""

    command: str
    filter: str


def ping(address: str, payload: int) -> Packet:
    """Two ICMP echo requests, of which the first one seen counts."""
    chosen = f"icmp[0] == 8 and dst host {address} and ip[2:2] == {payload + _ICMP_HEADERS}"
    return Packet(f"ping -c 2 -i 0.3 -W 1 -s {payload} {address}", chosen)


def datagram(address: str) -> Packet:
    """One DNS query to a port that serves nothing."""
    return Packet(
        f"dig +tries=1 +time=1 -p {_UNUSED_PORT} @{address} study",
        f"udp and dst host {address} and dst port {_UNUSED_PORT}",
    )


def _listening(interface: str, options: str, chosen: str) -> str:
    """Starts tcpdump in a folder that goes with the script, and waits until it listens."""
    return f"""\
folder=$(mktemp -d) || exit 1
capture=
trap 'if [ -n "$capture" ]; then kill "$capture" 2> /dev/null; fi; rm -rf "$folder"' EXIT
timeout {_LIMIT} tcpdump -i {interface} -nn --immediate-mode {options} '{chosen}' \\
    > "$folder/out" 2> "$folder/log" < /dev/null &
capture=$!
for i in $(seq 60); do
    if grep -q 'listening on' "$folder/log"; then break; fi
    if ! kill -0 "$capture" 2> /dev/null; then cat "$folder/log" >&2; exit 1; fi
    sleep 0.05
done
"""


def _in_curl_pod(command: str) -> str:
    return f"kubectl --kubeconfig {_KUBECONFIG} exec {CURL_POD} -- {command} < /dev/null > /dev/null 2>&1"


def packet_script(interface: str, packet: Packet) -> str:
    """Prints tcpdump's line of the packet as it leaves the host, or nothing."""
    sent = f"{_in_curl_pod(packet.command)} || true"
    return f'{_listening(interface, "-l -c 1", packet.filter)}{sent}\nwait "$capture"\ncapture=\ncat "$folder/out"\n'


def sources(listing: str) -> list[str]:
    """The source addresses in tcpdump's lines: `... IP 172.31.1.10.53412 > 172.31.1.20.9: ...`."""
    return re.findall(r"\bIP (\d+\.\d+\.\d+\.\d+)(?:\.\d+)? > ", listing)


def _leaves_as(want: Expectation, lab: Lab, packet: Packet, expected: str, what: str, next: str) -> Result:
    """Whether curl-pod's packet leaves its node with this source."""
    seen = sources(lab.shell(want.control_plane, packet_script(want.router_interface, packet)))
    if seen != [expected]:
        return unmet(
            expected=f"{what} leaves {want.control_plane} by {want.router_interface} as {expected}",
            seen=", ".join(seen) or f"no such packet within {_LIMIT} s",
            next=next,
        )
    return met(f"{what} leaves {want.control_plane} as {expected}")


def _pod_here(want: Expectation, lab: Lab) -> Pod:
    pod = curl_pod(lab)
    if pod.node != want.control_plane:
        raise ValueError(f"{CURL_POD} is on {pod.node}, not on {want.control_plane}")
    return pod


def ping_of_a_node(want: Expectation, lab: Lab) -> Result:
    """A ping of another node keeps the pod's source with native routing; in a tunnel's mode it is masqueraded.

    There packets to nodes do not go through the tunnel (Cilium 1.17, bpf/lib/nat.h, snat_v4_needs_masquerade).
    """
    pod = _pod_here(want, lab)
    other, address = next((name, address) for name, address in want.nodes.items() if name != pod.node)
    source = str(pod.address) if want.routing == "native" else want.nodes[pod.node]
    hint = "`cilium-dbg bpf ipcache list` in the agent: the node's address has to have the identity remote-node"
    return _leaves_as(want, lab, ping(address, _NODE_PING), source, f"a ping of {other} ({address})", hint)


def ping_of_the_router(want: Expectation, lab: Lab) -> Result:
    """A ping of the router, which is no node of the cluster, has the node's source: ICMP is masqueraded."""
    pod = _pod_here(want, lab)
    packet, source = ping(want.router_address, _ROUTER_PING), want.nodes[pod.node]
    return _leaves_as(want, lab, packet, source, f"a ping of {want.router} ({want.router_address})", _MASQUERADING)


def udp_to_the_router(want: Expectation, lab: Lab) -> Result:
    """A datagram to the router has the node's source: UDP is masqueraded."""
    pod = _pod_here(want, lab)
    packet, source = datagram(want.router_address), want.nodes[pod.node]
    return _leaves_as(want, lab, packet, source, f"a datagram to {want.router} ({want.router_address})", _MASQUERADING)


_MASQUERADING = "`cilium-dbg status | grep Masquerading` and `cilium-dbg bpf nat list` in the node's agent"


def pages_script(interface: str, client: str, server: str) -> str:
    """Captures one page of `server` in a file, as the study does, and prints what termshark reads from it.

    Without a terminal termshark hands its words on to tshark, and prints what that prints.
    """
    chosen = f"tcp port 80 and host {client} and host {server}"
    return f"""\
{_listening(interface, '-U -w "$folder/http.pcap"', chosen)}\
{_in_curl_pod(f"curl -s -m 3 http://{server}/")} || true
for i in $(seq 40); do
    if grep -qa 'HTTP/1.1 200' "$folder/http.pcap"; then break; fi
    sleep 0.05
done
termshark -r "$folder/http.pcap" < /dev/null
"""


def capture_is_read(want: Expectation, lab: Lab) -> Result:
    """tcpdump writes a page's request and answer to a file, termshark reads them with both pods' addresses."""
    pod = _pod_here(want, lab)
    remote = [one for one in lab.ready_pods(WEBPOD) if one.node != pod.node and one.address is not None]
    if not remote:
        raise ValueError(f"no ready webpod on another node than {pod.node}")
    client, server = str(pod.address), str(remote[0].address)
    listing = lab.shell(want.control_plane, pages_script(want.router_interface, client, server))
    packets = listing.splitlines()
    shown = {
        f"{client} > {server} GET": _shows(packets, client, server, r" GET / HTTP/1\.1"),
        f"{server} > {client} 200 OK": _shows(packets, server, client, r" HTTP/1\.1 200 OK"),
    }
    missing = [what for what, there in shown.items() if not there]
    if missing:
        return unmet(
            expected=f"{', '.join(shown)} in a capture on {want.router_interface} of {want.control_plane}",
            seen=f"{len(packets)} packets, none with {' or '.join(missing)}: {' | '.join(packets)[:300]}",
            next=f"`tcpdump -i {want.router_interface} tcp port 80 -w FILE` there, then `termshark -r FILE`",
        )
    return met(f"termshark reads {len(packets)} packets, {', '.join(shown)}")


def _shows(packets: list[str], source: str, destination: str, words: str) -> bool:
    """Whether a line of tshark's, `4 0.001 10.0.0.1 → 10.0.0.2 HTTP 140 GET / HTTP/1.1`, is from one to the other."""
    ends = rf" {re.escape(source)} +\S+ +{re.escape(destination)} "
    return any(re.search(f"{ends}.*{words}", packet) for packet in packets)
