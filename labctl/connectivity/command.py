"""Runs Cilium's connectivity suite on the running lab, from its control plane, and leaves nothing of it there."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from labctl.command import LabError, add_stack, parser
from labctl.connectivity import report
from labctl.session import Session
from labctl.stacks import find

_FOLDER = Path(__file__).parent
_LIMIT = 2400
"""Seconds for the whole suite, after which it is cancelled, and writes no results."""
_REPORT = "/run/cilium-lab-connectivity.xml"
_PROGRAM = "/run/cilium-lab-connectivity.sh"
_UNIT = "cilium-lab-connectivity"
_PROPERTIES = ("--property", "TimeoutStopSec=240")
_NAMES = ("outside", "farther")
"""What pods call the router's addresses behind the static route."""


def connectivity(arguments: Sequence[str]) -> int:
    """Run Cilium's own connectivity suite on the lab, with the router as the outside world.

    `cilium connectivity test` runs on the control plane in namespaces of its own, which are removed at the end. The
    exit status is 1 if a test failed. What is left out is listed with the reason.
    """
    made = parser(connectivity)
    add_stack(made)
    made.add_argument(
        "--test", metavar="REGEX", action="append", default=[], help="these alone, by TEST/SCENARIO; may be repeated"
    )
    made.add_argument("--json", action="store_true", help="print every test as JSON instead of a table")
    made.add_argument("--junit", metavar="FILE", type=Path, help="write the suite's JUnit file there")
    made.add_argument("--log", metavar="FILE", type=Path, help="write all that the suite printed there")
    given = made.parse_args(arguments)
    for file in filter(None, (given.junit, given.log)):
        if not file.parent.is_dir():
            raise LabError(expected=f"a folder for {file}", seen=f"no {file.parent}", next=f"mkdir -p {file.parent}")
    with find(given.stack) as session:
        outputs = session.refresh()
        left_out = () if _has_envoy(session) else report.WITHOUT_ENVOY
        status, junit, printed = _run(session, outputs, given.test, left_out)
    if given.log:
        given.log.write_text("\n".join(printed) + "\n")
    try:
        found = report.results(junit, printed, left_out)
        if status and not report.failed(found):
            raise ValueError(f"exit status {status} without a failed test")
    except ValueError as error:
        seen = f"{error}; it ended with: {' / '.join(printed[-6:]) or 'no word'}"
        step = "./lab verify; and the same again with --log FILE for all that the suite says"
        raise LabError(expected="results of `cilium connectivity test`", seen=seen, next=step) from None
    if given.junit:
        given.junit.write_text(junit)
    print(report.document(found) if given.json else report.text(found))
    return 1 if report.failed(found) else 0


def words(
    images: Mapping[str, str], addresses: Sequence[str], chosen: Sequence[str], left_out: Sequence[report.LeftOut]
) -> list[str]:
    """The words of `suite.sh` for a lab: `addresses` are two of the router's that lie behind the static route."""
    first, second = addresses
    options = {
        "--curl-image": images["connectivity_client"],
        "--json-mock-image": images["connectivity_echo"],
        "--external-cidr": str(_common(*map(IPv4Network, addresses))),
        "--external-ip": first,
        "--external-other-ip": second,
        "--ip-families": "ipv4",
        "--flow-validation": "disabled",
        "--log-check-levels": "error",
        "--timeout": f"{_LIMIT}s",
    }
    targets = [f"{name}={address}" for name, address in zip(_NAMES, addresses, strict=True)]
    filters = [*chosen, *(f"!{one.pattern}" for one in left_out)]
    tests = [word for one in filters for word in ("--test", one)]
    return [*targets, *(word for option in options.items() for word in option), "--curl-insecure", *tests]


def _common(first: IPv4Network, *others: IPv4Network) -> IPv4Network:
    """The smallest network around all of them."""
    while not all(first.supernet_of(other) for other in others):
        first = first.supernet()
    return first


def _has_envoy(session: Session) -> bool:
    found = session.kubectl("get", "daemonsets", "-n", "kube-system", "--field-selector", "metadata.name=cilium-envoy")
    return bool(found["items"])


