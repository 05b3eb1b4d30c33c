"""Runs the study's commands on a lab. The exit status is 1 if one differs, 2 if no section has such a title."""

import argparse
import json
import sys
from pathlib import Path

from cilium_lab.checks.expectation import Expectation
from cilium_lab.kube.ssh import Ssh
from cilium_lab.study.command import HOSTS
from cilium_lab.study.running import run, sections, strange_hosts, to_json


def _nothing(_line: str) -> None:
    """A document alone is printed."""


parser = argparse.ArgumentParser(prog="python -m cilium_lab.study", description=__doc__)
for file in ("expectation", "ssh_config"):
    parser.add_argument(file, type=Path)
parser.add_argument("sections", nargs="*", metavar="SECTION", help="words of titles; all without")
parser.add_argument("--json", action="store_true", help="one document on standard output instead of lines")
given = parser.parse_args()
want = Expectation.from_json(given.expectation.read_text())
strange = strange_hosts(want)
if strange or not want.kubernetes_range:
    wanted = ", ".join(f"{host} at {address}" for host, address in HOSTS.items())
    seen = f"no {', no '.join(strange)}" if strange else "the outputs of an earlier version, without its ranges"
    advice = "a stack with the study's own hosts" if strange else "`./lab up`, or `pulumi up`"
    sys.exit(f"expected: the study's hosts, which its commands name: {wanted}\n  seen: {seen}\n  next: {advice}")
try:
    chosen = sections(given.sections)
except KeyError as error:
    titles = "\n    ".join(section.title for section in sections(()))
    print(f"expected: words of a section's title\n  seen: {error}\n  next: one of\n    {titles}", file=sys.stderr)
    sys.exit(2)
summary = run(chosen, want, Ssh(given.ssh_config), tell=_nothing if given.json else print)
print(json.dumps(to_json(summary), indent=1) if given.json else f"\n{summary}")
sys.exit(0 if summary.ok else 1)
