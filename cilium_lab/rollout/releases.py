"""From which release of Cilium to which a live cluster can go: one minor release at a time, up or back.

Upstream tests and supports no larger step (Documentation/operations/upgrade.rst, "only upgrade between consecutive
minor releases", and the same for a rollback). Patch releases of one minor release may be changed in any order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cilium_lab.config.versions import CILIUM_RELEASES, minor
from cilium_lab.kube.objects import Pod, Snapshot
from cilium_lab.rollout.request import Desired

_TAG = re.compile(r":v(\d+\.\d+\.\d+)(?:@|$)")
_AGENT = "cilium-agent"


def running(snapshot: Snapshot) -> Mapping[str, str]:
    """Who runs which release, x.y.z: Helm's record, and each agent whose image tells it by its tag."""
    found = {"Helm's release": snapshot.release.version} if snapshot.release else {}
    for node in snapshot.nodes:
        agent = snapshot.agent(node.name)
        version = release_of(agent, _AGENT) if agent else ""
        if version:
            found[f"the agent of {node.name}"] = version
    return found


def release_of(pod: Pod, container: str) -> str:
    """The release of a pod's container by the tag of its image, x.y.z; empty where the tag is of another form."""
    images = (str(one.get("image", "")) for one in pod.spec.get("containers", ()) if one.get("name") == container)
    tags = [_TAG.search(image) for image in images]
    return next((tag[1] for tag in tags if tag), "")


def too_far(desired: Desired, snapshot: Snapshot) -> tuple[str, str] | None:
    """What is too large a step, and the way round; None where the desired release can be reached from all of them."""
    for who, version in running(snapshot).items():
        steps = minor(desired.chart) - minor(version) if desired.chart else 0
        if abs(steps) > 1:
            between = _next(version, 1 if steps > 0 else -1)
            return (
                f"versions.cilium {version} -> {desired.chart} cannot be done in one step: {who} is of {version}, and "
                "Cilium is upgraded, and rolled back, one minor release at a time",
                f"set versions.cilium to {between}, run `pulumi up`, and then go on from there",
            )
    return None


def _next(version: str, step: int) -> str:
    """The newest release that is known of the next minor one, else its name: 1.21.x."""
    wanted = minor(version) + step
    known = [other for other in CILIUM_RELEASES if minor(other) == wanted]
    return known[-1] if known else f"1.{wanted}.x"
