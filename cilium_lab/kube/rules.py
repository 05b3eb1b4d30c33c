"""What a pod's specification says about where it may run, as frozen data.

Facts: the kube-scheduler's documentation (assign-pod-node, topology-spread-constraints, taint-and-toleration,
resource-management, init-containers, sidecar-containers, pod-overhead).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cilium_lab.kube.quantities import amount
from cilium_lab.kube.raw import Object, listed, member

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
DEFAULT_GRACE = 30
"""Seconds that a pod without terminationGracePeriodSeconds gets to end."""


@dataclass(frozen=True)
class PodTerm:
    """A required affinity or anti-affinity to the pods that match, within one value of the node label `topology`."""

    selector: Object | None
    topology: str
    namespaces: tuple[str, ...] = ()
    namespace_selector: Object | None = None
    """None: `namespaces` alone count; an empty one selects every namespace."""


@dataclass(frozen=True)
class Spread:
    """A topology spread constraint that a pod must meet (DoNotSchedule)."""

    max_skew: int
    topology: str
    selector: Object | None
    min_domains: int = 1
    same_labels: tuple[str, ...] = ()
    """matchLabelKeys: of these labels a counted pod has the same values."""
    honors_affinity: bool = True
    """Only nodes that the pod's own node selector and affinity allow are counted."""
    honors_taints: bool = False
    """Only nodes whose taints the pod tolerates are counted."""


@dataclass(frozen=True)
class Rules:
    """Everything that the scheduler must respect. Amounts: see `quantities.amount`."""

    node_selector: Mapping[str, str]
    node_terms: tuple[Object, ...] | None
    """Required node affinity: one term has to match; None: there is none."""
    tolerations: tuple[Object, ...]
    requests: Mapping[str, int]
    """Resource -> amount of the whole pod: containers, init containers, overhead."""
    host_ports: frozenset[tuple[str, str, int]]
    """(host address, protocol, port); the address 0.0.0.0 is every address."""
    near: tuple[PodTerm, ...]
    apart: tuple[PodTerm, ...]
    spread: tuple[Spread, ...]
    claims: tuple[str, ...]
    """Names of PersistentVolumeClaims in the pod's namespace."""
    scratch: tuple[str, ...]
    """Names of emptyDir volumes: their content goes with the pod."""
    ephemeral: tuple[str, ...]
    """Names of generic ephemeral volumes: their claims go with the pod, and its successor gets new ones."""
    priority: int
    preempts: bool
    grace: int
    """terminationGracePeriodSeconds."""
    start: int
    """Seconds that its probes make it wait before it can be ready, at least: the longest of its containers."""
    slowest: int
    """The same at most: for so long its startup probe may fail before the kubelet gives it up."""


def rules(spec: Object) -> Rules:
    """The rules of a pod's `spec`."""
    affinity = member(spec, "affinity")
    node_affinity = member(affinity, "nodeAffinity", _REQUIRED)
    containers, volumes = listed(spec, "containers"), listed(spec, "volumes")
    grace = spec.get("terminationGracePeriodSeconds")
    return Rules(
        node_selector=spec.get("nodeSelector") or {},
        node_terms=tuple(listed(node_affinity, "nodeSelectorTerms")) if node_affinity else None,
        tolerations=tuple(spec.get("tolerations") or ()),
        requests=_requests(spec),
        host_ports=frozenset(_host_ports(containers)),
        near=tuple(_terms(listed(affinity, "podAffinity", _REQUIRED))),
        apart=tuple(_terms(listed(affinity, "podAntiAffinity", _REQUIRED))),
        spread=tuple(_spread(listed(spec, "topologySpreadConstraints"))),
        claims=tuple(_claims(volumes)),
        scratch=tuple(v["name"] for v in volumes if "emptyDir" in v),
        ephemeral=tuple(v["name"] for v in volumes if "ephemeral" in v),
        priority=int(spec.get("priority") or 0),
        preempts=spec.get("preemptionPolicy", "PreemptLowerPriority") != "Never",
        grace=DEFAULT_GRACE if grace is None else int(grace),
        start=max((_start(container, 1) for container in containers), default=0),
        slowest=max((_start(container) for container in containers), default=0),
    )


def _start(container: Object, failures: int | None = None) -> int:
    """Seconds from a container's start to ready; without `failures`, as many as its startup probe is allowed."""
    startup, ready = member(container, "startupProbe"), member(container, "readinessProbe")
    tried = int(startup.get("failureThreshold", 3)) if failures is None else failures
    begun = int(startup.get("initialDelaySeconds", 0)) + (tried - 1) * _period(startup)
    passed = (int(ready.get("successThreshold", 1)) - 1) * _period(ready)
    return (begun if startup else 0) + int(ready.get("initialDelaySeconds", 0)) + passed


def _period(probe: Object) -> int:
    return int(probe.get("periodSeconds", 10))


def tolerates(tolerations: Iterable[Object], key: str, value: str, effect: str) -> bool:
    """Whether one of the tolerations (core/v1) matches the taint. No effect: each; no key with Exists: every taint."""
    for one in tolerations:
        if one.get("effect") and one["effect"] != effect:
            continue
        if one.get("operator", "Equal") == "Exists":
            if one.get("key", key) in ("", key):
                return True
        elif one.get("key") == key and one.get("value", "") == value:
            return True
    return False


def _terms(required: Iterable[Object]) -> Iterable[PodTerm]:
    for term in required:
        yield PodTerm(
            term.get("labelSelector"),
            str(term.get("topologyKey", "")),
            tuple(term.get("namespaces") or ()),
            term.get("namespaceSelector"),
        )


def _spread(constraints: Iterable[Object]) -> Iterable[Spread]:
    for one in constraints:
        if one.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule":
            yield Spread(
                int(one.get("maxSkew", 1)),
                str(one.get("topologyKey", "")),
                one.get("labelSelector"),
                int(one.get("minDomains") or 1),
                tuple(one.get("matchLabelKeys") or ()),
                one.get("nodeAffinityPolicy", "Honor") == "Honor",
                one.get("nodeTaintsPolicy", "Ignore") == "Honor",
            )


def _host_ports(containers: Iterable[Object]) -> Iterable[tuple[str, str, int]]:
    for container in containers:
        for port in listed(container, "ports"):
            if port.get("hostPort"):
                yield (port.get("hostIP") or "0.0.0.0", port.get("protocol", "TCP"), int(port["hostPort"]))


def _claims(volumes: Iterable[Object]) -> Iterable[str]:
    for volume in volumes:
        if "persistentVolumeClaim" in volume:
            yield str(volume["persistentVolumeClaim"]["claimName"])


def _requests(spec: Object) -> Mapping[str, int]:
    """The larger of what runs together at the end and of each moment of the start; the pod's own amounts win."""
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for container in listed(spec, "initContainers"):
        requested = _requested(container)
        if container.get("restartPolicy") == "Always":  # a sidecar: it stays
            running.update(requested)
            most |= running
        else:
            most |= running + Counter(requested)
    for container in listed(spec, "containers"):
        running.update(_requested(container))
    total = running | most
    total |= Counter(_requested(spec))
    total.update({name: amount(name, text) for name, text in member(spec, "overhead").items()})
    return dict(total)


def _requested(holder: Object) -> dict[str, int]:
    """A container's requests; a limit without a request is the request (core/v1 defaults)."""
    both = {**member(holder, "resources", "limits"), **member(holder, "resources", "requests")}
    return {name: amount(name, text) for name, text in both.items()}
