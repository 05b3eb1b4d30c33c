"""Networks: ranges stand apart, addresses lie where they belong, and every NodePort is free and in range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from policies.resource import Resource, Unknown, items, mapping, name_of
from policies.rule import Finding, Option, Options, Rule, number
from policies.study import (
    Range,
    kubeadm,
    machine_of,
    node_networks,
    pod_subnets,
    pool,
    releases,
    routed_networks,
    service_networks,
)
from policies.texts import REMOTE, arguments, program


def ranges_disjoint(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """No two ranges share an address. The pool may name kubeadm's podSubnet: it is the same range."""
    pools = [one for release in releases(resources) for one in pool(release)]
    subnets = {one.cidr for one in pod_subnets(resources)}
    own = _distinct([one for one in pools if one.cidr not in subnets])
    others = (node_networks, routed_networks, service_networks, pod_subnets)
    every = [*(one for find in others for one in _distinct(find(resources))), *own]
    for first, second in combinations(every, 2):
        if first.cidr.overlaps(second.cidr):
            yield Finding(second.urn, f"{second.cidr} ({second.what}) overlaps {first.cidr} ({first.what})")
    for release in releases(resources):
        listed = [one.cidr for one in pool(release)]
        for cidr in {cidr for cidr in listed if listed.count(cidr) > 1}:
            yield Finding(release.urn, f"the pool names {cidr} twice")


def _distinct(ranges: Sequence[Range]) -> list[Range]:
    """Each range once: every host has a route to the same network."""
    return list({one.cidr: one for one in reversed(ranges)}.values())[::-1]


def addresses_inside(resources: Sequence[Resource], _options: Options) -> Iterator[Finding]:
    """Hosts and the API server have addresses of the node network, links those of the router's; none occurs twice."""
    nodes, routed = node_networks(resources), routed_networks(resources)
    for what, text, urn in _on_node_network(resources):
        yield from _misplaced(what, text, urn, nodes)
    for what, text, urn in _behind_router(resources):
        yield from _misplaced(what, text, urn, routed)
    owners: dict[str, str] = {}
    for resource in resources:
        host, machine = resource.text("connection.host"), machine_of(resource)
        if host and machine and owners.setdefault(host, machine) != machine:
            both = sorted((name_of(owners[host]), name_of(machine)))  # in whatever order the engine came to them
            yield Finding(resource.urn, f"{host} is the address of {both[0]} and {both[1]}")


def _on_node_network(resources: Sequence[Resource]) -> Iterator[tuple[str, object, str]]:
    for resource in resources:
        if resource.type in REMOTE:
            yield "the host", resource.at("connection.host"), resource.urn
        if program(resource) == "static-route.sh" and len(arguments(resource)) > 1:
            yield "the route's gateway", arguments(resource)[1], resource.urn
    for release in releases(resources):
        yield "k8sServiceHost", release.at("values.k8sServiceHost"), release.urn
    for resource, document in kubeadm(resources, "InitConfiguration"):
        endpoint = mapping(document.get("localAPIEndpoint"))
        yield "the API server", endpoint.get("advertiseAddress"), resource.urn


def _behind_router(resources: Sequence[Resource]) -> Iterator[tuple[str, object, str]]:
    for resource in resources:
        if program(resource) == "router.sh":
            for word in arguments(resource):
                link, _, interface = word.partition("=")
                yield f"link {link}", interface.partition("/")[0], resource.urn


def _misplaced(what: str, text: object, urn: str, networks: Sequence[Range]) -> Iterator[Finding]:
    """A finding unless the address is one that a host may have in one of the networks; nothing where there is none."""
    if not networks or text in (None, "") or isinstance(text, Unknown):
        return
    try:
        address = IPv4Address(str(text))
    except ValueError:
        return  # a name: only the lab can resolve it
    if not any(_usable(address, one.cidr) for one in networks):
        where = ", ".join(f"{one.cidr} ({one.what})" for one in _distinct(networks))
        yield Finding(urn, f"{what} has {address}, which no host can have in {where}")


def _usable(address: IPv4Address, cidr: IPv4Network) -> bool:
    return address in cidr and address not in (cidr.network_address, cidr.broadcast_address)


def node_ports(resources: Sequence[Resource], options: Options) -> Iterator[Finding]:
    """Every NodePort that a Service requests lies in the API server's range, and no other Service has it."""
    low, high = int(number(options, "lowest")), int(number(options, "highest"))
    owners: dict[tuple[int, str], str] = {}
    for urn, port, protocol in _ports(resources):
        if not low <= port <= high:
            yield Finding(urn, f"NodePort {port} is not between {low} and {high}")
        owner = owners.setdefault((port, protocol), urn)
        if owner != urn:
            yield Finding(urn, f"NodePort {port}/{protocol} is that of {name_of(owner)} as well")


def _ports(resources: Sequence[Resource]) -> Iterator[tuple[str, int, str]]:
    for resource in resources:
        if resource.type == "kubernetes:core/v1:Service":
            for port in map(mapping, items(resource.at("spec.ports"))):
                number = port.get("nodePort")
                if isinstance(number, int | float):
                    yield resource.urn, int(number), str(port.get("protocol", "TCP"))
    for release in releases(resources):
        port = release.at("values.hubble.ui.service.nodePort")
        if release.at("values.hubble.ui.enabled") is True and isinstance(port, int | float):
            yield release.urn, int(port), "TCP"


_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}

RULES = (
    Rule(
        "network-ranges-disjoint",
        "stack",
        "Of two ranges that overlap one can't be reached: the nearer route wins, on some hosts the wrong one.",
        "give nodes, router, Services and pods ranges of their own",
        ranges_disjoint,
    ),
    Rule(
        "network-addresses-inside",
        "stack",
        "A host outside its network, or one with another's address, comes up and is never reached.",
        "take an address of nodeNetwork.cidr for hosts and of routerNetwork.cidr for links, each once",
        addresses_inside,
    ),
    Rule(
        "network-node-ports",
        "stack",
        "The API server refuses a NodePort that is in use or out of its range, after the cluster is up.",
        "choose free ports of 30000 to 32767; set lowest and highest where --service-node-port-range differs",
        node_ports,
        options=(Option("lowest", 30000, _PORT), Option("highest", 32767, _PORT)),
    ),
)
