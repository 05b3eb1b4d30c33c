"""Addresses of each node before and after, as rows to show. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from cilium_lab.disruption.report.record import Addresses, Record


@dataclass(frozen=True)
class Pod:
    """namespace/name, and whether its address is another one than before, or it was not there."""

    key: str
    address: str
    moved: bool


@dataclass(frozen=True)
class Side:
    """A node at one time."""

    blocks: tuple[str, ...]
    pods: tuple[Pod, ...]


@dataclass(frozen=True)
class NodeRow:
    """`after` is None where the run did not come to its end."""

    name: str
    before: Side | None
    after: Side | None


def node_rows(record: Record) -> tuple[NodeRow, ...]:
    """Every node that is known from before or after, by name."""
    names = sorted({*record.before, *record.after})
    return tuple(
        NodeRow(name, _side(record.before.get(name), {}), _side(record.after.get(name), _all_pods(record.before)))
        for name in names
    )


def _side(node: Addresses | None, known: Mapping[str, str]) -> Side | None:
    if node is None:
        return None
    pods = sorted(node.pods.items(), key=lambda pod: (_order(pod[1]), pod[0]))
    return Side(
        node.blocks, tuple(Pod(key, address, bool(known) and known.get(key) != address) for key, address in pods)
    )


def _all_pods(nodes: Mapping[str, Addresses]) -> dict[str, str]:
    return {key: address for node in nodes.values() for key, address in node.pods.items()}


def _order(address: str) -> int:
    try:
        return int(ip_address(address))
    except ValueError:
        return 0
