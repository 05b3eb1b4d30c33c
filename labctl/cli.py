"""What `./lab` can do: one line and one function a command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

from airgap.builder.recipe import BuildError
from airgap.prerequisites import PrerequisiteError
from labctl import commands, reporting
from labctl.bench.command import bench
from labctl.bench.stack import BenchError
from labctl.cis.command import cis
from sandbox.sandbox import RoomError

_COMMANDS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "up": ("build what is missing, bring the lab up, check it, print times and memory", commands.up),
    "destroy": ("remove the lab and everything that it made on this machine", commands.destroy),
    "status": ("what runs, what it uses, where to look next", commands.status),
    "verify": ("run every check on the running lab; on a workstation with KVM: --stack lab", commands.verify),
    "cis": ("run the CIS benchmark (kube-bench) on every node, and tell which failures are meant to stay", cis),
    "report": ("what the last migration did, and what the probes saw: a page and a table", reporting.report),
    "pulumi": ("run pulumi inside the lab: ./lab pulumi config set ipamMode cluster-pool", commands.pulumi),
    "kubectl": ("run kubectl inside the lab", commands.kubectl),
    "ssh": ("log in to a host or run a command there: ./lab ssh router ip -br a", commands.ssh),
    "shell": (
        "a shell inside the lab, with pulumi, kubectl, hubble and the rest on the PATH",
        commands.shell,
    ),
    "build": ("build the toolchain and the bundle, or the artifacts named", commands.build),
    "clean": ("remove artifacts from the cache that no recipe of this checkout makes", commands.clean),
    "doctor": (
        "what this machine offers, which stack fits it, what to do about what is missing",
        commands.doctor,
    ),
    "bench": ("measure migrations under probes: ./lab bench migration, ./lab bench kills", bench),
    "test": ("run the tests: unit, engine and cluster, or those named; vm for virtual machines", commands.test),
}


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status; expected failures are one message, not a stack of calls."""
    if not argv or argv[0] in ("help", "-h", "--help"):
        print(usage())
        return 0
    entry = _COMMANDS.get(argv[0])
    if entry is None:
        print(f"lab: no command {argv[0]!r}\n\n{usage()}", file=sys.stderr)
        return 2
    try:
        return entry[1](argv[1:])
    except (BuildError, RoomError, PrerequisiteError, BenchError) as error:
        print(f"lab {argv[0]}: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"lab {argv[0]}: exit status {error.returncode}: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        if error.stderr:  # of a command whose words were kept back
            print(_text(error.stderr).strip()[-2000:], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lab {argv[0]}: interrupted; run it again to go on", file=sys.stderr)
        return 130


def _text(words: str | bytes) -> str:
    return words if isinstance(words, str) else words.decode(errors="replace")


def usage() -> str:
    """The list of commands."""
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, (text, _) in _COMMANDS.items()]
    return "\n".join(["usage: ./lab COMMAND [ARGUMENT...]", "", *lines])
