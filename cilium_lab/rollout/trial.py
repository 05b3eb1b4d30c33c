"""Tries a node out with the canary: before the first node is touched, and after each agent's restart.

What had no answer before is not repeated: a policy that keeps the canary from a page, or a page that is down, says
nothing about a migration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cilium_lab.disruption.stages import Name
from cilium_lab.kube import decode
from cilium_lab.kube.client import APPLY
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Condition, Result, Waiter, met, unmet
from cilium_lab.kube.objects import Pod
from cilium_lab.rollout import canary as questions
from cilium_lab.rollout.canary import NAMESPACE, Answers
from cilium_lab.rollout.health import words
from cilium_lab.rollout.request import Canary


class Trial:
    """The canary of one node. Every part may be repeated."""

    def __init__(self, canary: Canary, cluster: Cluster, waiter: Waiter, node: str, limit: float) -> None:
        """`limit`: seconds for each condition."""
        self._canary = canary
        self._cluster = cluster
        self._waiter = waiter
        self._node = node
        self._limit = limit

    def start(self) -> None:
        """One of an earlier run is deleted first: a pod that runs cannot be changed. Raises ConditionTimeout."""
        self.end()
        self._wait(Name.CANARY_NAME_FREE, self._no_pod)
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{questions.name(self._node)}?fieldManager=cilium-lab&force=true"
        self._cluster.api.send("PATCH", path, questions.pod(self._canary, self._node), APPLY)

    def wait_until_ready(self) -> None:
        """Raises ConditionTimeout."""
        self._wait(Name.CANARY_READY, self._ready)

    def query(self) -> Mapping[str, str]:
        """Once: the questions that had no right answer, in words. Raises ApiError."""
        return self._answers().failed

    def wait_for_answers(self) -> None:
        """Until every question has its answer. Raises ConditionTimeout."""
        self._wait(Name.CANARY_REACHES, self._reaches)

    def end(self) -> None:
        """Delete the canary, if there is one."""
        if found := self._object():
            self._cluster.delete_object(found)

    def _wait(self, name: str, assess: Callable[[], Result]) -> None:
        self._waiter.wait(Condition(name, assess, self._limit, self._node))

    def _object(self) -> dict[str, Any] | None:
        return self._cluster.find_pod(NAMESPACE, questions.name(self._node))

    def _pod(self) -> Pod | None:
        found = self._object()
        return next(iter(decode.pods([found] if found else [])), None)

    def _no_pod(self) -> Result:
        if self._object():
            return unmet(expected="no canary of an earlier run", seen=questions.name(self._node), next="delete it")
        return met("free")

    def _ready(self) -> Result:
        found, pod = self._object(), self._pod()
        if pod is None or not pod.ready or pod.address is None:
            status: Mapping[str, str] = (found or {}).get("status") or {}
            ended = f"{status.get('phase', 'none')} {status.get('reason', '')} {status.get('message', '')}".strip()
            return unmet(
                expected="a ready canary",
                seen=f"{pod.key} ({words(pod)})" if pod else ended,
                next=f"`kubectl -n {NAMESPACE} describe pod {questions.name(self._node)}`",
            )
        return met(str(pod.address))

    def _answers(self) -> Answers:
        pod = self._pod()
        if pod is None or pod.address is None:
            raise KeyError(f"no canary with an address on {self._node}: another program deletes pods")
        echoes = questions.echo_pods(self._canary, self._cluster.snapshot())
        script = questions.script(self._canary, echoes)
        output = self._cluster.api.execute(pod.namespace, pod.name, questions.CONTAINER, script)
        return questions.judge(self._canary, echoes, output, pod.address)

    def _reaches(self) -> Result:
        found = self._answers()
        if found.failed:
            return unmet(
                expected=f"{found.total} answers, as before the migration",
                seen="; ".join(found.failed.values()),
                next="Cilium's routes and policies on this node, `cilium-dbg monitor --type drop`",
            )
        return met(f"{found.total} of {found.total} answers")
