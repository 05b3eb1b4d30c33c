"""What a migration will do to pods, in words, before anything is changed: the preflight's output and the preview's."""

from __future__ import annotations

from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.drain import drain_plan
from cilium_lab.rollout.plan import rollout_order
from cilium_lab.rollout.preflight import nodes_to_move, preflight_failures
from cilium_lab.rollout.request import Desired

_SECONDS = 5.0
"""A cluster that does not answer within this is reported as such: a preview must not hang on it."""


def describe(desired: Desired, snapshot: Snapshot) -> str:
    """What will happen, in one line."""
    now = snapshot.configured
    if now is None:
        return f"Cilium is not installed yet; it will be, in {desired.mode}"
    moving = nodes_to_move(desired, snapshot)
    order = [f"{node.name} -> {moving[node.name]}" for node in rollout_order(snapshot.nodes) if node.name in moving]
    return f"{now.mode} -> {desired.mode}; nodes that get a new pod CIDR: {', '.join(order) or 'none'}"


def interruptions(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """Pods that will be away for a moment whatever the care: reported beforehand, no reason to refuse."""
    found: list[str] = []
    for name, cidr in sorted(nodes_to_move(desired, snapshot).items()):
        plan = drain_plan(snapshot, name, cidr)
        found += [f"bare pod {pod.key} is deleted and re-created on {name}" for pod in plan.bare]
        found += [f"pod {pod.key} of a DaemonSet is re-created on {name}" for pod in plan.daemons]
        for pod in plan.evict:
            workload = snapshot.workload(pod)
            if workload is None or workload.replicas == 1:
                found.append(
                    f"{pod.key} is the only replica of a workload that cannot surge; it moves away from {name}"
                )
    return tuple(found)


def preview(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """What the next run would do to pods, or why it would refuse; empty if it has nothing to do."""
    now = snapshot.configured
    if now is None:
        return ()
    same = now.mode == desired.mode and (desired.mode == "kubernetes" or set(desired.pools) <= set(now.pools))
    if same and not nodes_to_move(desired, snapshot):
        return ()
    found = preflight_failures(desired, snapshot)
    if found:
        return (f"the change to {desired.mode} would be refused:", *(f"  - {failure}" for failure in found))
    return (describe(desired, snapshot), *(f"  note: {line}" for line in interruptions(desired, snapshot)))


def preview_live(desired: Desired, kubeconfig: str) -> tuple[str, ...]:
    """The same of the cluster that the kubeconfig names. Agents are not queried: that would take too long."""
    try:
        with KubectlApi(kubeconfig, attempts=1, timeout=_SECONDS) as api:
            return preview(desired, Cluster(api, desired.non_masquerade_cidrs).snapshot())
    except ApiError as error:
        return (f"the preview cannot tell what a migration would do to pods, the cluster does not answer: {error}",)
