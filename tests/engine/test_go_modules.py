"""The project's own Go programs: their tests, and gofmt. Built as the builder builds them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from airgap.builder import golang
from airgap.builder.golang import MODULES

OWN = sorted({path.relative_to(MODULES).parts[0] for path in MODULES.rglob("*.go")})
"""Modules with code of the project; the others only pin what is built from upstream."""


def go(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **golang.environment()}
    command = [golang.command(), *words]
    return subprocess.run(command, cwd=golang.module_folder(module), env=environment, capture_output=True, text=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("module", [module for module in OWN if list((MODULES / module).rglob("*_test.go"))])
def test_go_test(module: str) -> None:
    done = go(module, "test", "./...")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "\nok " in f"\n{done.stdout}"
    assert "[no tests to run]" not in done.stdout


def test_gofmt() -> None:
    home = go(OWN[0], "env", "GOROOT").stdout.strip()
    done = subprocess.run([Path(home, "bin", "gofmt"), "-l", MODULES], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
