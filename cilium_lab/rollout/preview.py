"""What a migration will do to pods, in words, before anything is changed: the preflight's output and the preview's."""

from __future__ import annotations

from collections.abc import Iterable

from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout import estimates
from cilium_lab.rollout.drain import survey
from cilium_lab.rollout.health import baseline, notes
from cilium_lab.rollout.outcomes import MOVES, RECREATED, Departure, Way, departures
from cilium_lab.rollout.plan import rollout_order
from cilium_lab.rollout.preflight import nodes_to_move, preflight_failures
from cilium_lab.rollout.progress import duration
from cilium_lab.rollout.request import Desired

_SECONDS = 5.0
"""A cluster that does not answer within this is reported as such: a preview must not hang on it."""


def describe(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """What will happen: the nodes in their order, the pods by outcome, how long users miss some, how long it takes."""
    now = snapshot.configured
    if now is None:
        return (f"Cilium is not installed yet; it will be, in {desired.mode}",)
    moving = nodes_to_move(desired, snapshot)
    order = [node.name for node in rollout_order(snapshot.nodes) if node.name in moving]
    ways = {name: departures(snapshot, desired, name, moving[name]) for name in order}
    seconds = sum(estimates.node(found) for found in ways.values())
    nodes = ", ".join(f"{name} -> {moving[name]}" for name in order)
    if not order:
        return (f"{now.mode} -> {desired.mode}; no node gets a new pod CIDR",)
    head = f"{now.mode} -> {desired.mode}; {len(order)} nodes get a new pod CIDR, one at a time: {nodes}"
    lines = [f"{head}; about {duration(seconds)}"]
    for name in order:
        lines += _node(name, ways[name])
    lines += _local_services(snapshot, ways)
    lines += [f"  noted, and not waited for: {note}" for note in notes(baseline(snapshot, desired.services))]
    return tuple(lines)


def _node(name: str, found: Iterable[Departure]) -> Iterable[str]:
    listed = sorted(found, key=lambda one: one.way not in MOVES)
    counts = (
        (sum(one.way in MOVES for one in listed), "move"),
        (sum(one.way in RECREATED for one in listed), "are re-created in place"),
        (sum(one.way is Way.JOB for one in listed), "are Jobs' and are waited for"),
    )
    yield f"  {name}: {', '.join(f'{count} pods {what}' for count, what in counts if count) or 'no pod leaves'}"
    for one in listed:
        if one.way is Way.ENDING:
            continue
        away = estimates.away(one)
        missed = f", away for about {away:.0f} s" if away else ""
        scratch = ", ".join(one.pod.rules.scratch)
        lost = f"; the content of its emptyDir {scratch} goes with it" if scratch and one.way is not Way.JOB else ""
        yield f"    {one.pod.key} {one.way}{missed}{f' ({one.why})' if one.why else ''}{lost}"


def _local_services(snapshot: Snapshot, ways: dict[str, tuple[Departure, ...]]) -> Iterable[str]:
    """Services that a node answers with its own pods alone: its users get no answer while those are away."""
    for service in snapshot.services:
        for name, found in ways.items():
            mine = [
                one.pod.key
                for one in found
                if one.pod.namespace == service.namespace and service.selector.items() <= one.pod.labels.items()
            ]
            if mine:
                policies = " and ".join(service.policies)
                yield (
                    f"  note: Service {service.key} has {policies} Local: requests to {name} get no answer while "
                    f"{', '.join(mine)} {'is' if len(mine) == 1 else 'are'} away from it"
                )


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
    return describe(desired, snapshot)


def preview_live(desired: Desired, kubeconfig: str) -> tuple[str, ...]:
    """The same of the cluster that the kubeconfig names. Agents are not queried: that would take too long."""
    try:
        with KubectlApi(kubeconfig, attempts=1, timeout=_SECONDS) as api:
            cluster = Cluster(api, desired.non_masquerade_cidrs)
            snapshot = cluster.snapshot()
            if snapshot.configured and (moving := nodes_to_move(desired, snapshot)):
                snapshot = survey(cluster, snapshot, moving)
            return preview(desired, snapshot)
    except ApiError as error:
        return (f"the preview cannot tell what a migration would do to pods, the cluster does not answer: {error}",)
