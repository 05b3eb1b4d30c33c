"""The whole repository: formatted, without findings of the checkers, in small files, without paths of a machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cilium_lab.config.chart_types import MINORS, module_name

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MOST_LINES = 450
GENERATED = {f"cilium_lab/config/chart_types/{module_name(minor)}.py" for minor in MINORS}
"""Made by a program of this repository, which decides how long it gets."""
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:home|root|work|Users)/[a-z]")
NOT_A_MACHINE = {"/home/cilium", "/home/nonroot", "/root/sub", "/root/.ssh"}
"""Accounts inside images, root's own folder on a host, and a path in a test of arguments."""


def repository() -> list[Path]:
    """Every file that git has, or would take."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def shell_scripts() -> list[Path]:
    """By name or by first line."""
    return [
        path
        for path in repository()
        if path.suffix == ".sh" or re.match(rb"#!/bin/(ba)?sh\b", path.read_bytes()[:20]) is not None
    ]


def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.parametrize("words", [["check"], ["format", "--check"]], ids=" ".join)
def test_ruff_finds_nothing(words: list[str]) -> None:
    done = run(BIN / "ruff", *words, "--no-cache", ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(300)
def test_pyright_finds_nothing(tmp_path: Path) -> None:
    done = run(BIN / "pyright", "--pythonpath", sys.executable, HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_shellcheck_finds_nothing() -> None:
    scripts = shell_scripts()
    assert len(scripts) > 20
    done = run(BIN / "shellcheck", "-x", "--source-path=SCRIPTDIR", *scripts)
    assert done.returncode == 0, done.stdout


def test_files_are_small() -> None:
    counted = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in repository()
        if path.suffix in (".py", ".sh", ".go")
    }
    assert counted.keys() >= GENERATED
    assert {name: lines for name, lines in counted.items() if lines > MOST_LINES and name not in GENERATED} == {}


def test_no_file_names_a_path_of_a_machine() -> None:
    found: list[str] = []
    for path in repository():
        if path.suffix in (".sum", ".svg") or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            rest = line
            for known in NOT_A_MACHINE:
                rest = rest.replace(known, "")
            if MACHINE_PATH.search(rest):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []
