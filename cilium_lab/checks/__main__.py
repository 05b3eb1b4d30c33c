"""Checks a running lab: python -m cilium_lab.checks EXPECTATION KUBECONFIG SSH_CONFIG. Exits 1 if a check fails."""

import sys
from pathlib import Path

from cilium_lab.checks.catalogue import catalogue
from cilium_lab.checks.context import ShellContext
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.runner import run_checks

expectation, kubeconfig, ssh_config = map(Path, sys.argv[1:])
context = ShellContext(kubeconfig=kubeconfig, ssh_config=ssh_config)
summary = run_checks(catalogue(Expectation.from_json(expectation.read_text())), context)
print(summary.table().splitlines()[-1])
sys.exit(0 if summary.ok else 1)
