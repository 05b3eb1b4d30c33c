"""Checks a running lab: python -m cilium_lab.checks EXPECTATION KUBECONFIG SSH_CONFIG. Exits 1 if a check fails."""

import sys
from pathlib import Path

from cilium_lab.checks.catalogue import catalogue
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.checks.runner import run_checks
from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.ssh import Ssh

expectation, kubeconfig, ssh_config = map(Path, sys.argv[1:])
want = Expectation.from_json(expectation.read_text())
try:
    # a condition that does not hold is assessed again: the client need not repeat requests itself
    with KubectlApi(kubeconfig, attempts=1) as api:
        summary = run_checks(catalogue(want, Lab(api, Ssh(ssh_config))))
except ApiError as error:
    sys.exit(f"expected: a client of the API server\n  seen: {error}\n  next: install kubectl, or ./lab up")
print(summary)
sys.exit(0 if summary.ok else 1)
