"""`./lab test` and `./lab lint`: the project's own tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from airgap import prerequisites
from airgap.recipes import BUNDLE, CHARTS, TOOLCHAIN, VIRTUAL_MACHINES
from cilium_lab.paths import ROOT
from labctl import venv
from labctl.command import parser, split
from labctl.source import BUILT

_KINDS = ("unit", "engine", "cluster", "vm", "scenarios")
_USUAL = _KINDS[:3]
_LONG = "long"
"""Names the tests of this marker besides: what they show costs more minutes than a change may have to wait."""
_BESIDE_EACH_OTHER = ("-n", "auto", "--dist", "worksteal")
"""For pytest: tests that share nothing, on all processors. Those of the machine and the lab come one after another."""
_INTERRUPTED, _NONE_CHOSEN = 2, 5
"""Exit codes of pytest."""


def test(arguments: Sequence[str]) -> int:
    """Run the tests: unit, engine and cluster, or those named; vm for virtual machines, scenarios for other datapaths.

    With long, those that are left out otherwise for the time that they take. Words that name no kind go to pytest:
    ./lab test unit -k sandbox. The kind unit needs neither root nor packages of the system nor anything that is built;
    the others install and build what they lack, as ./lab up does.
    """
    options, given = split(arguments)
    parser(test, "[--help] [unit] [engine] [cluster] [vm] [scenarios] [long] [WORD...]").parse_args(options)
    kinds = [word for word in given if word in _KINDS]
    words = [word for word in given if word not in (*_KINDS, _LONG)]
    others = words if _LONG in given else ["-m", f"not {_LONG}", *words]
    if kinds != ["unit"]:
        prerequisites.install()
        BUILT.build([*TOOLCHAIN, *BUNDLE, *CHARTS, *(VIRTUAL_MACHINES if "vm" in kinds else ())])
        venv.link_program_environment()
    chosen = kinds or _USUAL
    beside = [kind for kind in chosen if kind == "unit"]
    alone = [kind for kind in chosen if kind != "unit"]
    codes: list[int] = []
    for run, how in ((beside, _BESIDE_EACH_OTHER), (alone, ())):
        if not run:
            continue
        codes.append(_pytest([ROOT / "tests" / kind for kind in run], [*how, *others]))
        if codes[-1] == _INTERRUPTED:
            break
    return _of_all(codes)


def _of_all(codes: Sequence[int]) -> int:
    """The exit code of several runs: words such as -k may choose no test of one, if they choose some of another."""
    some = [code for code in codes if code != _NONE_CHOSEN]
    return max(some, default=_NONE_CHOSEN)


def lint(arguments: Sequence[str]) -> int:
    """Run the checkers that continuous integration runs, without root: style, types, shell, layers, language.

    They are the tests about the repository as a whole, in tests/unit itself; words go to pytest.
    """
    options, words = split(arguments)
    parser(lint, "[--help] [WORD...]").parse_args(options)
    return _pytest(sorted((ROOT / "tests" / "unit").glob("test_*.py")), words)


def _pytest(paths: Sequence[Path], words: Sequence[str]) -> int:
    environment = venv.environment(venv.TESTS)
    path = f"{environment / 'bin'}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    command = [environment / "bin" / "python", "-m", "pytest", *paths, *words]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}).returncode
