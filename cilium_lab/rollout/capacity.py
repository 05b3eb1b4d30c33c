"""Whether the other nodes have room for what leaves one."""

from __future__ import annotations

from ipaddress import IPv4Network

from cilium_lab.kube.objects import Node, Pod, Snapshot
from cilium_lab.rollout.drain_plan import CANARY_LABEL, moves
from cilium_lab.rollout.preflight_failure import Refusal, Refusals


def room_for(snapshot: Snapshot, moving: dict[str, IPv4Network]) -> Refusals:
    """Whether what leaves each node of `moving` (node -> its next block) fits on the others, by requests and rules."""
    found: list[Refusal] = []
    for name, block in sorted(moving.items()):
        leave = moves(snapshot, name, block)
        going = [*leave.evict, *(pod for w in leave.restart for pod in _pods_of(snapshot, w.namespace, w.kind, w.name))]
        others = [node for node in snapshot.nodes if node.name != name]
        for what, needs, free, unit in (
            ("CPU", sum(pod.cpu for pod in going), sum(_free_cpu(snapshot, n) for n in others), "m"),
            ("memory", sum(pod.memory for pod in going), sum(_free_memory(snapshot, n) for n in others), " bytes"),
            ("pods", len(going), sum(n.pods - len(_on(snapshot, n)) for n in others), ""),
        ):
            if needs > free:
                found.append(
                    Refusal(
                        f"the other nodes lack room for what runs on {name}: {what} {needs}{unit}, free {free}{unit}",
                        "add a node, or lower the requests",
                    )
                )
    for workload in snapshot.workloads:
        if workload.own_node_each and workload.replicas >= len(snapshot.nodes) and moving:
            found.append(
                Refusal(
                    f"{workload.key} wants {workload.replicas} nodes for as many replicas, so no node can be emptied",
                    "lower its replicas or prefer instead of require its anti-affinity",
                )
            )
    return tuple(found)


def _pods_of(snapshot: Snapshot, namespace: str, kind: str, name: str) -> list[Pod]:
    return [pod for pod in snapshot.pods if pod.namespace == namespace and pod.owner == (kind, name)]


def _on(snapshot: Snapshot, node: Node) -> list[Pod]:
    return [pod for pod in snapshot.pods if pod.node == node.name and CANARY_LABEL not in pod.labels]


def _free_cpu(snapshot: Snapshot, node: Node) -> int:
    return node.cpu - sum(pod.cpu for pod in _on(snapshot, node))


def _free_memory(snapshot: Snapshot, node: Node) -> int:
    return node.memory - sum(pod.memory for pod in _on(snapshot, node))
