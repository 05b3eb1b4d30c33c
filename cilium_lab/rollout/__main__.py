"""python -m cilium_lab.rollout preflight|run, with the request on standard input (see `request`).

Exit status: 0 done, 1 refused or stopped (standard error says why and what next), 2 wrong arguments.
"""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cilium_lab.disruption.probing import Probing
from cilium_lab.kube.client import Api, ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Waiter
from cilium_lab.kube.ssh import pinned
from cilium_lab.rollout.commands import preflight, run, tell
from cilium_lab.rollout.journal import Journal
from cilium_lab.rollout.kubernetes import Kubeadm
from cilium_lab.rollout.request import Request, RequestError, parse

_UPGRADE = 900.0
"""Seconds that the upgrade of one host may take: kubeadm itself gives each part of a control plane five minutes."""


def main(arguments: list[str]) -> int:
    """Run one command."""
    if arguments not in (["preflight"], ["run"]):
        tell("usage: python -m cilium_lab.rollout preflight|run < request.json")
        return 2
    # An end by one of these signals still uncordons nodes, and removes the kubeconfig and the proxy.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: sys.exit(1))
    try:
        request = parse(sys.stdin.read())
        with KubectlApi(request.kubeconfig) as api, _journal(request, api) as journal:
            cluster = Cluster(api, request.desired.non_masquerade_cidrs)
            if arguments == ["run"]:
                with _kubeadm(request) as kubeadm:
                    return 0 if run(request.desired, cluster, journal=journal, kubeadm=kubeadm) else 1
            output = preflight(request.desired, cluster, journal=journal)
            if output is None:
                return 1
            print(output)
            return 0
    except (RequestError, ApiError) as error:
        tell(str(error))
        return 1
    except KeyboardInterrupt:
        return 1


@contextmanager
def _kubeadm(request: Request) -> Generator[Kubeadm | None]:
    nodes = request.nodes
    if nodes is None:
        yield None
        return
    with pinned(nodes.addresses, nodes.key, nodes.known_hosts) as shell:
        yield Kubeadm(replace(shell, timeout=_UPGRADE), nodes.script, nodes.ignored)


@contextmanager
def _journal(request: Request, api: Api) -> Generator[Journal | None]:
    hosts = request.hosts
    if not request.runs:
        yield None
    elif hosts is None:
        yield Journal(Path(request.runs))
    else:
        with pinned(hosts.addresses, hosts.key, hosts.known_hosts) as shell:

            def probing(waiter: Waiter) -> Probing:
                return Probing(hosts, api, shell, waiter)

            yield Journal(Path(request.runs), probing)


sys.exit(main(sys.argv[1:]))
