"""python -m components.migration preflight|run, with the document on standard input (see `document`).

Exit status: 0 done, 1 refused or stopped (standard error says why and what next), 2 called wrongly.
"""

import signal
import sys

from components.migration.api import ApiError, KubectlApi
from components.migration.cluster import Cluster
from components.migration.commands import preflight, run, tell
from components.migration.document import DocumentError, parse


def main(arguments: list[str]) -> int:
    """Run one command."""
    if arguments not in (["preflight"], ["run"]):
        tell("usage: python -m components.migration preflight|run < document.json")
        return 2
    # A polite end still removes the kubeconfig and the proxy.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    try:
        document = parse(sys.stdin.read())
        with KubectlApi(document.kubeconfig) as api:
            cluster = Cluster(api, document.desired.masqueraded_not)
            if arguments == ["run"]:
                return 0 if run(document.desired, cluster) else 1
            answer = preflight(document.desired, cluster)
            if answer is None:
                return 1
            print(answer)
            return 0
    except (DocumentError, ApiError) as error:
        tell(str(error))
        return 1


sys.exit(main(sys.argv[1:]))
