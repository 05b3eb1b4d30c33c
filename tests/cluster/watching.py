"""How many pods of each workload are ready at any time, as the API server tells it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

from tests.helpers.checkout import Checkout


def longest_without(moments: list[tuple[float, int]], until: float) -> float:
    """The longest time without a ready pod, after the first one, in moments of (seconds, ready pods) in their order."""
    longest, since, begun = 0.0, None, False
    for at, ready in [*moments, (until, 1)]:
        begun = begun or ready > 0
        if ready and since is not None:
            longest, since = max(longest, at - since), None
        elif not ready and begun and since is None:
            since = at
    return longest


class Watch:
    """A context manager that watches the pods of all namespaces; it ends by itself after 20 minutes."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._pods: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        self._moments: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)

    def __enter__(self) -> Self:
        words = ("kubectl", "get", "pods", "-A", "-l", "app", "-o", "json", "--output-watch-events", "--watch")
        self._process = subprocess.Popen(
            [self._checkout.folder / "lab", *words, "--request-timeout=1200s"],
            cwd="/",
            env=self._checkout.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(30)
        self._thread.join(30)

    def away(self) -> dict[str, float]:
        """App -> the longest time in seconds for which none of its pods was ready."""
        now = time.monotonic()
        return {app: longest_without(moments, now) for app, moments in self._moments.items()}

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # an event each
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        meta, status = event["object"]["metadata"], event["object"].get("status", {})
        app = meta["labels"]["app"]
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))
        self._pods[app][meta["uid"]] = ready and event["type"] != "DELETED"
        self._moments[app].append((time.monotonic(), sum(self._pods[app].values())))
