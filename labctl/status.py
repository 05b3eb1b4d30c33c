"""`./lab status` and `./lab verify`: what runs, and whether it is as it should be."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from cilium_lab.tables import table
from labctl.command import LabError, add_stack, parser
from labctl.session import Session
from labctl.stacks import find
from sandbox.sandbox import SandboxError


def verify(arguments: Sequence[str]) -> int:
    """Run every check on the running lab, or those named; on a workstation with KVM: --stack lab.

    The checks compare with what the stack's outputs say now. The exit status is 1 if one fails, and 2 if no check has
    such a name.
    """
    made = parser(verify)
    add_stack(made)
    made.add_argument("--json", action="store_true", help="one document with what was expected and seen")
    made.add_argument("--list", action="store_true", help="the names of the checks alone")
    made.add_argument("names", metavar="WORD", nargs="*", help="of a check's name: ./lab verify hubble 'pod CIDR'")
    given = made.parse_args(arguments)
    with find(given.stack) as session:
        session.refresh()
        options = [word for word, wanted in (("--json", given.json), ("--list", given.list)) if wanted]
        return session.check(given.names, options)


def status(arguments: Sequence[str]) -> int:
    """What runs, what it uses, where to look next.

    The exit status is 3 where no lab runs.
    """
    made = parser(status)
    add_stack(made)
    try:
        with find(made.parse_args(arguments).stack) as session:
            print("\n".join(_lines(session)))
    except SandboxError as error:
        print(error)
        return 3
    return 0


def _lines(session: Session) -> list[str]:
    lines = session.status()
    try:
        outputs = session.refresh()
    except LabError as error:  # on its way up, perhaps
        return [*lines, f"outputs    none yet\n  {error}"]
    lines += ["addresses", table(outputs["hosts"].items(), indent=2), "nodes"]
    try:
        nodes = session.output(["kubectl", "get", "nodes", "-o", "wide", "--request-timeout=5s"])
    except subprocess.CalledProcessError as error:
        nodes = f"(kubectl get nodes ended with {error.returncode})"
    return [*lines, *(f"  {line}" for line in nodes.splitlines() if line.strip()), *pages(outputs)]


def pages(outputs: Mapping[str, Any]) -> list[str]:
    """The web pages that the stack's outputs name, as they are seen from the lab's hosts, a line each."""
    found: Mapping[str, str] = outputs.get("pages", {})
    return [f"page {name}: {url}" for name, url in found.items()]
