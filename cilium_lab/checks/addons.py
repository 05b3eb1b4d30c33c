"""Checks of the add-ons: a claim that gets a volume, and pages as the router sees them, outside the cluster."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.kube.client import APPLY, ApiError
from cilium_lab.kube.conditions import Result, met, unmet
from cilium_lab.kube.deadline import seconds_left

# The jobs of components/addons/prometheus.py that read Cilium.
_AGENT_JOBS = ("cilium-agent", "hubble")
_OPERATOR_JOB = "cilium-operator"
NAME = "check-storage"
_WORDS = "written and read back"
# Seconds for the pod to end (image present on every node), and for what is deleted to be gone.
_WRITE_LIMIT = 45.0
_REMOVE_LIMIT = 20.0
_PAUSE = 0.1
_PLURALS = {"PersistentVolumeClaim": "persistentvolumeclaims", "Pod": "pods"}


def claim_is_written(want: Expectation, lab: Lab) -> Result:
    """A claim of the default class is bound, a pod writes into it, and both are removed with the volume."""
    _remove(lab)
    try:
        for manifest in (_claim(), _writer(want.debug_image)):
            # applied, so that it may be sent twice
            lab.api.send("PATCH", f"{_path(manifest['kind'])}?fieldManager=cilium-lab&force=true", manifest, APPLY)
        phase = _await_end(lab)
        if phase != "Succeeded":
            return unmet(
                expected=f"pod {NAME} to write and end within {_WRITE_LIMIT:.0f} s",
                seen=f"phase {phase}",
                next=f"`kubectl describe pod,pvc {NAME}` while this check runs",
            )
        claim = lab.api.get(_path("PersistentVolumeClaim"))
        written = lab.api.text(f"{_path('Pod')}/log").strip()
    finally:
        _remove(lab)
    volume = str(claim["spec"].get("volumeName", ""))
    phase, storage_class = claim["status"]["phase"], claim["spec"].get("storageClassName")
    if phase != "Bound" or storage_class != want.storage_class or written != _WORDS:
        return unmet(
            expected=f"Bound, class {want.storage_class}, the pod prints: {_WORDS}",
            seen=f"{phase}, class {storage_class}, the pod prints: {written or 'nothing'}",
            next="the log of the provisioner in local-path-storage, and `kubectl get storageclass`",
        )
    if not _until(lambda: not _exists(lab, f"/api/v1/persistentvolumes/{volume}"), _REMOVE_LIMIT):
        return unmet(
            expected=f"volume {volume} removed with its claim",
            seen=f"it is still there after {_REMOVE_LIMIT:.0f} s",
            next="the log of the provisioner in local-path-storage",
        )
    return met(f"{volume} bound, {_WORDS}, removed")


def _path(kind: str) -> str:
    return f"/api/v1/namespaces/default/{_PLURALS[kind]}/{NAME}"


def _claim() -> dict[str, Any]:
    # No class is named: this is also the test that there is a default one.
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}},
    }


def _writer(image: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": "default"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "writer",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sh", "-c", f"echo {_WORDS} > /data/words && sync && cat /data/words"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": NAME}}],
        },
    }


def _await_end(lab: Lab) -> str:
    """The writer's phase once it has ended, or when its time is over."""
    phase = ""

    def ended() -> bool:
        nonlocal phase
        phase = lab.api.get(_path("Pod"))["status"]["phase"]
        return phase in ("Succeeded", "Failed")

    # some of the condition's time is left for the clean-up
    _until(ended, seconds_left(_WRITE_LIMIT + _REMOVE_LIMIT) - _REMOVE_LIMIT)
    return phase


def _remove(lab: Lab) -> None:
    """Delete pod and claim, whether they are there or not, and wait for their end as long as that may take."""
    for kind in ("Pod", "PersistentVolumeClaim"):
        try:
            lab.api.send("DELETE", _path(kind))
        except ApiError as error:
            if error.status != 404:
                raise
    _until(lambda: not any(_exists(lab, _path(kind)) for kind in _PLURALS), _REMOVE_LIMIT)


def _exists(lab: Lab, path: str) -> bool:
    try:
        lab.api.get(path)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True


def _until(true: Callable[[], bool], limit: float) -> bool:
    """Whether it has come true within `limit` seconds."""
    deadline = time.monotonic() + limit
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)
    return True


def prometheus_has_targets(want: Expectation, lab: Lab) -> Result:
    """Prometheus answers on the NodePort of every node and scrapes each agent, the operator and Hubble."""
    port = want.prometheus_port
    urls = [f"http://{address}:{port}/-/ready" for address in want.nodes.values()]
    codes = status_codes(lab, want.router, urls)
    query = f"http://{want.nodes[want.control_plane]}:{port}/api/v1/query?query=up"
    answer = json.loads(lab.shell(want.router, f"curl -s -m 5 '{query}'"))
    up = Counter(row["metric"]["job"] for row in answer["data"]["result"] if row["value"][1] == "1")
    jobs = _AGENT_JOBS if want.hubble else _AGENT_JOBS[:1]
    complete = all(up[job] == len(want.nodes) for job in jobs) and up[_OPERATOR_JOB] >= 1
    seen = ", ".join(f"{job} {count}" for job, count in sorted(up.items())) or "no target is up"
    if codes != ["200"] * len(urls) or not complete:
        wanted = ", ".join([*(f"{job} {len(want.nodes)}" for job in jobs), f"{_OPERATOR_JOB} 1"])
        return unmet(
            expected=f"status 200 on port {port} of every node; up: {wanted}",
            seen=f"status {', '.join(codes)}; up: {seen}",
            next=f"http://{want.nodes[want.control_plane]}:{port}/targets",
        )
    return met(f"port {port} of {len(urls)} nodes; up: {seen}")


def pages_answer(want: Expectation, lab: Lab) -> Result:
    """Every further page answers with status 200."""
    codes = dict(zip(want.pages, status_codes(lab, want.router, list(want.pages.values())), strict=True))
    if any(code != "200" for code in codes.values()):
        return unmet(
            expected="status 200 from " + ", ".join(want.pages.values()),
            seen=", ".join(f"{name} {code}" for name, code in codes.items()),
            next="the pods and Services behind these NodePorts",
        )
    return met(", ".join(f"{name} {url}" for name, url in want.pages.items()))


def status_codes(lab: Lab, host: str, urls: list[str]) -> list[str]:
    """The HTTP status of each URL as seen from `host`, 000 if there is no answer within 5 s."""
    commands = [f"curl -s -o /dev/null -m 5 -w '%{{http_code}}\\n' '{url}' || true" for url in urls]
    return lab.shell(host, "; ".join(commands)).split()
