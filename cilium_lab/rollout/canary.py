"""The canary: a pod that tries a node out after its agent's restart, before users' pods may return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

from cilium_lab.kube.objects import Pod, Snapshot
from cilium_lab.rollout.outcomes import CANARY_LABEL
from cilium_lab.rollout.request import Canary

NAMESPACE = "kube-system"
CONTAINER = "canary"
ECHO = "echo"
"""The question to every echo pod."""
_SECONDS = 2


def name(node: str) -> str:
    """Of the node's canary pod."""
    return f"cilium-lab-canary-{node}"


def pod(canary: Canary, node: str) -> dict[str, Any]:
    """The pod, bound to the node without the scheduler, which a cordon would stop."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name(node), "namespace": NAMESPACE, "labels": {CANARY_LABEL: node}},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": CONTAINER,
                    "image": canary.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "600"],
                    # Without requests: a node that is full refuses no pod that requests nothing.
                    "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "0", "memory": "0"}},
                }
            ],
        },
    }


def echo_pods(canary: Canary, snapshot: Snapshot) -> tuple[Pod, ...]:
    """The ready pods that answer with the client's address: one on every other node, with old and new pod CIDRs."""
    if canary.echo is None:
        return ()
    namespace, app = canary.echo.split("/")
    ready = [p for p in snapshot.pods if p.namespace == namespace and p.labels.get("app") == app and p.address]
    return tuple({p.node: p for p in ready if p.ready and not p.terminating}.values())


def without(canary: Canary, unanswered: Iterable[str]) -> Canary:
    """The canary without these questions (see `judge`): they had no answer before anything was changed."""
    names = frozenset(unanswered)
    return replace(
        canary,
        pages=tuple(page for page in canary.pages if f"page {page}" not in names),
        names=tuple(host for host in canary.names if f"name {host}" not in names),
        echo=None if ECHO in names else canary.echo,
    )


def script(canary: Canary, echoes: Iterable[Pod]) -> str:
    """Shell for the canary: one line of result for each question, all at once."""
    tries = [f"{_request(page, 'page')} &" for page in canary.pages]
    tries += [f"{_request(f'http://{pod.address}/', f'echo {pod.address}', show=True)} &" for pod in echoes]
    tries += [
        f'{{ r=$(dig +short +time={_SECONDS} +tries=1 {host}); echo "name {host} ${{r:-none}}"; }} &'
        for host in canary.names
    ]
    return " ".join([*tries, "wait"])


def _request(url: str, title: str, *, show: bool = False) -> str:
    curl = f"curl -ksS -m {_SECONDS} -o"
    if show:
        answer = f"$(curl -ksS -m {_SECONDS} {url} 2>&1 | grep -m 1 -e RemoteAddr -e curl)"
        return f'{{ r={answer}; echo "{title} ${{r:-none}}"; }}'
    code = f"$({curl} /dev/null -w '%{{http_code}}' {url} 2>/dev/null)"
    return f'{{ r={code}; echo "{title} {url} $r"; }}'


@dataclass(frozen=True)
class Answers:
    """The canary's result: how many questions it had, and those without the right answer: question -> in words."""

    total: int
    failed: Mapping[str, str]


def judge(canary: Canary, echoes: Iterable[Pod], output: str, address: IPv4Address) -> Answers:
    """Reads the script's output. Every echo has to name `address`, the canary's own, as the source.

    A question is `page URL`, `name HOST`, or ECHO for all echoes together, whose addresses change in a migration.
    """
    lines = [line.strip() for line in output.splitlines()]
    failed: dict[str, str] = {}
    for page in canary.pages:
        found = _rest(lines, f"page {page} ")
        if found in ("", "000"):
            failed[f"page {page}"] = f"{page} does not answer"
    for host in canary.names:
        found = _rest(lines, f"name {host} ")
        if found in ("", "none") or found.startswith(";;"):
            failed[f"name {host}"] = f"{host} does not resolve ({found or 'no answer'})"
    targets = tuple(echoes)
    wrong: list[str] = []
    for target in targets:
        found = _rest(lines, f"echo {target.address} ")
        if not found.startswith("RemoteAddr:"):
            wrong.append(f"{target.key} at {target.address} does not answer ({found or 'nothing'})")
        elif found.removeprefix("RemoteAddr:").strip().rpartition(":")[0] != str(address):
            wrong.append(f"{target.key} at {target.address} sees {found}, not {address}")
    if wrong:
        failed[ECHO] = "; ".join(wrong)
    return Answers(len(canary.pages) + len(canary.names) + len(targets), failed)


def _rest(lines: list[str], start: str) -> str:
    return next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), "")
