"""The project's own Go programs: their tests, and gofmt. Built as the builder builds them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from airgap.builder import golang
from airgap.builder.golang import MODULES
from airgap.recipes import RECIPES

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


def client_libraries(module: str) -> set[str]:
    """Every module with its version that Kubernetes' client consists of."""
    listed = go(module, "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", CLIENT)
    assert listed.returncode == 0, listed.stderr
    return set(listed.stdout.split("\n")) - {""}


CLIENT = "k8s.io/client-go/kubernetes"
ALIKE = [recipe.name for recipe in RECIPES if recipe.after]


@pytest.mark.parametrize("module", ALIKE)
def test_what_compiles_the_same_has_the_same_versions_of_it(module: str) -> None:
    """One other version below them, and all of it is compiled once more: a minute and a half of a core."""
    assert client_libraries(module) == client_libraries("pulumi-kubernetes")


def test_there_are_programs_that_compile_the_same() -> None:
    assert set(ALIKE) == {"cilium-cli", "helm", "k9s", "local-path"}
    assert {recipe.after for recipe in RECIPES if recipe.after} == {"plugin-kubernetes"}
