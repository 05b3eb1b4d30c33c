"""python -m components.probes begin|end FOLDER: lets the probes ask, or ends and collects them in the record's folder.

For changes that no `pulumi up` makes. Standard input is a JSON document with `kubeconfig` and `hosts` (see `targets`).
Exit status: 0 done, 1 it went wrong (standard error says what), 2 called wrongly.
"""

import json
import sys
from pathlib import Path
from typing import Any

from components.migration.api import ApiError, KubectlApi
from components.migration.cluster import Cluster
from components.migration.gates import GateFailed, Gates
from components.migration.recorder import addresses
from components.probes.folder import Folder
from components.probes.hosts import HostError, Ssh
from components.probes.probing import Probing
from components.probes.targets import parse_hosts


def main(arguments: list[str]) -> int:
    """Run one command."""
    if len(arguments) != 2 or arguments[0] not in ("begin", "end"):
        print("usage: python -m components.probes begin|end FOLDER < document.json", file=sys.stderr)
        return 2
    document: dict[str, Any] = json.load(sys.stdin)
    hosts, folder = parse_hosts(document["hosts"]), Folder(Path(arguments[1]))
    gates = Gates(lambda line: print(line, file=sys.stderr, flush=True))
    try:
        with KubectlApi(document["kubeconfig"]) as api, Ssh(hosts) as shell:
            probing = Probing(hosts, api, shell, gates)
            if arguments[0] == "begin":
                probing.begin(fresh=True)
                folder.addresses("before", addresses(Cluster(api, ()).snapshot()))
            else:
                print(probing.end(folder), file=sys.stderr)
                folder.addresses("after", addresses(Cluster(api, ()).snapshot()))
    except (ApiError, HostError, GateFailed) as error:
        print(f"the probes: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main(sys.argv[1:]))
