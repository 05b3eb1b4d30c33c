"""Makes docs/hardening.md: what kube-bench counted before and after, which failures stay and why, and namespaces.

python3 -m tools.hardening_table > docs/hardening.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from cilium_lab.config.versions import CIS_BENCHMARK, KUBE_BENCH
from components.kubernetes.pod_security import GIVEN
from labctl.cis.exceptions import ACCEPTED
from labctl.cis.report import Counts

COUNTS = Path(__file__).parents[1] / "docs" / "cis"

_HEAD = f"""\
<!-- Made by tools/hardening_table.py from labctl/cis/, components/kubernetes/pod_security.py and docs/cis/. -->
# Hardening

```sh
./lab cis           # kube-bench {KUBE_BENCH} with {CIS_BENCHMARK} on every node: counts, failures, reasons
./lab cis --json    # the counts alone, as docs/cis/ keeps them
```

It ends with 1 when a node fails a recommendation that has no reason below, and when a reason is not needed any more.
kube-bench is no part of the bundle: `./lab cis` builds it at its first run.

## What is set

`components/kubernetes/hardening.py` holds every setting, for both stacks.

- **API server**: anonymous requests get kubelet's probes and the cluster's public CA (for `kubeadm join` by token)
  alone; NodeRestriction; profiling off; TLS 1.2 and up with forward secrecy; tokens of pods end after an hour.
- **Secrets in etcd** are encrypted (secretbox) with a key that the control plane makes and that never leaves it: it is
  not in Pulumi's state. It lies beside etcd, so it protects copies of etcd's data, not the host.
- **Audit log** (`kubernetes.audit`): `/var/log/kubernetes/audit/audit.log` on the control plane; who did what to which
  object, never the contents; at most 1100 MB and 30 days.
- **kubelet**: no anonymous requests, authorization by the API server, no read-only port, 4096 processes a pod. On
  virtual machines it requires the kernel's settings (`protectKernelDefaults`), which the host gets; a container has
  those of its machine.
- **Files** that describe the control plane and kubelet are root's alone. **sshd** takes keys and nothing else.

`pulumi up` applies changed settings to a running lab: kubeadm writes the manifests again, kubelet restarts what
changed, every secret is written again, and each node gets kubelet's settings from the cluster. Version, ranges and
addresses can't be changed like that, and such a change is refused.

## What kube-bench counts

Failures are scored recommendations. Warnings are for a person to judge: most of them kube-bench can't check at all.
"Before" is kubeadm with its defaults.
"""
_FAILURES = """
## Failures that stay

| number | recommendation | why |
| --- | --- | --- |
"""
_NAMESPACES = """
## Pod Security

Namespaces that the program does not make itself; the others carry their labels in their manifests.

| namespace | enforced | warned of | why |
| --- | --- | --- | --- |
"""


def counts(name: str) -> Mapping[str, Counts]:
    """What `./lab cis --json` printed: host -> its sections."""
    return json.loads((COUNTS / f"{name}.json").read_text())


def hardening_table() -> str:
    """The file's whole text."""
    before, after = counts("before"), counts("after")
    rows = "".join(_counts(host, before[host], after[host]) for host in before)
    stay = "".join(f"| {one.number} | {one.text} | {one.reason} |\n" for one in ACCEPTED)
    namespaces = "".join(f"| {one.namespace} | {one.enforce} | {one.warn} | {one.reason} |\n" for one in GIVEN)
    return f"{_HEAD}{rows}{_FAILURES}{stay}{_NAMESPACES}{namespaces}"


def _counts(host: str, before: Counts, after: Counts) -> str:
    head = f"\n| {host} | pass, before | fail | warn | pass, after | fail | warn |\n|{' --- |' * 7}\n"
    rows = {**after, "all": _sum(after)}
    old = {**before, "all": _sum(before)}
    return head + "".join(f"| {name} | {_cells(old[name])} | {_cells(row)} |\n" for name, row in rows.items())


def _cells(row: Mapping[str, int]) -> str:
    return " | ".join(str(row[kind]) for kind in ("pass", "fail", "warn"))


def _sum(section: Counts) -> Mapping[str, int]:
    return {kind: sum(row[kind] for row in section.values()) for kind in ("pass", "fail", "warn")}


if __name__ == "__main__":
    sys.stdout.write(hardening_table())
