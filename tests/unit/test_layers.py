"""The layers: imports point one way, neither packages nor modules form a cycle, and Pulumi stays where it belongs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("components", "cilium_lab", "policies", "labctl", "sandbox", "airgap", "tools")
MAY_IMPORT = {
    "__main__": {"components", "cilium_lab"},
    "components": {"cilium_lab"},
    "cilium_lab": set[str](),
    "policies": set[str](),
    "sandbox": {"cilium_lab"},
    "airgap": {"cilium_lab"},
    "labctl": {"cilium_lab", "airgap", "sandbox"},
    "tools": {"cilium_lab", "components", "policies", "labctl", "airgap"},
}
"""Besides itself. The Pulumi program knows neither the command nor what builds and isolates the stack embedded."""
MAY_IMPORT_PULUMI = ("__main__", "components.", "cilium_lab.config.load", "policies.")


def modules(root: Path) -> Iterator[tuple[str, str]]:
    """Each module of the programs below `root`: dotted name and source."""
    for path in sorted([root / "__main__.py", *(p for name in PROGRAMS for p in (root / name).rglob("*.py"))]):
        if "modules" not in path.relative_to(root).parts:  # Go modules with a script of their own
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path.read_text()


def imported(source: str) -> set[str]:
    """Every module that a source names in an import, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def package(module: str) -> str:
    """The unit that must not be in a cycle: each folder of the library, each other program as a whole."""
    return ".".join(module.split(".")[:2]) if module.startswith("cilium_lab.") else module.split(".")[0]


def violations(sources: Mapping[str, str]) -> list[str]:
    """What is wrong with the imports of the modules, name -> source; empty when the layers hold."""
    found: list[str] = []
    packages: dict[str, set[str]] = {}
    files: dict[str, set[str]] = {}
    for module, source in sources.items():
        program = module.split(".")[0]
        for name in sorted(imported(source)):
            other = name.split(".")[0]
            if other in MAY_IMPORT and other not in {program, *MAY_IMPORT[program]}:
                found.append(f"{module} imports {name}: {program} may import {sorted(MAY_IMPORT[program])}")
            if other.startswith("pulumi") and not f"{module}.".startswith(MAY_IMPORT_PULUMI):
                found.append(f"{module} imports {name}: Pulumi belongs in {', '.join(MAY_IMPORT_PULUMI)}")
            known = name if name in sources else name.rpartition(".")[0]
            if known in sources and package(known) != package(module):
                packages.setdefault(package(module), set()).add(package(known))
            if known in sources and known != module:
                files.setdefault(module, set()).add(known)
    for what, graph in (("packages", packages), ("modules", files)):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            found.append(f"a cycle of {what}: {' <- '.join(error.args[1])}")
    return found


def test_the_layers_hold() -> None:
    sources = dict(modules(ROOT))
    assert len(sources) > 100
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("module", "planted", "said"),
    [
        ("components.lab", "import airgap.recipes", "components.lab imports airgap.recipes"),
        ("components.lab", "from sandbox import sandbox", "components.lab imports sandbox"),
        (
            "cilium_lab.kube.client",
            "def f():\n    import labctl.session",
            "cilium_lab.kube.client imports labctl",
        ),
        ("cilium_lab.rollout.engine", "import pulumi", "cilium_lab.rollout.engine imports pulumi"),
        ("labctl.cli", "from pulumi_command import local", "labctl.cli imports pulumi_command"),
        ("policies.rule", "from components.lab import Lab", "policies.rule imports components"),
        ("cilium_lab.kube.client", "from cilium_lab.rollout import engine", "a cycle of packages"),
        ("cilium_lab.kube.client", "from cilium_lab.kube import cluster", "a cycle of modules"),
    ],
)
def test_a_planted_import_is_found(module: str, planted: str, said: str) -> None:
    sources = dict(modules(ROOT))
    found = violations({**sources, module: f"{sources[module]}\n{planted}\n"})
    assert [line for line in found if line.startswith(said)], found
