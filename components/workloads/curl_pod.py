"""curl-pod: the study's bare pod with network tools, bound to one node by name."""

from __future__ import annotations

from typing import Any

NAME = "curl-pod"
NAMESPACE = "default"


def curl_pod(image: str, node: str) -> dict[str, Any]:
    """The Pod, placed on `node` past the scheduler. `image` has curl, dig, ping, nc and tcpdump.

    It is a bare pod, as in the study: no controller brings it back, so who empties its node has to.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"app": "curl"}},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "curl",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["tail"],
                    "args": ["-f", "/dev/null"],
                    "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
                }
            ],
        },
    }