def _run(
    session: Session, outputs: Mapping[str, Any], chosen: Sequence[str], left_out: Sequence[report.LeftOut]
) -> tuple[int, str, list[str]]:
    """The suite's exit status, its JUnit file, and what it printed. Raises LabError where another one runs."""
    want = json.loads(session.expectation.read_text())
    behind = want["router_addresses"][-2:]
    suite = words(outputs["images"], behind, chosen, left_out)
    running = _on(session, want["control_plane"], None, ["sh", "-c", f"systemctl is-active {_UNIT} || true"])
    if running.strip() not in ("inactive", "failed", "unknown"):
        step = f"wait for its end, or ./lab ssh {want['control_plane']} systemctl stop {_UNIT}"
        raise LabError(expected="no other suite on this lab", seen=f"{_UNIT} is {running.strip()}", next=step)
    _on(session, want["router"], "outside.sh", ["start", str(_LIMIT + 300)])
    try:
        status, printed = _stream(session, want["control_plane"], suite)
        # none where the suite ended before its first test
        taken = f"cat {_REPORT} 2> /dev/null; rm -f {_REPORT} {_PROGRAM}"
        junit = _on(session, want["control_plane"], None, ["sh", "-c", taken])
    finally:
        _on(session, want["router"], "outside.sh", ["stop"])
    return status, junit, printed


def _stream(session: Session, host: str, suite: Sequence[str]) -> tuple[int, list[str]]:
    """Run the suite and tell how far it is; its exit status, and the lines that it printed.

    It is a unit of its own on the host: when this process is interrupted, it is stopped, and cleans up behind itself.
    """
    unit = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--unit", _UNIT, *_PROPERTIES, "bash", _PROGRAM]
    command = _ssh(session, host, f"umask 077; rm -f {_REPORT}; cat > {_PROGRAM} && {shlex.join(unit)}")
    # In a file with its words, because systemd would replace variables in arguments.
    program = f"set -- {shlex.join(suite)}\n".encode() + (_FOLDER / "suite.sh").read_bytes()
    began, printed = time.monotonic(), list[str]()
    with subprocess.Popen(
        command, env=session.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdin
        assert child.stdout
        try:
            with child.stdin as stream:
                stream.write(program)
            for raw in child.stdout:
                printed.append(raw.decode(errors="replace").rstrip())
                if test := report.begun(printed[-1]):
                    print(progress(test, time.monotonic() - began), file=sys.stderr, flush=True)
        except BaseException:
            child.kill()
            print("stopping the suite, and removing its namespaces", file=sys.stderr, flush=True)
            _on(session, host, None, ["systemctl", "stop", _UNIT])
            raise
    return child.returncode, printed


def progress(test: tuple[str, int, int], seconds: float) -> str:
    """`  2:05  12 of 112, client-egress; about 14 min left`."""
    name, number, count = test
    left = seconds / number * (count - number) / 60
    return f"{seconds // 60:3.0f}:{seconds % 60:02.0f}  {number} of {count}, {name}; about {left:.0f} min left"


def _on(session: Session, host: str, script: str | None, words: Sequence[str]) -> str:
    """What a script of this folder, or a command, prints on a host. Raises LabError."""
    line = f'bash -c "$(cat)" {script} {shlex.join(words)}' if script else shlex.join(words)
    sent = (_FOLDER / script).read_bytes() if script else b""
    done = subprocess.run(_ssh(session, host, line), env=session.environment(), input=sent, capture_output=True)
    if done.returncode:
        seen = done.stderr.decode(errors="replace").strip()[-500:] or f"exit status {done.returncode}"
        raise LabError(expected=f"{script or words[0]} on {host}", seen=seen, next=f"./lab ssh {host}, and look")
    return done.stdout.decode()


def _ssh(session: Session, host: str, line: str) -> list[str]:
    return session.command(["ssh", "-F", session.ssh_config, "-o", "BatchMode=yes", host, line])
