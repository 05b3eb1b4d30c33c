"""What `./lab` can do: one function a subcommand, and one message where it fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from airgap.builder.recipe import BuildError
from airgap.prerequisites import PrerequisiteError
from labctl.bench.command import bench
from labctl.bench.stack import BenchError
from labctl.building import build, clean
from labctl.carrying import bundle
from labctl.cis.command import cis
from labctl.command import LabError, Run
from labctl.connectivity.command import connectivity
from labctl.doctor import doctor
from labctl.inside import kubectl, pulumi, shell, ssh
from labctl.lifecycle import destroy, up
from labctl.reporting import report
from labctl.status import status, verify
from labctl.study import study
from labctl.testing import lint, test
from sandbox.sandbox import SandboxError

_COMMANDS: dict[str, Run] = {
    run.__name__: run
    for run in (
        *(up, destroy, status, verify, study, connectivity, cis, report),
        *(pulumi, kubectl, ssh, shell),
        *(build, bundle, clean, doctor, bench, test, lint),
    )
}


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status; expected failures are one message, not a stack of calls."""
    if not argv or argv[0] in ("help", "-h", "--help"):
        print(usage())
        return 0
    run = _COMMANDS.get(argv[0])
    if run is None:
        print(f"lab: no command {argv[0]!r}\n\n{usage()}", file=sys.stderr)
        return 2
    try:
        return run(argv[1:])
    except (BuildError, SandboxError, PrerequisiteError, BenchError, LabError) as error:
        print(f"lab {argv[0]}: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"lab {argv[0]}: exit status {error.returncode}: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        if error.stderr:  # of a command whose words were not shown
            print(_text(error.stderr).strip()[-2000:], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lab {argv[0]}: interrupted; run it again to go on", file=sys.stderr)
        return 130


def _text(words: str | bytes) -> str:
    return words if isinstance(words, str) else words.decode(errors="replace")


def usage() -> str:
    """The list of commands, each with the first line of its help."""
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:{width}}  {(run.__doc__ or '').splitlines()[0]}" for name, run in _COMMANDS.items()]
    return "\n".join(["usage: ./lab COMMAND [ARGUMENT...]", "", *lines, "", "./lab COMMAND --help tells more of each."])
