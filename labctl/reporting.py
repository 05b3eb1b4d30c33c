"""`./lab report`: what the last migration did, and what the probes saw meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cilium_lab.disruption.record import ReportError, newest
from cilium_lab.paths import CACHE, ROOT, STATE
from labctl import venv

RECORDS = STATE / "migrations"
PAGE = "report.html"
_USAGE = "usage: ./lab report [FOLDER] [--text | --svg]"


def report(arguments: Sequence[str]) -> int:
    """Print the summary of a migration's folder (the newest one by default), and write its page there.

    --text: the summary only. --svg: the plots beside the page as well. The first page makes its Python environment.
    """
    options = [word for word in arguments if word.startswith("-")]
    folders = [Path(word) for word in arguments if not word.startswith("-")]
    if len(folders) > 1 or options not in ([], ["--text"], ["--svg"]):
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        folder = (folders[0] if folders else newest(RECORDS)).absolute()
    except ReportError as error:
        print(f"lab report: {error}", file=sys.stderr)
        return 1
    drawn = options != ["--text"]
    python = venv.environment(venv.REPORT) / "bin" / "python" if drawn else Path(sys.executable)
    words = [python, "-m", "cilium_lab.disruption.report", folder, *([folder / PAGE] if drawn else []), *options]
    # matplotlib keeps its list of fonts there
    kept = {"MPLCONFIGDIR": str(CACHE / "matplotlib"), "MPLBACKEND": "svg"} if drawn else {}
    return subprocess.run(words, cwd=ROOT, env={**os.environ, **kept}).returncode
