"""What is still to be done, derived from the cluster alone: the same look gives the same plan.

A run does the first step, looks again, and plans again. So it does not matter which run did what, or where one ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from cilium_lab.kube.objects import Node, Snapshot
from cilium_lab.rollout.pod_cidrs import targets
from cilium_lab.rollout.request import Desired

LIVE = ("kubernetes", "cluster-pool")
"""The modes between which a live cluster can be carried."""
Kind = Literal["operator", "retire", "adopt", "reserve", "renumber"]
STAGES: dict[Kind, int] = {"operator": 2, "retire": 2, "adopt": 3, "reserve": 4, "renumber": 4}


@dataclass(frozen=True)
class Step:
    """One step. `blocks` is what CiliumNodes shall have then: node -> blocks, the one in use first."""

    kind: Kind
    reason: str
    node: str = ""
    blocks: tuple[tuple[str, tuple[IPv4Network, ...]], ...] = ()

    @property
    def stage(self) -> int:
        """The stage of the migration that it belongs to."""
        return STAGES[self.kind]

    def __str__(self) -> str:
        return f"stage {self.stage} {self.kind} {self.node}: {self.reason}".replace(" :", ":")


def plan(desired: Desired, snapshot: Snapshot) -> tuple[Step, ...]:
    """All steps, in order. `snapshot.views` must hold every agent. Empty: the cluster is as desired."""
    if desired.mode not in LIVE:
        return ()
    goal = targets(desired, snapshot)
    order = [node.name for node in turns(snapshot.nodes) if node.name in goal and node.name in snapshot.views]
    moving = [name for name in order if to_renumber(desired, snapshot, name, goal[name])]
    # A node whose turn an earlier run began comes first: the others need its room.
    moving.sort(key=lambda name: name not in snapshot.record.turns)
    staying = [name for name in order if name not in moving]
    return (
        *_operator(desired, snapshot),
        *_retire(snapshot, staying, goal),
        *_adopt(desired, snapshot, staying),
        *_reserve(snapshot, moving, goal),
        *(_renumber(desired, snapshot, name, goal[name]) for name in moving),
    )


def turns(nodes: tuple[Node, ...]) -> list[Node]:
    """The order in which nodes have their turn: workers first, the control plane last, by name."""
    return sorted(nodes, key=lambda node: (node.control_plane, node.name))


def to_renumber(desired: Desired, snapshot: Snapshot, name: str, block: IPv4Network) -> bool:
    """Whether the node's agent runs on another block, pods of its are outside the block, or its turn has not ended."""
    noted = {str(pod["spec"]["nodeName"]) for pod in snapshot.record.pods}
    if snapshot.views[name].block != block or name in snapshot.record.turns or name in noted:
        return True
    return any(
        pod.node == name and pod.on_pod_network and pod.address is not None and pod.address not in block
        for pod in snapshot.pods
    )


def _operator(desired: Desired, snapshot: Snapshot) -> tuple[Step, ...]:
    """What only a restart of the operator mends: a configuration from before, and an error about a block.

    In the mode kubernetes not even that clears an error, so the step does.
    """
    errors = [f"{node.name}: {node.error}" for node in snapshot.cilium_nodes.values() if node.error]
    if snapshot.operator_is_stale():
        errors.insert(0, "it started before cilium-config was changed")
    if not errors:
        return ()
    return (Step("operator", f"restarts, to read the blocks in {desired.mode}: {'; '.join(errors)}"),)


def _adopt(desired: Desired, snapshot: Snapshot, names: list[str]) -> tuple[Step, ...]:
    return tuple(
        Step("adopt", f"its agent runs in {snapshot.views[name].mode} and keeps its block", name)
        for name in names
        if snapshot.views[name].mode != desired.mode
    )


def _reserve(snapshot: Snapshot, moving: list[str], goal: dict[str, IPv4Network]) -> tuple[Step, ...]:
    """All at once, so that the operator restarts once."""
    lacking = [name for name in moving if goal[name] not in snapshot.blocks(name)]
    if not lacking:
        return ()
    blocks = tuple((name, (*snapshot.blocks(name), goal[name])) for name in lacking)
    words = ", ".join(f"{name} {goal[name]}" for name in lacking)
    return (Step("reserve", f"new blocks beside the old ones: {words}", blocks=blocks),)


def _renumber(desired: Desired, snapshot: Snapshot, name: str, block: IPv4Network) -> Step:
    view = snapshot.views[name]
    mode = f", {view.mode} -> {desired.mode}" if view.mode != desired.mode else ""
    way = f"{view.block} -> {block}" if view.block != block else f"its turn on {block} has not ended"
    return Step("renumber", f"{way}{mode}", name, ((name, (block,)),))


def _retire(snapshot: Snapshot, names: list[str], goal: dict[str, IPv4Network]) -> tuple[Step, ...]:
    return tuple(
        Step("retire", f"drops {', '.join(str(b) for b in blocks if b != goal[name])}", name, ((name, (goal[name],)),))
        for name in names
        if (blocks := snapshot.blocks(name)) and blocks != (goal[name],)
    )
