"""Checks of ranges and addresses against each other, and of what a free one would be.

Each check has the whole configuration, leaves out what was already found wrong by itself (`Problems.sound`), and
offers a value that is right in this configuration, not just in the default one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from cilium_lab.config.errors import Problems
from cilium_lab.config.schema import NODE_MASK_SIZE, LabConfig
from cilium_lab.config.topology import NODE_INTERFACE, ROUTER_INTERFACE, host_addresses, node_capacity, usable

MAX_POD_CIDRS_LOG2 = 16
"""A range may hold 2^16 pod CIDRs at most (kubeadm PodSubnetNodeMaskMaxDiff; Cilium clusterSubnetMaxDiff)."""
SERVICE_PREFIXES = range(12, 29)
"""kubeadm wants 10 addresses at least and 20 bits at most (MinimumAddressesInServiceSubnet,
MaximumBitsForServiceSubnet)."""

_PRIVATE = tuple(IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))


def check_networks(lab: LabConfig, problems: Problems) -> None:
    """Adds what is wrong with ranges and addresses."""
    _overlaps(lab, problems)
    _pool(lab, problems)
    _sizes(lab, problems)
    _gateway(lab, problems)
    _router(lab, problems)
    _links(lab, problems)
    _hosts(lab, problems)


def ranges(lab: LabConfig) -> list[tuple[str, IPv4Network]]:
    """Every range of the lab with its option, those first that are hardest to change."""
    return [
        ("nodeNetwork.cidr", lab.topology.network.cidr),
        ("routerNetwork.cidr", lab.topology.router_network.cidr),
        ("serviceCidr", lab.service_cidr),
        *_pod_ranges(lab),
    ]


def free_range(prefix_length: int, used: Sequence[IPv4Network]) -> IPv4Network | None:
    """The first private range of that length which overlaps nothing, if there is one."""
    fitting = (private for private in _PRIVATE if private.prefixlen <= prefix_length)
    return next((free for private in fitting for free in _free_in(private, prefix_length, used)), None)


def _free_in(private: IPv4Network, prefix_length: int, used: Sequence[IPv4Network]) -> Iterator[IPv4Network]:
    size = 2 ** (32 - prefix_length)
    start = int(private.network_address)
    while start <= int(private.broadcast_address):
        candidate = IPv4Network((start, prefix_length))
        hit = next((u for u in used if u.overlaps(candidate)), None)
        if hit is None:
            yield candidate
        # What is in the way is skipped as a whole: a /30 is found among /8s without trying millions.
        end = max(int(candidate.broadcast_address), int(hit.broadcast_address) if hit else 0)
        start = -(-(end + 1) // size) * size


def _pod_ranges(lab: LabConfig) -> list[tuple[str, IPv4Network]]:
    pool = [(f"clusterPool.cidrs[{i}]", cidr) for i, cidr in enumerate(lab.cluster_pool.cidrs)]
    sample = [("samplePool", lab.sample_pool)] if lab.sample_pool else []
    return [("podCidr", lab.pod_cidr), *pool, *sample]


def _spare(lab: LabConfig, instead_of: str, prefix_length: int) -> str:
    """A free range to offer for an option; a /16 is large enough for every lab."""
    others = [network for key, network in ranges(lab) if not key.startswith(instead_of)]
    return str(free_range(prefix_length, others) or free_range(NODE_MASK_SIZE, others))


def _overlaps(lab: LabConfig, p: Problems) -> None:
    for (first, a), (second, b) in combinations(ranges(lab), 2):
        if p.sound(first, second) and a.overlaps(b):
            problem = f"{b} overlaps {first} {a}; every range must stand alone"
            p.add(second, problem, _spare(lab, second, b.prefixlen))


def _pool(lab: LabConfig, p: Problems) -> None:
    if p.sound("clusterPool.cidrs") and not lab.cluster_pool.cidrs:
        p.add("clusterPool.cidrs", "is empty", [_spare(lab, "clusterPool", 16)])


def _sizes(lab: LabConfig, p: Problems) -> None:
    for key, cidr in _pod_ranges(lab):
        bits = NODE_MASK_SIZE - cidr.prefixlen
        if p.sound(key) and not 0 <= bits <= MAX_POD_CIDRS_LOG2:
            how = "is smaller than one node's pod CIDR" if bits < 0 else f"has over 2^{MAX_POD_CIDRS_LOG2} pod CIDRs"
            p.add(key, f"{cidr} {how} of /{NODE_MASK_SIZE}", _spare(lab, key, 16))
    nodes = sum(host.is_node for host in lab.topology.hosts)
    if p.sound("podCidr", "hosts") and node_capacity([lab.pod_cidr], NODE_MASK_SIZE) < nodes:
        p.add("podCidr", _too_small([lab.pod_cidr], nodes), _spare(lab, "podCidr", 16))
    if p.sound("clusterPool", "hosts") and lab.cluster_pool.capacity < nodes:
        p.add("clusterPool.cidrs", _too_small(lab.cluster_pool.cidrs, nodes), [_spare(lab, "clusterPool", 16)])
    sample = [lab.sample_pool] if lab.sample_pool else []
    if p.sound("samplePool", "hosts") and sample and node_capacity(sample, NODE_MASK_SIZE) < nodes:
        p.add("samplePool", _too_small(sample, nodes), _spare(lab, "samplePool", 16))
    if p.sound("serviceCidr") and lab.service_cidr.prefixlen not in SERVICE_PREFIXES:
        allowed = f"{SERVICE_PREFIXES[0]} to {SERVICE_PREFIXES[-1]}"
        problem = f"{lab.service_cidr}: kubeadm takes a prefix length of {allowed}"
        p.add("serviceCidr", problem, _spare(lab, "serviceCidr", 16))


def _too_small(cidrs: Sequence[IPv4Network], nodes: int) -> str:
    listed = ", ".join(str(cidr) for cidr in cidrs)
    return f"{listed} has no pod CIDR of /{NODE_MASK_SIZE} for each of the {nodes} nodes"


def _gateway(lab: LabConfig, p: Problems) -> None:
    network = lab.topology.network
    if p.sound("nodeNetwork.cidr", "nodeNetwork.gateway") and not usable(network.cidr, network.gateway):
        used = [host.address for host in lab.topology.hosts]
        key = "nodeNetwork.gateway"
        p.add(key, _outside(network.gateway, "nodeNetwork.cidr", network.cidr), _address(network.cidr, used))


def _outside(address: IPv4Address, key: str, cidr: IPv4Network) -> str:
    return f"{address} is not an address that a host may have in {key} {cidr}"


def _address(cidr: IPv4Network, used: Iterable[IPv4Address]) -> str:
    free = host_addresses(cidr, used, 1)
    return str(free[0]) if free else "a larger range is needed"


def _router(lab: LabConfig, p: Problems) -> None:
    """The router's second address: in its network, and with a hardware address of its own."""
    outer = lab.topology.router_network
    key = "routerNetwork.address"
    if not p.sound(key, "routerNetwork.cidr"):
        return
    macs = {host.mac for host in lab.topology.hosts if host.role == "router"}
    links = [link.interface.ip for link in outer.links]
    if not usable(outer.cidr, outer.address):
        problem = _outside(outer.address, "routerNetwork.cidr", outer.cidr)
        p.add(key, problem, _address(outer.cidr, [*links]))
    elif p.sound("hosts") and outer.mac in macs:
        problem = f"{outer.address} would give both of the router's interfaces the hardware address {outer.mac}"
        p.add(key, problem, _address(outer.cidr, [outer.address, *links]))


