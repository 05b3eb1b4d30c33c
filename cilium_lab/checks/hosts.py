"""Checks of the machines below the cluster."""

from __future__ import annotations

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.deadline import concurrently
from cilium_lab.kube.ssh import HostError, on_all


def hosts_answer(want: Expectation, lab: Lab) -> Result:
    """Every machine answers SSH under its own name."""

    def wrong_with(host: str) -> str:
        try:
            name = lab.shell(host, "hostname").strip()
        except HostError as error:
            return str(error)
        return "" if name == host else f"{host} calls itself {name or 'nothing'}"

    wrong = [text for text in concurrently(wrong_with, want.hosts) if text]
    if wrong:
        return unmet(
            expected=f"{', '.join(want.hosts)} answer `hostname` with their name",
            seen="; ".join(wrong),
            next="is the machine running, and does the ssh config name its address and host key?",
        )
    return met(", ".join(want.hosts))


def router_forwards(want: Expectation, lab: Lab) -> Result:
    """The router carries its addresses and forwards packets."""
    answer = lab.shell(want.router, "cat /proc/sys/net/ipv4/ip_forward; ip -4 -o addr show")
    forwarding, _, listing = answer.partition("\n")
    # One line an address: "2: ens160    inet 172.31.1.20/20 brd ..."
    present = {words[3].split("/")[0]: words[1] for line in listing.splitlines() if len(words := line.split()) > 3}
    missing = [address for address in want.router_addresses if address not in present]
    interface = present.get(want.router_address, "no interface")
    if forwarding.strip() != "1" or missing or interface != want.router_interface:
        return unmet(
            expected=f"ip_forward 1, {want.router_address} on {want.router_interface}, "
            f"and the addresses {', '.join(want.router_addresses)}",
            seen=f"ip_forward {forwarding.strip()}, {want.router_address} on {interface}, "
            f"missing: {', '.join(missing) or 'none'}",
            next=f"`ip -4 addr` and `sysctl net.ipv4.ip_forward` on {want.router}",
        )
    return met(f"ip_forward 1, {', '.join(want.router_addresses)}")


def nodes_route_to_router(want: Expectation, lab: Lab) -> Result:
    """Every node sends the study's network through the router."""
    wrong: list[str] = []
    routes = on_all(dict.fromkeys(want.nodes, f"ip -4 route get {want.router_study_address}"), lab.shell)
    for node, line in routes.items():
        route = line.split()
        via = route[route.index("via") + 1] if "via" in route else "no gateway"
        if via != want.router_address:
            wrong.append(f"{node}: {via}")
    if wrong:
        return unmet(
            expected=f"the route to {want.router_study_address} leads via {want.router_address} on every node",
            seen="; ".join(wrong),
            next="the static route of the node (`ip route`), which has to survive a reboot",
        )
    return met(f"{want.router_study_address} via {want.router_address}")
