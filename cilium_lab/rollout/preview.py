"""What a migration will do to pods, in words, before anything is changed: the preflight's output and the preview's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.objects import Snapshot
from cilium_lab.kube.rules import DEFAULT_GRACE
from cilium_lab.rollout import estimates
from cilium_lab.rollout.changes import reasons
from cilium_lab.rollout.drain import survey
from cilium_lab.rollout.health import baseline, notes
from cilium_lab.rollout.kubernetes import control_plane_behind, upgrades
from cilium_lab.rollout.outcomes import MOVES, RECREATED, Departure, Way, departures
from cilium_lab.rollout.plan import rollout_order
from cilium_lab.rollout.preflight import fixed, nodes_of_new_cidr, nodes_to_move, preflight_failures
from cilium_lab.rollout.request import Desired
from cilium_lab.tables import duration

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
    if control_plane_behind(desired, snapshot):
        seconds += estimates.CONTROL_PLANE
        if not order:
            return (f"{upgrades(desired, snapshot)[0]}; no node is rolled out; about {duration(seconds)}",)
    if not order:
        return (f"{now.mode} -> {desired.mode}; no node is rolled out",)
    lines = [f"{_head(desired, snapshot, order)}; about {duration(seconds)}"]
    for name in order:
        lines += _node(name, ways[name])
    lines += _local_services(snapshot, ways)
    lines += [f"  noted, and not waited for: {note}" for note in notes(baseline(snapshot, desired.services))]
    return tuple(lines)


def _head(desired: Desired, snapshot: Snapshot, order: list[str]) -> str:
    """What changes, and which nodes are rolled out for it."""
    mode = snapshot.configured.mode if snapshot.configured else ""
    changing = nodes_of_new_cidr(desired, snapshot)
    why = "; ".join((*reasons(desired, snapshot), *upgrades(desired, snapshot)))
    if not changing:
        same = mode == desired.mode
        what = mode if same else f"{mode} -> {desired.mode}"
        why = why or ("their agents run with an earlier configuration" if same else "")
        nodes = f"{len(order)} nodes are rolled out, one at a time: {', '.join(order)}"
        return f"{what}; {nodes}; because of {why}" if why else f"{what}; {nodes}"
    nodes = ", ".join(f"{name} -> {changing[name]}" if name in changing else name for name in order)
    head = f"{mode} -> {desired.mode}; {len(order)} nodes get a new pod CIDR, one at a time: {nodes}"
    return f"{head}; and {why}" if why else head


def _node(name: str, found: Iterable[Departure]) -> Iterable[str]:
    listed = sorted(found, key=lambda one: one.way not in MOVES)
    counts = (
        (sum(one.way in MOVES for one in listed), "move"),
        (sum(one.way in RECREATED for one in listed), "are re-created in place"),
        (sum(one.way is Way.JOB for one in listed), "are Jobs' and are waited for"),
        (sum(one.way is Way.ENDING for one in listed), "are ending and are waited for"),
    )
    yield f"  {name}: {', '.join(f'{count} pods {what}' for count, what in counts if count) or 'no pod leaves'}"
    for one in listed:
        away = estimates.away(one)
        missed = f", away for about {away:.0f} s" if away else ""
        yield f"    {one.pod.key} {one.way}{missed}{f' ({one.why})' if one.why else ''}{''.join(_besides(one))}"


def _besides(one: Departure) -> Iterable[str]:
    """What becomes of the pod's data, and a long end."""
    found = one.pod.rules
    if one.pod.ready and found.grace > DEFAULT_GRACE:
        yield f"; it may take {duration(found.grace)} to end"
    if one.way is Way.JOB:
        return
    for kind, names in (("emptyDir", found.scratch), ("ephemeral volume", found.ephemeral)):
        if names:
            yield f"; the content of its {kind} {', '.join(names)} goes with it"
    if one.way in MOVES and one.pod.needs.kept:
        yield f"; its hostPath {', '.join(one.pod.needs.kept)} is another node's then"


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


def title(desired: Desired, snapshot: Snapshot) -> str:
    """What is refused, if it is."""
    same = snapshot.configured is not None and snapshot.configured.mode == desired.mode
    return "the change" if same else f"the change to {desired.mode}"


@dataclass(frozen=True)
class Preview:
    """What is told; no lines if there is nothing to do."""

    lines: tuple[str, ...] = ()
    refused: bool = False
    """Whether it can never succeed as things are: no time that passes would mend it."""


def preview(desired: Desired, snapshot: Snapshot) -> Preview:
    """What the next run would do to pods, or why it would refuse."""
    now = snapshot.configured
    if now is None:
        return Preview()
    same = now.mode == desired.mode and (desired.mode != "cluster-pool" or set(desired.pools) <= set(now.pools))
    behind = nodes_to_move(desired, snapshot) or control_plane_behind(desired, snapshot)
    if same and not behind and not fixed(desired, snapshot):
        return Preview()
    if found := preflight_failures(desired, snapshot):
        lines = (f"{title(desired, snapshot)} would be refused:", *(f"  - {failure}" for failure in found))
        return Preview(lines, refused=not all(failure.transient for failure in found))
    return Preview(describe(desired, snapshot))


def preview_live(desired: Desired, kubeconfig: str) -> Preview:
    """The same of the cluster that the kubeconfig names. Agents are not queried: that would take too long."""
    try:
        with KubectlApi(kubeconfig, attempts=1, timeout=_SECONDS) as api:
            cluster = Cluster(api, desired.non_masquerade_cidrs)
            snapshot = cluster.snapshot()
            if snapshot.configured:
                snapshot = cluster.before_helm(snapshot)
                if moving := nodes_to_move(desired, snapshot):
                    snapshot = survey(desired, cluster, snapshot, moving)
            return preview(desired, snapshot)
    except ApiError as error:
        unknown = "the preview cannot tell what a migration would do to pods, the cluster does not answer"
        return Preview((f"{unknown}: {error}",))
