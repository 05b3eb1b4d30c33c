"""Whether a pod may run on a node, as the scheduler decides it: every filter of the default profile that can say no.

The source is the scheduler's documentation (kubernetes.io/docs/concepts/scheduling-eviction and
.../reference/scheduling/config, default plugins). Scores are not followed: of several nodes the scheduler may take any,
so a forecast of where pods go is a possible one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from cilium_lab.kube.objects import Claim, Node, Pod
from cilium_lab.kube.rules import PodTerm, Spread, tolerates
from cilium_lab.kube.selectors import matches, node_term

CORDON = "node.kubernetes.io/unschedulable"


@dataclass(frozen=True)
class Objection:
    """Why a pod may not run on a node."""

    why: str
    by_preemption: bool = False
    """Used by other pods: the scheduler may end pods of a lower priority there to make some capacity."""


@dataclass(frozen=True)
class Board:
    """The pods as they lie on the nodes. Each method that moves one returns another board."""

    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    claims: Mapping[str, Claim] = field(default_factory=dict[str, Claim])
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def on(self, node: Node) -> list[Pod]:
        """The pods of a node."""
        return [pod for pod in self.pods if pod.node == node.name]

    def without(self, pod: Pod) -> Board:
        """The pod has ended."""
        return replace(self, pods=tuple(other for other in self.pods if other.uid != pod.uid))

    def with_pod(self, pod: Pod, node: str) -> Board:
        """A copy of the pod runs on that node."""
        return replace(self, pods=(*self.pods, replace(pod, node=node, uid=f"{pod.uid} on {node}")))

    def cordoned(self, name: str, *, on: bool) -> Board:
        """The node is cordoned or not."""
        changed = (replace(node, cordoned=on) if node.name == name else node for node in self.nodes)
        return replace(self, nodes=tuple(changed))


def objections(pod: Pod, node: Node, board: Board) -> tuple[Objection, ...]:
    """All that keeps the pod from the node; empty if it may run there. Pods that `board` holds count as running."""
    found: list[Objection] = []
    for test in (_cordon, _taints, _node_rules, _volumes, _resources, _ports, _affinity, _anti_affinity, _spread):
        found += test(pod, node, board)
    return tuple(found)


def feasible(pod: Pod, board: Board) -> tuple[Node, ...]:
    """The nodes that the pod may run on, the emptiest first."""
    crowd = Counter(other.node for other in board.pods)
    mine = Counter(other.node for other in board.pods if other.group == pod.group)
    allowed = [node for node in board.nodes if not objections(pod, node, board)]
    return tuple(sorted(allowed, key=lambda node: (mine[node.name], crowd[node.name], node.name)))


def victims(pod: Pod, node: Node, board: Board) -> tuple[Pod, ...]:
    """The pods of a lower priority that the scheduler may end on the node for this one; empty if it may end none."""
    found = objections(pod, node, board)
    if not pod.rules.preempts or not found or not all(objection.by_preemption for objection in found):
        return ()
    lower = [other for other in board.on(node) if other.rules.priority < pod.rules.priority]
    cleared = replace(board, pods=tuple(other for other in board.pods if other not in lower))
    if objections(pod, node, cleared):
        return ()
    ended: list[Pod] = []
    for other in sorted(lower, key=lambda one: -one.rules.priority):  # as few as possible, the highest stay
        spared = replace(cleared, pods=(*cleared.pods, other))
        if objections(pod, node, spared):
            ended.append(other)
        else:
            cleared = spared
    return tuple(ended)


# -- filters -----------------------------------------------------------------------------------------------------------

_Filter = Callable[[Pod, Node, Board], Iterable[Objection]]


def _cordon(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    if node.cordoned and not tolerates(pod.rules.tolerations, CORDON, "", "NoSchedule"):
        yield Objection("it is cordoned")


def _taints(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    for taint in node.taints:
        if taint.effect != "PreferNoSchedule" and not tolerates(
            pod.rules.tolerations, taint.key, taint.value, taint.effect
        ):
            yield Objection(f"its taint {taint.key}={taint.value}:{taint.effect} is not tolerated")


def _node_rules(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    if not pod.rules.node_selector.items() <= node.labels.items():
        wanted = ", ".join(f"{key}={value}" for key, value in pod.rules.node_selector.items())
        yield Objection(f"the pod's node selector wants {wanted}")
    terms = pod.rules.node_terms
    if terms is not None and not any(node_term(term, node.name, node.labels) for term in terms):
        yield Objection("the pod's node affinity wants other nodes")


def _volumes(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    for name in pod.rules.claims:
        claim = board.claims.get(f"{pod.namespace}/{name}")
        if claim is None:
            continue
        if claim.node_terms is not None and not any(node_term(t, node.name, node.labels) for t in claim.node_terms):
            yield Objection(f"the volume of its claim {name} is on another node")
        if claim.one_pod and any(
            name in other.rules.claims and other.namespace == pod.namespace for other in board.pods
        ):
            yield Objection(f"its claim {name} is for one pod at a time")


def _resources(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    here = board.on(node)
    if len(here) + 1 > node.allocatable.get("pods", 110):
        yield Objection(f"it runs {len(here)} pods of {node.allocatable['pods']} at most", by_preemption=True)
    for resource, wanted in pod.rules.requests.items():
        free = node.allocatable.get(resource, 0) - sum(other.rules.requests.get(resource, 0) for other in here)
        if 0 < wanted > free:
            unit = {"cpu": "m", "memory": " bytes"}.get(resource, "")
            yield Objection(f"{resource} {wanted}{unit} of {max(free, 0)}{unit} free", by_preemption=True)


def _ports(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    taken = [port for other in board.on(node) for port in other.rules.host_ports]
    for address, protocol, number in sorted(pod.rules.host_ports):
        if any((protocol, number) == (p, n) and (address == a or "0.0.0.0" in (address, a)) for a, p, n in taken):
            yield Objection(f"its port {number}/{protocol} is in use", by_preemption=True)


def _affinity(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    for term in pod.rules.near:
        wanted = [other for other in board.pods if _selects(term, pod, other, board)]
        domain = node.labels.get(term.topology)
        if domain is None:
            yield Objection(f"it has no label {term.topology}, which the pod's affinity is about")
        elif wanted:
            if not any(_domain(other, term.topology, board) == domain for other in wanted):
                yield Objection("no pod is there that its affinity wants")
        elif not _selects(term, pod, pod, board):  # else it is the first of a group that belongs together
            yield Objection("there is no pod that its affinity wants")


def _anti_affinity(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    for other in board.pods:
        for term in pod.rules.apart:
            if _selects(term, pod, other, board) and _together(other, node, term, board):
                yield Objection(f"its anti-affinity keeps it apart from {other.key}", by_preemption=True)
        for term in other.rules.apart:
            if _selects(term, other, pod, board) and _together(other, node, term, board):
                yield Objection(f"the anti-affinity of {other.key} keeps it away", by_preemption=True)


def _spread(pod: Pod, node: Node, board: Board) -> Iterable[Objection]:
    for rule in pod.rules.spread:
        domain = node.labels.get(rule.topology)
        if domain is None:
            yield Objection(f"it has no label {rule.topology}, over which the pod is spread")
            continue
        counts = _counts(rule, pod, board)
        least = min(counts.values(), default=0) if len(counts) >= rule.min_domains else 0
        itself = int(matches(rule.selector, pod.labels))
        if counts.get(domain, 0) + itself - least > rule.max_skew:
            yield Objection(
                f"its topology spread over {rule.topology} allows a skew of {rule.max_skew}", by_preemption=True
            )


def _counts(rule: Spread, pod: Pod, board: Board) -> Mapping[str, int]:
    """Domain -> pods that count, for every domain that counts."""
    counts: Counter[str] = Counter()
    for node in board.nodes:
        domain = node.labels.get(rule.topology)
        if (
            domain is None
            or (rule.honors_affinity and any(_node_rules(pod, node, board)))
            or (rule.honors_taints and (any(_taints(pod, node, board)) or any(_cordon(pod, node, board))))
        ):
            continue
        counts[domain] += sum(
            other.namespace == pod.namespace
            and not other.terminating
            and matches(rule.selector, other.labels)
            and all(other.labels.get(key) == pod.labels.get(key) for key in rule.same_labels)
            for other in board.on(node)
        )
    return counts


def _selects(term: PodTerm, owner: Pod, other: Pod, board: Board) -> bool:
    """Whether `other` is one of the pods that a term of `owner` is about."""
    if term.namespace_selector is not None and matches(
        term.namespace_selector, board.namespaces.get(other.namespace, {})
    ):
        inside = True
    elif term.namespaces:
        inside = other.namespace in term.namespaces
    else:
        inside = term.namespace_selector is None and other.namespace == owner.namespace
    return inside and matches(term.selector, other.labels)


def _together(other: Pod, node: Node, term: PodTerm, board: Board) -> bool:
    domain = node.labels.get(term.topology)
    return domain is not None and _domain(other, term.topology, board) == domain


def _domain(pod: Pod, topology: str, board: Board) -> str | None:
    return next((node.labels.get(topology) for node in board.nodes if node.name == pod.node), None)
