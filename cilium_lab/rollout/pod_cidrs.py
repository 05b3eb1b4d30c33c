"""Which block a node shall have."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from itertools import chain

from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.request import Desired


def fits(block: IPv4Network, ranges: Iterable[IPv4Network], mask_size: int) -> bool:
    """Whether a node may keep the block: of the right size and inside one of the ranges."""
    return block.prefixlen == mask_size and any(block.subnet_of(wide) for wide in ranges)


def targets(desired: Desired, snapshot: Snapshot) -> dict[str, IPv4Network]:
    """Node -> the block that it shall have. A node for which there is none is left out.

    In `kubernetes` it is the controller manager's. In `cluster-pool` a node keeps a block of the pool that it has, also
    one that an earlier run has put beside its old one; else it gets the lowest free one, nodes by name, so that
    another run comes to the same answer. In any other mode nodes keep what they have.
    """
    if desired.mode == "kubernetes":
        return {node.name: node.block for node in snapshot.nodes if node.block}
    if desired.mode != "cluster-pool":
        return {node.name: snapshot.blocks(node.name)[0] for node in snapshot.nodes if snapshot.blocks(node.name)}
    found: dict[str, IPv4Network] = {}
    taken = [block for node in snapshot.cilium_nodes.values() for block in node.blocks]
    for name in sorted(node.name for node in snapshot.nodes):
        kept = [block for block in snapshot.blocks(name) if fits(block, desired.pools, desired.mask_size)]
        block = kept[0] if kept else lowest_free(desired, taken)
        if block:
            found[name] = block
            taken.append(block)
    return found


def lowest_free(desired: Desired, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """The pool's first block that overlaps no taken one; None when the pool is full."""
    used = tuple(taken)
    wide_enough = [pool for pool in desired.pools if pool.prefixlen <= desired.mask_size]
    candidates = chain.from_iterable(pool.subnets(new_prefix=desired.mask_size) for pool in wide_enough)
    return next((block for block in candidates if not any(block.overlaps(other) for other in used)), None)
