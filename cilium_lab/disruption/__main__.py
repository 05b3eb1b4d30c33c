"""python -m cilium_lab.disruption begin|end DIRECTORY: starts the probes, or ends and collects them there.

For changes that no `pulumi up` makes. Standard input is a JSON document with `kubeconfig` and `hosts` (see `targets`).
Exit status: 0 done, 1 failure (standard error says which), 2 called wrongly.
"""

import json
import sys
from pathlib import Path
from typing import Any

from cilium_lab.disruption.probing import Probing
from cilium_lab.disruption.record import RunDirectory, addresses
from cilium_lab.disruption.targets import parse_hosts
from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.cluster import Cluster
from cilium_lab.kube.conditions import ConditionTimeout, Waiter
from cilium_lab.kube.ssh import HostError, pinned


def main(arguments: list[str]) -> int:
    """Run one command."""
    if len(arguments) != 2 or arguments[0] not in ("begin", "end"):
        print("usage: python -m cilium_lab.disruption begin|end DIRECTORY < document.json", file=sys.stderr)
        return 2
    document: dict[str, Any] = json.load(sys.stdin)
    hosts, directory = parse_hosts(document["hosts"]), RunDirectory(Path(arguments[1]))
    waiter = Waiter(lambda line: print(line, file=sys.stderr, flush=True))
    try:
        with KubectlApi(document["kubeconfig"]) as api, pinned(hosts.addresses, hosts.key, hosts.known_hosts) as shell:
            probing = Probing(hosts, api, shell, waiter)
            if arguments[0] == "begin":
                probing.begin(fresh=True)
                directory.addresses("before", addresses(Cluster(api, ()).snapshot()))
            else:
                print(probing.end(directory), file=sys.stderr)
                directory.addresses("after", addresses(Cluster(api, ()).snapshot()))
    except (ApiError, HostError, ConditionTimeout) as error:
        print(f"the probes: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main(sys.argv[1:]))