def _links(lab: LabConfig, p: Problems) -> None:
    outer = lab.topology.router_network
    names = {"lo", NODE_INTERFACE, ROUTER_INTERFACE}
    addresses = {outer.address}
    every = [outer.address, *(link.interface.ip for link in outer.links)]
    for i, link in enumerate(outer.links):
        name, address = f"routerNetwork.links[{i}].name", f"routerNetwork.links[{i}].address"
        if p.sound(name) and link.name in names:
            used = names | {other.name for other in outer.links}
            p.add(name, f"{link.name!r} is in use", next(n for n in _loop_names() if n not in used))
        if p.sound(address, "routerNetwork.cidr", "routerNetwork.address"):
            own = link.interface
            example = f"{_address(outer.cidr, every)}/{max(outer.cidr.prefixlen, 24)}"
            if not (own.network.subnet_of(outer.cidr) and usable(own.network, own.ip)):
                p.add(address, _outside(own.ip, "routerNetwork.cidr", outer.cidr), example)
            elif own.ip in addresses:
                p.add(address, f"{own.ip} is in use", example)
        # What was substituted for a wrong value conflicts with nothing.
        if p.sound(name):
            names.add(link.name)
        if p.sound(address):
            addresses.add(link.interface.ip)


def _loop_names() -> Iterator[str]:
    return (f"loop{n}" for n in range(1, 1000))


def _hosts(lab: LabConfig, p: Problems) -> None:
    network, hosts = lab.topology.network, lab.topology.hosts
    used = [network.gateway, *(host.address for host in hosts)]
    users = {network.gateway: "nodeNetwork.gateway"}
    for i, host in enumerate(hosts):
        key = f"hosts[{i}].address"
        if p.sound(key, "nodeNetwork"):
            if not usable(network.cidr, host.address):
                problem = _outside(host.address, "nodeNetwork.cidr", network.cidr)
                p.add(key, problem, _address(network.cidr, used))
            elif host.address in users:
                problem = f"{host.address} is in use by {users[host.address]}"
                p.add(key, problem, _address(network.cidr, used))
            else:
                users[host.address] = key
