"""What Helm will change of Cilium, which agents are behind it, and which pods are older than their node's agent.

The agents' DaemonSet is OnDelete and its template holds a checksum of cilium-config (the chart's rollOutCiliumPods):
each change of an agent's configuration or image makes a new revision of the template, and restarts nobody. So after
Helm the cluster itself tells which agents are behind; before Helm, the values that it was last given do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cilium_lab.kube.objects import Snapshot
from cilium_lab.rollout.kubernetes import kubelet_behind
from cilium_lab.rollout.request import MULTI_POOL, Desired

CHART = "versions.cilium"
ROUTING = ("routingMode", "tunnelProtocol")
"""Nodes of different ones do not reach each other's pods."""
MASQUERADING = ("bpf.masquerade", "ipMasqAgent.enabled")
_NATIVE_RANGE = "ipv4NativeRoutingCIDR"
_FOLLOWS_THE_MODE = ("ipam.", "k8s.requireIPv4PodCIDR.", "extraConfig.enable-cluster-pool-to-multi-pool-migration.")
_OTHER_WORKLOADS = ("hubble.relay.", "hubble.ui.", "operator.replicas.")
"""Values that no agent reads. Most of the operator's stand in cilium-config, which all agents read."""
_LAST = "~"
"""Sorts behind every time."""


@dataclass(frozen=True)
class Change:
    """A value of the chart by its path, before and after; None: it was not given, or is not any more."""

    path: str
    before: object
    after: object

    def __str__(self) -> str:
        if self._plain(self.before) and self._plain(self.after):
            return f"{self.path} {_word(self.before)} -> {_word(self.after)}"
        return self.path

    def _plain(self, value: object) -> bool:
        """Whether it may be shown: a text may be a secret, unless the program itself has set it."""
        return value is None or isinstance(value, bool | int | float) or self.path in (CHART, _NATIVE_RANGE, *ROUTING)


def _word(value: object) -> str:
    return "unset" if value is None else str(value).lower()


def changes(desired: Desired, snapshot: Snapshot) -> tuple[Change, ...]:
    """By path. What follows from the IPAM mode alone is left out. Empty where Helm's record was not observed."""
    release = snapshot.release
    if release is None or not desired.values:
        return ()
    before, after = dict(_leaves(release.values)), dict(_leaves(desired.values))
    found = [
        Change(path, before.get(path), after.get(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path) and not f"{path}.".startswith(_FOLLOWS_THE_MODE)
    ]
    if desired.chart != release.version:
        found.insert(0, Change(CHART, release.version, desired.chart))
    return tuple(found)


def reasons(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """Why every agent will be behind once Helm has run, in words; empty where none will, or where Helm has run."""
    return tuple(
        str(change) for change in changes(desired, snapshot) if not f"{change.path}.".startswith(_OTHER_WORKLOADS)
    )


def is_behind(desired: Desired, snapshot: Snapshot, node: str) -> bool:
    """Whether the node's agent runs with another configuration or image than it should, or will when Helm has run; or
    its kubelet is of another release."""
    agent = snapshot.is_behind(node) or bool(reasons(desired, snapshot)) or _goes_to_pools(desired, snapshot)
    return agent or kubelet_behind(desired, snapshot, node)


def _goes_to_pools(desired: Desired, snapshot: Snapshot) -> bool:
    """Before Helm has run: the change of the mode after which nodes keep their pod CIDRs, and every agent restarts."""
    now = snapshot.configured
    return snapshot.release is not None and now is not None and now.mode != desired.mode == MULTI_POOL


def may_be_down(desired: Desired, snapshot: Snapshot, node: str) -> bool:
    """Whether the node's rollout, which an earlier run began, will make its agent again whatever has become of it: one
    that cannot start with an earlier configuration keeps nobody from a better one, or from the way back."""
    return node in snapshot.state.nodes and is_behind(desired, snapshot, node)


def created_after(desired: Desired, snapshot: Snapshot, node: str) -> str:
    """Pods of the node that were created before this time (RFC 3339) have to leave; empty: none has to.

    All of them, as long as the agent is behind; those that are older than the agent, as long as the node's rollout has
    not ended.
    """
    if is_behind(desired, snapshot, node):
        return _LAST
    agent = snapshot.agent(node)
    return agent.created if agent and node in snapshot.state.nodes else ""


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Values by path; an object without members says nothing, and Helm may have left it out."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(cast(Mapping[str, Any], value), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
