"""Checks a running lab. The exit status is 1 if a check fails, 2 if no check has such a name."""

import argparse
import json
import sys
from pathlib import Path

from cilium_lab.checks.catalogue import catalogue, named
from cilium_lab.checks.expectation import Expectation
from cilium_lab.checks.lab import Lab
from cilium_lab.checks.runner import run_checks, to_json
from cilium_lab.kube.client import ApiError, KubectlApi
from cilium_lab.kube.ssh import Ssh


def _nothing(_line: str) -> None:
    """A document alone is printed."""


parser = argparse.ArgumentParser(prog="python -m cilium_lab.checks", description=__doc__)
for file in ("expectation", "kubeconfig", "ssh_config"):
    parser.add_argument(file, type=Path)
parser.add_argument("names", nargs="*", metavar="NAME", help="words of the names of the checks to run; all without")
parser.add_argument("--json", action="store_true", help="one document on standard output instead of lines")
parser.add_argument("--list", action="store_true", help="print the names alone, and run nothing")
given = parser.parse_args()
want = Expectation.from_json(given.expectation.read_text())
try:
    # a condition that does not hold is assessed again: the client need not repeat requests itself
    with KubectlApi(given.kubeconfig, attempts=1) as api:
        every = catalogue(want, Lab(api, Ssh(given.ssh_config)))
        try:
            checks = named(every, given.names)
        except KeyError as error:
            names = "\n    ".join(check.name for check in every)
            print(f"expected: words of a check's name\n  seen: {error}\n  next: one of\n    {names}", file=sys.stderr)
            sys.exit(2)
        if given.list:
            print("\n".join(check.name for check in checks))
            sys.exit(0)
        summary = run_checks(checks, tell=_nothing if given.json else print)
except ApiError as error:
    sys.exit(f"expected: a client of the API server\n  seen: {error}\n  next: install kubectl, or ./lab up")
print(json.dumps(to_json(summary), indent=1) if given.json else summary)
sys.exit(0 if summary.ok else 1)
