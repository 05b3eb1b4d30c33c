"""How long things take, in seconds: what a preview says beforehand, and what limits grow with.

The figures are those of the embedded lab on two cores (`./lab bench migration`); a faster machine needs less.
"""

from __future__ import annotations

from collections.abc import Iterable

from cilium_lab.kube.objects import Pod
from cilium_lab.rollout.outcomes import MOVES, Departure, Way
from cilium_lab.rollout.request import Limits

_START = 4.0
"""A pod, from its creation to ready, without the delay of its own readiness probe."""
_AGENT = 12.0
"""An agent, from its end to the report on its new pod CIDR."""
_TRIAL = 8.0
"""From there until the node is uncordoned: canary, routes."""
_AROUND = 10.0
"""What a node's rollout takes besides: looks, invariants."""
CONTROL_PLANE = 90.0
"""The upgrade of the control plane: kubeadm's preflight, then each of its pods one after another."""


def away(one: Departure) -> float:
    """For how long users miss the pod; 0 where its successor is ready before it ends or others serve meanwhile."""
    start = moved(one.pod)
    if not one.pod.ready:
        return 0.0
    match one.way:
        case Way.BARE | Way.DAEMON:
            return _AGENT + start
        case Way.DAEMON_AFTER | Way.AFTER:
            return _AGENT / 2 + start
        case Way.IN_PLACE:
            return _AGENT + _TRIAL + start
        case Way.EVICT if one.why:
            return start
        case _:
            return 0.0


def moved(pod: Pod) -> float:
    """One pod that moves: its successor starts, as long as it took itself, and it ends."""
    return max(_START + pod.rules.start, pod.took)


def node(found: Iterable[Departure]) -> float:
    """The whole rollout of a node with these departures."""
    listed = tuple(found)
    return _AROUND + _AGENT + _TRIAL + sum(moved(one.pod) for one in listed if one.way in MOVES)


def drain_limit(limits: Limits, found: Iterable[Departure]) -> float:
    """Seconds that the drain may take: as configured, or a minute and for each pod its start, its end and another."""
    if limits.drain is not None:
        return limits.drain
    return 60.0 + sum(60.0 + one.pod.slowest + one.settling + one.pod.rules.grace for one in found)


def back_limit(limits: Limits, found: Iterable[Departure]) -> float:
    """Seconds until the pods that belong to the node are back: as configured, or two minutes and the longest start."""
    if limits.pods is not None:
        return limits.pods
    slowest = (one.pod.slowest + one.settling + one.pod.rules.grace for one in found)
    return 120.0 + max(map(float, slowest), default=0.0)
