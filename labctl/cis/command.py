"""Runs kube-bench on the nodes of the running lab, as root, and leaves nothing of it there."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from cilium_lab.config.versions import CIS_BENCHMARK
from cilium_lab.paths import CURRENT
from labctl import source
from labctl.cis import report
from labctl.cis.exceptions import ACCEPTED
from labctl.command import LabError, add_stack, parser
from labctl.session import Session
from labctl.stacks import find

_CONTROL_PLANE = "master,controlplane,etcd,node,policies"
_WORKER = "node"
_LIMIT = 180.0
"""Seconds on one host; the policies take some hundred calls of kubectl."""
_SCRIPT = """set -eu
folder=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$folder"' EXIT
tar -x -C "$folder"
cd "$folder"
export KUBECONFIG=/etc/kubernetes/admin.conf
./kube-bench run --config-dir cfg --benchmark {benchmark} --targets {targets} --json
"""


def cis(arguments: Sequence[str]) -> int:
    """Run the CIS benchmark (kube-bench) on every node, and tell which failures are meant to stay.

    The exit status is 1 when a failure has no reason, or a reason no failure.
    """
    made = parser(cis)
    add_stack(made)
    made.add_argument("--json", action="store_true", help="print the counts of every host alone")
    given = made.parse_args(arguments)
    with find(given.stack) as session:
        session.refresh()
        source.make(["kube-bench"])
        found = _examine(session)
    if given.json:
        print(report.counts(found), end="")
    else:
        print(report.text(found, ACCEPTED))
    new, old = report.unreasoned(list(found.values()), ACCEPTED), report.outdated(list(found.values()), ACCEPTED)
    for failure in new:
        print(f"lab cis: {failure.host} fails {failure.number} without a reason: {failure.text}", file=sys.stderr)
    for one in old:
        print(f"lab cis: no host fails {one.number} any more: take its reason out", file=sys.stderr)
    return 1 if new or old else 0


def _examine(session: Session) -> dict[str, report.Findings]:
    want = json.loads(session.expectation.read_text())
    archive = _archive(CURRENT / "kube-bench")
    found: dict[str, report.Findings] = {}
    for host in want["nodes"]:
        targets = _CONTROL_PLANE if host == want["control_plane"] else _WORKER
        found[host] = report.findings(host, run_benchmark(session, host, targets, archive))
    return found


def run_benchmark(session: Session, host: str, targets: str, archive: bytes) -> str:
    """What kube-bench prints on a host. Raises LabError when it fails or takes too long."""
    command = session.command(
        ["ssh", "-F", session.ssh_config, host, _SCRIPT.format(benchmark=CIS_BENCHMARK, targets=targets)]
    )
    expected = f"kube-bench on {host} to end within {_LIMIT:.0f} s with status 0"
    step = f"./lab ssh {host} uptime, and the same again: a busy host takes longer"
    try:
        done = subprocess.run(
            command, env=session.environment(), input=archive, capture_output=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise LabError(expected=expected, seen="it still runs", next=step) from None
    if done.returncode:
        seen = f"status {done.returncode}: {done.stderr.decode(errors='replace').strip()[-500:] or 'no word'}"
        raise LabError(expected=expected, seen=seen, next=step)
    return done.stdout.decode()


def _archive(folder: Path) -> bytes:
    """The artifact as a tar of root's, whoever built it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", dereference=True) as tar:
        tar.add(folder.resolve(), arcname=".", filter=_of_root)
    return stream.getvalue()


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry
