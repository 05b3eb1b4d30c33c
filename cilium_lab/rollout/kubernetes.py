"""Which release of Kubernetes the cluster runs, whether it can be upgraded to the desired one, and the upgrade.

In kubeadm's order: the control plane first, then the kubelet of each node, which is drained meanwhile. What is behind
is a fact of the cluster: the images of the control plane's pods, kubeadm's own note, each kubelet's report. Only patch
releases of one minor release are carried out, and only upward: upstream supports no way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import join

from cilium_lab.config.versions import KUBERNETES_RELEASES
from cilium_lab.kube.conditions import Condition, ConditionTimeout, unmet
from cilium_lab.kube.objects import Snapshot
from cilium_lab.kube.ssh import HostError, Shell
from cilium_lab.rollout.releases import release_of
from cilium_lab.rollout.request import Desired

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""Of the control plane: labels of its pods, and names of their containers."""


def control_plane(snapshot: Snapshot) -> Mapping[str, str]:
    """What of the control plane is of which release, x.y.z: its pods, and what kubeadm has noted."""
    found = {"kubeadm-config": snapshot.kubeadm} if snapshot.kubeadm else {}
    for pod in snapshot.pods:
        name = pod.labels.get("component", "")
        version = release_of(pod, name) if pod.namespace == "kube-system" and name in COMPONENTS else ""
        if version:
            found[pod.name] = version
    return found


def control_plane_behind(desired: Desired, snapshot: Snapshot) -> bool:
    """Whether a part of the control plane is of another release than desired."""
    return bool(desired.kubernetes) and any(one != desired.kubernetes for one in control_plane(snapshot).values())


def kubelet_behind(desired: Desired, snapshot: Snapshot, node: str) -> bool:
    """Whether the node's kubelet is of another release than desired."""
    running = next((one.kubelet for one in snapshot.nodes if one.name == node), "")
    return bool(desired.kubernetes and running) and running != desired.kubernetes


def upgrades(desired: Desired, snapshot: Snapshot) -> tuple[str, ...]:
    """What is upgraded, in words: `kubelet OLD -> NEW`; empty where nothing is behind."""
    found: dict[str, None] = {}
    if control_plane_behind(desired, snapshot):
        earlier = sorted({one for one in control_plane(snapshot).values() if one != desired.kubernetes}, key=_order)
        found[f"control plane {', '.join(earlier)} -> {desired.kubernetes}"] = None
    for node in snapshot.nodes:
        if kubelet_behind(desired, snapshot, node.name):
            found[f"kubelet {node.kubelet} -> {desired.kubernetes}"] = None
    return tuple(found)


def refused(desired: Desired, snapshot: Snapshot) -> tuple[str, str] | None:
    """Why the desired release cannot be reached from what runs, and the way round; None where it can."""
    for who, running in _running(snapshot):
        wanted = desired.kubernetes
        if not wanted or running == wanted:
            continue
        change = f"versions.kubernetes {running} -> {wanted} cannot be done on a live cluster: {who} is of {running}"
        minor = running.rpartition(".")[0]
        if wanted.rpartition(".")[0] != minor:
            known = [one for one in KUBERNETES_RELEASES if one.rpartition(".")[0] == minor]
            patches = [one for one in known if _order(one) >= _order(running)]
            return (
                f"{change}, and only patch releases of {minor} are carried out",
                f"set versions.kubernetes to {' or '.join(patches) or running}, or destroy the lab and bring it up "
                f"with {wanted}",
            )
        if _order(wanted) < _order(running):
            return (
                f"{change}, and Kubernetes has no way back to an earlier release",
                f"set versions.kubernetes to {_newest(snapshot)}, or destroy the lab and bring it up with {wanted}",
            )
    return None


def _running(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    yield from control_plane(snapshot).items()
    for node in snapshot.nodes:
        if node.kubelet:
            yield f"the kubelet of {node.name}", node.kubelet


def _newest(snapshot: Snapshot) -> str:
    return max((version for _, version in _running(snapshot)), key=_order)


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@dataclass(frozen=True)
class Kubeadm:
    """kubeadm on the nodes, by the program's own script there (upgrade-kubernetes.sh). Raises ConditionTimeout."""

    shell: Shell
    script: str
    """Its path on every node."""
    ignored: str = ""
    """Checks of kubeadm's preflight that fail for a harmless reason, by commas."""

    def control_plane(self, node: str, version: str, condition: str) -> None:
        """Upgrade the control plane, with kubeadm's own preflight. What is of that release already stays."""
        self._run("control-plane", node, version, condition)

    def kubelet(self, node: str, version: str, condition: str) -> None:
        """Upgrade a node's kubelet, and restart it."""
        self._run("node", node, version, condition)

    def _run(self, what: str, node: str, version: str, condition: str) -> None:
        try:
            self.shell(node, f"{join([self.script, what, version, self.ignored])}\n")
        except HostError as error:
            seen = unmet(
                expected=f"Kubernetes {version}",
                seen=str(error),
                next="what kubeadm says there; the next `pulumi up` begins this step again",
            )
            raise ConditionTimeout(Condition(condition, lambda: seen, 0.0, node), seen) from error
