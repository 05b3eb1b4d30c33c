"""Hypothesis strategies: right configurations of many shapes, and junk."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from hypothesis import strategies as st

SLOTS = [f"10.{n}.0.0/16" for n in range(0, 256, 7)] + [f"172.{n}.0.0/16" for n in range(16, 32)] + ["192.168.0.0/16"]
MODES = ["kubernetes", "cluster-pool", "multi-pool"]

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def ranges(draw: st.DrawFn, slot: str, shortest: int, longest: int) -> str:
    """A range of a drawn length somewhere in a /16."""
    network = IPv4Network(slot)
    length = draw(st.integers(shortest, longest))
    index = draw(st.integers(0, 2 ** (length - 16) - 1))
    return str(IPv4Network((int(network.network_address) + index * 2 ** (32 - length), length)))


@st.composite
def labs(draw: st.DrawFn) -> dict[str, Any]:
    """A right configuration: its own networks, one to five workers, any mode, routing and machine."""
    slots = draw(st.permutations(SLOTS))
    node = IPv4Network(draw(ranges(slots[0], 16, 27)))
    workers = draw(st.integers(1, 5))
    picks = draw(
        st.lists(st.integers(1, node.num_addresses - 2), min_size=workers + 3, max_size=workers + 3, unique=True)
    )
    gateway, *addresses = [str(node.network_address + pick) for pick in picks]
    roles = ["control-plane", "router", *["worker"] * workers]
    names = ["cp", "router", *[f"w{n}" for n in range(workers)]]
    hosts = [
        {"name": name, "role": role, "address": address, "memoryMiB": draw(st.integers(1828, 8192))}
        for name, role, address in zip(names, roles, addresses, strict=True)
    ]
    mode = draw(st.sampled_from(MODES))
    # The router's network lies in a /8 whose last three octets no node's address can have.
    outer = IPv4Network("100.64.0.0/16")
    pools = [draw(ranges(slot, 16, 21)) for slot in slots[3 : 3 + draw(st.integers(1, 3))]]
    lists = draw(st.sampled_from(["bpf", "iptables"])) if mode != "multi-pool" and len(pools) == 1 else "bpf"
    return {
        "ipamMode": mode,
        "nodeNetwork": {"cidr": str(node), "gateway": gateway, "bridge": "br-a"},
        "routerNetwork": {
            "cidr": str(outer),
            "address": "100.64.10.10",
            "bridge": "br-b",
            "links": [{"name": "loop1", "address": "100.64.1.200/24"}] if draw(st.booleans()) else [],
        },
        "podCidr": draw(ranges(slots[1], 16, 21)),
        "serviceCidr": draw(ranges(slots[2], 16, 28)),
        "clusterPool": {"cidrs": pools},
        "routingMode": "native" if mode == "multi-pool" else draw(st.sampled_from(["native", "tunnel"])),
        "tunnelProtocol": draw(st.sampled_from(["vxlan", "geneve"])),
        "masquerade": lists,
        "machines": draw(st.sampled_from(["vm", "container"])),
        "artifacts": draw(st.sampled_from(["online", "bundle"])),
        "arch": draw(st.sampled_from(["amd64", "arm64"])),
        "hosts": draw(st.permutations(hosts)),
        "debug": draw(st.booleans()),
    }
