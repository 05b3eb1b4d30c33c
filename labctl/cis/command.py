"""Runs kube-bench on the nodes of the running lab, as root, and leaves nothing of it there."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from airgap.builder.builder import Builder
from airgap.builder.report import Progress
from airgap.recipes import RECIPES
from cilium_lab.config.versions import CIS_BENCHMARK
from cilium_lab.paths import CURRENT
from labctl import session
from labctl.cis import report
from labctl.cis.exceptions import ACCEPTED
from sandbox import sandbox as room

_CONTROL_PLANE = "master,controlplane,etcd,node,policies"
_WORKER = "node"
_LIMIT = 180.0
"""Seconds on one host; the policies ask kubectl some hundred times."""
_SCRIPT = """set -eu
folder=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$folder"' EXIT
tar -x -C "$folder"
cd "$folder"
export KUBECONFIG=/etc/kubernetes/admin.conf
./kube-bench run --config-dir cfg --benchmark {benchmark} --targets {targets} --json
"""


def cis(arguments: Sequence[str]) -> int:
    """`./lab cis [--json]`: 1 when a failure has no reason, or a reason no failure; --json prints the counts alone."""
    if list(arguments) not in ([], ["--json"]):
        print("usage: ./lab cis [--json]", file=sys.stderr)
        return 2
    if room.pid() is None or not session.EXPECTATION.exists():
        print("lab cis: there is no running lab to look at. First: ./lab up", file=sys.stderr)
        return 1
    Builder(RECIPES, Progress()).build(["kube-bench"])
    want = json.loads(session.EXPECTATION.read_text())
    archive = _archive(CURRENT / "kube-bench")
    found: dict[str, report.Findings] = {}
    for host in want["nodes"]:
        targets = _CONTROL_PLANE if host == want["control_plane"] else _WORKER
        found[host] = report.findings(host, _run(host, targets, archive))
    if arguments:
        print(report.counts(found), end="")
    else:
        print(report.text(found, ACCEPTED))
    new, old = report.unreasoned(list(found.values()), ACCEPTED), report.outdated(list(found.values()), ACCEPTED)
    for failure in new:
        print(f"lab cis: {failure.host} fails {failure.number} without a reason: {failure.text}", file=sys.stderr)
    for one in old:
        print(f"lab cis: no host fails {one.number} any more: take its reason out", file=sys.stderr)
    return 1 if new or old else 0


def _run(host: str, targets: str, archive: bytes) -> str:
    script = _SCRIPT.format(benchmark=CIS_BENCHMARK, targets=targets)
    command = room.command(["ssh", "-F", session.SSH_CONFIG, host, script])
    done = subprocess.run(
        command, env=session.environment(), input=archive, capture_output=True, timeout=_LIMIT, check=True
    )
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
