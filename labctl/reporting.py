"""`./lab report`: what the last migration of a stack did, and what the probes saw meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cilium_lab.disruption.record import ReportError, newest, records_of
from cilium_lab.paths import CACHE, ROOT
from labctl import venv
from labctl.command import LabError, add_stack, parser
from labctl.embedded import EMBEDDED
from labctl.stacks import find

PAGE = "report.html"


def report(arguments: Sequence[str]) -> int:
    """What the last migration did, and what the probes saw: a page and a table.

    Prints the summary of a migration's folder, and writes its page there. The first page makes its Python environment.
    """
    made = parser(report)
    add_stack(made)
    made.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="the newest migration's, if none is named")
    form = made.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="the summary only")
    form.add_argument("--svg", action="store_true", help="the plots beside the page as well")
    given = made.parse_args(arguments)
    try:
        folder = (given.folder or newest(records_of(given.stack or _running()))).absolute()
    except ReportError as error:
        print(f"lab report: {error}", file=sys.stderr)
        return 1
    drawn = not given.text
    options = ["--text"] if given.text else ["--svg"] if given.svg else []
    python = venv.environment(venv.REPORT) / "bin" / "python" if drawn else Path(sys.executable)
    words = [python, "-m", "cilium_lab.disruption.report", folder, *([folder / PAGE] if drawn else []), *options]
    # matplotlib keeps its list of fonts there
    kept = {"MPLCONFIGDIR": str(CACHE / "matplotlib"), "MPLBACKEND": "svg"} if drawn else {}
    return subprocess.run(words, cwd=ROOT, env={**os.environ, **kept}).returncode


def _running() -> str:
    """The stack that runs; a record outlives its lab, so that embedded's is looked for where none runs."""
    try:
        return find(None, otherwise=EMBEDDED).stack
    except LabError as error:
        raise ReportError(str(error)) from None
