"""Check that a claim gets a volume, that it can be written, and that it goes away with its claim."""

from __future__ import annotations

import json
import time
from typing import Any

from cilium_lab.checks.check import Result, failed, passed
from cilium_lab.checks.cluster_state import get_items, get_object
from cilium_lab.checks.context import Context
from cilium_lab.checks.expectation import Expectation

NAME = "check-storage"
_WORDS = "written and read back"
# Seconds for the pod to end (image present on every node) and for the volume to be removed.
_WRITE_LIMIT = 45
_REMOVE_LIMIT = 20


def claim_is_written(want: Expectation, context: Context) -> Result:
    """A claim of the default class is bound, a pod writes into it, and both are removed with the volume."""
    objects = {"apiVersion": "v1", "kind": "List", "items": [_claim(), _writer(want.debug_image)]}
    _remove(context)
    try:
        context.kubectl("create", "-f", "-", stdin=json.dumps(objects))
        context.kubectl("wait", f"pod/{NAME}", "--for=jsonpath={.status.phase}=Succeeded", f"--timeout={_WRITE_LIMIT}s")
        claim = get_object(context, "pvc", NAME)
        said = context.kubectl("logs", NAME).strip()
    finally:
        _remove(context)
    volume = str(claim["spec"].get("volumeName", ""))
    phase, storage_class = claim["status"]["phase"], claim["spec"].get("storageClassName")
    if phase != "Bound" or storage_class != want.storage_class or said != _WORDS:
        return failed(
            expected=f"Bound, class {want.storage_class}, the pod says: {_WORDS}",
            seen=f"{phase}, class {storage_class}, the pod says: {said or 'nothing'}",
            hint="the log of the provisioner in local-path-storage, and `kubectl get storageclass`",
        )
    if not _gone(context, volume):
        return failed(
            expected=f"volume {volume} removed with its claim",
            seen=f"it is still there after {_REMOVE_LIMIT} s",
            hint="the log of the provisioner in local-path-storage",
        )
    return passed(f"{volume} bound, {_WORDS}, removed")


def _claim() -> dict[str, Any]:
    # No class is named: this is also the test that there is a default one.
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": NAME},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}},
    }


def _writer(image: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME},
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


def _remove(context: Context) -> None:
    context.kubectl("delete", "pod,pvc", NAME, "--ignore-not-found", "--wait", f"--timeout={_REMOVE_LIMIT}s")


def _gone(context: Context, volume: str) -> bool:
    deadline = time.monotonic() + _REMOVE_LIMIT
    while any(item["metadata"]["name"] == volume for item in get_items(context, "pv")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
