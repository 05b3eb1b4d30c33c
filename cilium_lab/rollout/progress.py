"""How far the rollout of the nodes is, and how long it will take, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cilium_lab.kube.conditions import Clock, Tell
from cilium_lab.tables import duration


@dataclass
class Rollouts:
    """The nodes in their order, with the seconds that each is expected to take (`estimates.node`)."""

    tell: Tell
    clock: Clock
    expected: Mapping[str, float]
    _started: dict[str, float] = field(default_factory=dict[str, float])
    _last: str = ""

    def draining(self, node: str, left: int, total: int) -> None:
        """`left` of `total` pods have left the node; a line that says the same as the one before is not told."""
        now = self.clock.now()
        started = self._started.setdefault(node, now)
        names = list(self.expected)
        if node not in names:
            return
        place = names.index(node)
        later = sum(self.expected[name] for name in names[place + 1 :])
        here = max(self.expected[node] - (now - started), 1.0)
        words = f"node {place + 1} of {len(names)} ({node}), {left} of {total} pods have moved"
        if words != self._last:
            self._last = words
            self.tell(f"{words}, about {duration(here + later)} left")
