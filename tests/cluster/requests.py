"""Requests to webpod's Service from two hosts, again and again, while something happens to the cluster."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from types import TracebackType

from tests.checkout import Checkout

_HOSTS = ("k8s-cp", "k8s-w1")
_STOP = "/run/stop-requests"
# One request takes a second at most; the loop ends by itself after SECONDS, or when the file appears.
_LOOP = (
    "rm -f {stop}; end=$(($(date +%s) + {seconds})); n=0; f=0; "
    "while [ $(date +%s) -lt $end ] && [ ! -e {stop} ]; do n=$((n + 1)); "
    "curl -sf -m 1 -o /dev/null http://{address}/ || {{ f=$((f + 1)); date -u +%T.%N >&2; }}; sleep 0.02; done; "
    "echo requests=$n failed=$f"
)


@dataclass(frozen=True)
class Outcome:
    """How many requests there were, how many failed, and when."""

    requests: int
    failed: int
    when: str


class Requests:
    """A context manager; `outcome` is known when it is left."""

    def __init__(self, checkout: Checkout, seconds: int) -> None:
        self._checkout = checkout
        self._seconds = seconds

    def __enter__(self) -> Requests:
        address = self._checkout.lab("kubectl", "get", "service", "webpod", "-o", "jsonpath={.spec.clusterIP}").stdout
        loop = _LOOP.format(stop=_STOP, seconds=self._seconds, address=address)
        self._loops = [
            subprocess.Popen(
                [self._checkout.folder / "lab", "ssh", host, loop],
                cwd="/",
                env=self._checkout.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for host in _HOSTS
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in _HOSTS:
            self._checkout.lab("ssh", host, f"touch {_STOP}", check=False)
        ended = [loop.communicate(timeout=60) for loop in self._loops]
        counted = [re.search(r"requests=(\d+) failed=(\d+)", printed) for printed, _ in ended]
        assert all(counted), ended
        self.outcome = Outcome(
            sum(int(found[1]) for found in counted if found),
            sum(int(found[2]) for found in counted if found),
            "".join(errors for _, errors in ended),
        )
