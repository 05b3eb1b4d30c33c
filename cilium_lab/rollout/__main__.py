"""python -m cilium_lab.rollout preflight|run, with the document on standard input (see `document`).

Exit status: 0 done, 1 refused or stopped (standard error says why and what next), 2 called wrongly.
"""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cilium_lab.disruption.probing import Probing
from cilium_lab.kube.client import Api, ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import Waiter
from cilium_lab.kube.ssh import pinned
from cilium_lab.rollout.commands import preflight, run, tell
from cilium_lab.rollout.journal import Recorder
from cilium_lab.rollout.request import Document, DocumentError, parse


def main(arguments: list[str]) -> int:
    """Run one command."""
    if arguments not in (["preflight"], ["run"]):
        tell("usage: python -m cilium_lab.rollout preflight|run < document.json")
        return 2
    # A polite end still removes the kubeconfig and the proxy.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    try:
        document = parse(sys.stdin.read())
        with KubectlApi(document.kubeconfig) as api, _recorder(document, api) as recorder:
            cluster = Cluster(api, document.desired.masqueraded_not)
            if arguments == ["run"]:
                return 0 if run(document.desired, cluster, recorder=recorder) else 1
            answer = preflight(document.desired, cluster, recorder=recorder)
            if answer is None:
                return 1
            print(answer)
            return 0
    except (DocumentError, ApiError) as error:
        tell(str(error))
        return 1


@contextmanager
def _recorder(document: Document, api: Api) -> Generator[Recorder | None]:
    hosts = document.hosts
    if not document.records:
        yield None
    elif hosts is None:
        yield Recorder(Path(document.records))
    else:
        with pinned(hosts.addresses, hosts.key, hosts.known_hosts) as shell:

            def probing(waiter: Waiter) -> Probing:
                return Probing(hosts, api, shell, waiter)

            yield Recorder(Path(document.records), probing)


sys.exit(main(sys.argv[1:]))
