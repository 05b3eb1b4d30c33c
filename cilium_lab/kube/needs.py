"""What a pod's specification needs besides a node: objects that it names, images, files of its node, other programs.

Facts: the kubelet's documentation (secrets, configmaps, images, volumes: hostPath, pod-readiness,
pod-scheduling-readiness, dynamic resource allocation).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cilium_lab.kube.raw import Object, listed, member

DEFAULT_SCHEDULER = "default-scheduler"
_CHECKED = ("Directory", "File", "Socket", "CharDevice", "BlockDevice")
"""Types of a hostPath that the kubelet does not make: what is not there keeps the pod from starting."""


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap without which a pod does not start, and the keys that it has to hold."""

    kind: str
    name: str
    keys: frozenset[str] = frozenset()

    def title(self, namespace: str) -> str:
        """kind namespace/name"""
        return f"{self.kind} {namespace}/{self.name}"


@dataclass(frozen=True)
class Image:
    """An image of a container, by its full name, and its pull policy."""

    name: str
    policy: str


@dataclass(frozen=True)
class Needs:
    """What a pod cannot start without."""

    objects: tuple[Reference, ...]
    images: tuple[Image, ...]
    paths: tuple[str, ...]
    """Paths of its node that have to exist."""
    kept: tuple[str, ...]
    """Paths of its node that it has as volumes, whatever their type."""
    scheduler: str
    gated: bool
    """Another program has to remove its schedulingGates before a node is found for it."""
    conditions: tuple[str, ...]
    """Of its readinessGates: conditions that another program has to set."""
    devices: tuple[str, ...]
    """Resource claims (dynamic resource allocation)."""


def needs(spec: Object) -> Needs:
    """What a pod of this `spec` needs."""
    containers = [*listed(spec, "initContainers"), *listed(spec, "containers")]
    volumes = listed(spec, "volumes")
    paths = [member(volume, "hostPath") for volume in volumes if "hostPath" in volume]
    return Needs(
        objects=tuple(dict.fromkeys((*_mounted(volumes), *_environment(containers)))),
        images=tuple(dict.fromkeys(_image(container) for container in containers if container.get("image"))),
        paths=tuple(str(path["path"]) for path in paths if path.get("type") in _CHECKED),
        kept=tuple(str(path["path"]) for path in paths),
        scheduler=str(spec.get("schedulerName") or DEFAULT_SCHEDULER),
        gated=bool(spec.get("schedulingGates")),
        conditions=tuple(str(one["conditionType"]) for one in listed(spec, "readinessGates")),
        devices=tuple(str(claim["name"]) for claim in listed(spec, "resourceClaims")),
    )


def full_name(image: str) -> str:
    """An image's name as the container runtime lists it: with its registry, and with a tag or a digest, not both."""
    name, _, digest = image.partition("@")
    first, _, rest = name.partition("/")
    if not rest:
        name = f"docker.io/library/{name}"
    elif not (set(".:") & set(first) or first == "localhost"):
        name = f"docker.io/{name}"
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, "latest"
    return f"{path}@{digest}" if digest else f"{path}:{tag}"


def _image(container: Object) -> Image:
    name = full_name(str(container["image"]))
    usual = "Always" if name.endswith(":latest") else "IfNotPresent"
    return Image(name, str(container.get("imagePullPolicy") or usual))


def _mounted(volumes: Iterable[Object]) -> Iterator[Reference]:
    for volume in volumes:
        yield from _source("Secret", member(volume, "secret"), "secretName")
        yield from _source("ConfigMap", member(volume, "configMap"), "name")
        for source in listed(volume, "projected", "sources"):
            yield from _source("Secret", member(source, "secret"), "name")
            yield from _source("ConfigMap", member(source, "configMap"), "name")


def _source(kind: str, source: Object, field: str) -> Iterator[Reference]:
    if source.get(field) and not source.get("optional"):
        yield Reference(kind, str(source[field]), frozenset(str(item["key"]) for item in listed(source, "items")))


def _environment(containers: Iterable[Object]) -> Iterator[Reference]:
    for container in containers:
        for source in listed(container, "envFrom"):
            yield from _source("Secret", member(source, "secretRef"), "name")
            yield from _source("ConfigMap", member(source, "configMapRef"), "name")
        for variable in listed(container, "env"):
            for kind, field in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                chosen = member(variable, "valueFrom", field)
                if chosen.get("name") and not chosen.get("optional"):
                    yield Reference(kind, str(chosen["name"]), frozenset({str(chosen["key"])}))
