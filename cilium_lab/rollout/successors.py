"""Why the successor of a pod that is ready now would not start: what it needs is not there, or is not there any more.

Seen before anything has changed: a pod whose Secret was deleted after its start runs on, and the next one does not.
Pure functions of a survey of the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cilium_lab.kube.needs import DEFAULT_SCHEDULER, Image, Needs, needs
from cilium_lab.kube.objects import Node, Pod, Snapshot
from cilium_lab.kube.raw import member

_SAME_NAME = ("StatefulSet", "DaemonSet")
"""Their controllers make a pod only when the one before it has gone for good."""
_EVERYWHERE = ("/", "/etc", "/usr", "/lib", "/lib/modules", "/opt", "/tmp", "/var", "/var/log", "/var/run", "/run")
"""Paths that every Linux node has, and the folders of what runs on each: the kubelet, containerd, CNI."""
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/var/log", "/var/lib/kubelet", "/run/containerd", "/var/run/containerd")


@dataclass(frozen=True)
class Obstacle:
    """What would keep a successor from starting, and the remedy."""

    why: str
    remedy: str


def needed(pod: Pod, survey: Snapshot) -> tuple[Needs, ...]:
    """What the pod's successor needs: as the pod does, and as the template says that it is made of.

    A Deployment in the middle of a change of its template replaces a pod by one of the same version.
    """
    workload = survey.workload(pod)
    if workload is None or (workload.kind == "Deployment" and not workload.complete):
        return (pod.needs,)
    return (pod.needs, needs(member(workload.template, "spec")))


def obstacle(pod: Pod, survey: Snapshot, *, bound: bool = False) -> Obstacle | None:
    """The first thing that would keep the pod's successor from starting on whichever node.

    `bound`: it is made with its node's name, so that no scheduler looks at it.
    """
    found = (_objects(pod, survey), _claims(pod, survey), _programs(pod, survey, bound=bound), _name(pod, bound=bound))
    return next((one for one in found if one), None)


def lacking(pod: Pod, nodes: Iterable[Node], survey: Snapshot, *, registry: bool) -> Obstacle | None:
    """What one of these nodes, of which the scheduler may take any, has not or may not have."""
    alike = {
        other.node
        for other in survey.pods
        if other.uid != pod.uid and other.group == pod.group and other.ready and other.needs == pod.needs
    }
    bind = f"or bind it to {pod.node} by a node selector, and it is re-created in place"
    for node in nodes:
        if node.name in alike:
            continue
        if image := _missing_image(pod, node, registry=registry):
            why = f"{node.name}, where it could be placed, has not its image {image.name}, {_unpulled(image)}"
            return Obstacle(why, f"import the image there, {bind}")
        unknown = [path for path in pod.needs.paths if not _everywhere(path)]
        if unknown and node.name != pod.node:
            why = f"nobody knows whether {node.name}, where it could be placed, has its hostPath {unknown[0]}"
            return Obstacle(why, f"let the kubelet make it (type DirectoryOrCreate or FileOrCreate), {bind}")
    return None


def gone_at_home(pod: Pod, survey: Snapshot, *, registry: bool) -> Obstacle | None:
    """What the pod's own node has not any more."""
    image = _missing_image(pod, survey.node(pod.node), registry=registry)
    if image is None:
        return None
    return Obstacle(f"{pod.node} has not its image {image.name} any more, {_unpulled(image)}", "import the image there")


def _missing_image(pod: Pod, node: Node, *, registry: bool) -> Image | None:
    kept = ("Never",) if registry else ("Never", "IfNotPresent")
    listed = node.images
    if listed is None:
        return None
    return next((one for one in pod.needs.images if one.policy in kept and one.name not in listed), None)


def _unpulled(image: Image) -> str:
    return "and its imagePullPolicy is Never" if image.policy == "Never" else "and there is no registry to pull it from"


def _everywhere(path: str) -> bool:
    return path.rstrip("/") in ("", *_EVERYWHERE) or any(path == one or path.startswith(f"{one}/") for one in _SYSTEM)


def _objects(pod: Pod, survey: Snapshot) -> Obstacle | None:
    for one in dict.fromkeys(one for found in needed(pod, survey) for one in found.objects):
        title = one.title(pod.namespace)
        held = survey.contents.get(title, one.keys)
        remedy = f"restore it, or take it from the template of {pod.group}"
        if held is None:
            return Obstacle(f"its successor would not start: there is no {title}", remedy)
        if missing := sorted(one.keys - held):
            return Obstacle(f"its successor would not start: {title} has no key {', '.join(missing)}", remedy)
    return None


def _claims(pod: Pod, survey: Snapshot) -> Obstacle | None:
    for name in pod.rules.claims:
        key = f"{pod.namespace}/{name}"
        claim = survey.claims.get(key)
        if claim is None and not (pod.owner and pod.owner[0] == "StatefulSet"):  # which makes its claims
            return Obstacle(f"its successor would not start: there is no claim {key}", "create the claim again")
        if claim and claim.terminating:
            why = f"its claim {key} is being deleted, and its data would go with the pod"
            return Obstacle(why, "save the data and delete the pod, or restore the claim")
        if claim and claim.lost:
            return Obstacle(f"its successor would not start: claim {key} has lost its volume", "create the claim again")
    return None


def _programs(pod: Pod, survey: Snapshot, *, bound: bool) -> Obstacle | None:
    """What other programs have to do for it."""
    aside = f"or scale {pod.group} to none until the migration has ended"
    for found in needed(pod, survey):
        known = (DEFAULT_SCHEDULER, *survey.schedulers)
        if not bound and found.scheduler not in known:
            why = f"no scheduler {found.scheduler} is at work (it renews no lease), so no node would be found for it"
            return Obstacle(why, f"start that scheduler with a lease of its name, remove schedulerName, {aside}")
        if not bound and found.gated:
            why = "its template has schedulingGates, and nobody knows who removes those of its successor"
            return Obstacle(why, f"remove schedulingGates from the template, {aside}")
        if found.conditions:
            named = ", ".join(found.conditions)
            why = f"another program has to set {named} of its readinessGates, and nobody knows whether it does so again"
            return Obstacle(why, f"remove readinessGates from the template, {aside}")
        if found.devices:
            why = f"it has resource claims ({', '.join(found.devices)}), and nobody knows where those can be allocated"
            return Obstacle(why, f"remove resourceClaims from the template, {aside}")
    return None


def _name(pod: Pod, *, bound: bool) -> Obstacle | None:
    """What keeps the name, or the volume of the name, of a successor that has to have the same one."""
    again = pod.owner is None or pod.owner[0] in _SAME_NAME or bound
    if again and pod.finalizers:
        why = f"it would keep its name or its place until somebody removes its finalizers ({', '.join(pod.finalizers)})"
        return Obstacle(why, "remove the finalizers")
    if bound and pod.rules.ephemeral:
        volumes = ", ".join(pod.rules.ephemeral)
        why = f"its ephemeral volume {volumes} is made only where the scheduler looks at the pod, and it is bound"
        return Obstacle(why, "make it a Deployment of one replica, or give it a claim of its own")
    return None
