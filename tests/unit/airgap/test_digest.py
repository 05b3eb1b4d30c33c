"""What changes the key of a recipe, and what must not: a rebuild takes up to half an hour, a stale program a day."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from airgap.builder.digest import described_code
from airgap.recipes import RECIPES
from airgap.recipes.cilium import of_release
from airgap.recipes.kubernetes import of_etcd, of_kubernetes
from cilium_lab.config.versions import CILIUM as STUDY
from cilium_lab.config.versions import CILIUM_RELEASES, KUBERNETES_RELEASES

ROOT = Path(__file__).parents[3]
_PRINT_KEYS = """
import json
from airgap.builder import golang
golang.version = lambda: "go1.26.0 linux/amd64"
from airgap.builder.builder import Builder
from airgap.builder.report import Progress
from airgap.recipes import RECIPES
builder = Builder(RECIPES, Progress())
print(json.dumps({recipe.name: builder.key(recipe.name) for recipe in RECIPES}))
"""
GO = {
    "cilium", "cilium-datapath", "chart", "monitoring", "kubernetes", "etcd", "coredns", "cni-plugins", "crictl",
    "pause", "pulumi", "pulumi-language-python", "plugin-kubernetes", "plugin-libvirt", "plugin-command", "helm",
    "prometheus", "k9s", "cilium-cli", "http-echo", "local-path", "probe", "kube-bench",
}  # fmt: skip
RELEASES = [version for version in CILIUM_RELEASES if version != STUDY]
GO |= {of_release(name, version) for name in ("cilium", "cilium-datapath", "chart") for version in RELEASES}
GO |= {of_kubernetes("kubernetes", version) for version in KUBERNETES_RELEASES}
GO |= {of_etcd(release.etcd) for release in KUBERNETES_RELEASES.values()}
"""Recipes that run the go command."""
ONLY_READ = {"monitoring", "pause"} | {
    of_release(name, version) for name in ("cilium-datapath", "chart") for version in CILIUM_RELEASES
}
"""Those of them that compile no Go."""
CILIUM = {
    "cilium",
    "cilium-cli",
    "image-cilium",
    "image-cilium-operator-generic",
    "image-hubble-relay",
    "containerd-seed",
    "bundle",
}


def keys(checkout: Path) -> Mapping[str, str]:
    """Every recipe's key, in a process of its own that imports the checkout's code."""
    words = [sys.executable, "-c", _PRINT_KEYS]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def copy(checkout: Path) -> Path:
    for name in ("airgap", "cilium_lab"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    return checkout


@cache
def unchanged() -> Mapping[str, str]:
    return keys(ROOT)


def users(names: set[str]) -> set[str]:
    """These recipes, and all that need one of them."""
    found = set(names)
    for _ in RECIPES:
        found |= {recipe.name for recipe in RECIPES if found & set(recipe.needs)}
    return found


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("builder/golang.py", '"CGO_ENABLED": "0"', '"CGO_ENABLED": "1"', users(GO)),
        ("builder/golang.py", '"-trimpath", ', "", users(GO - ONLY_READ)),
        ("builder/golang.py", '"""What every Go command runs with.', '"""What all Go commands run with.', set[str]()),
        ("builder/recipe.py", "    if self.stop.is_set():", "    # why\n        if  self.stop.is_set():", set[str]()),
        ("recipes/kubernetes.py", '"host-local": "ipam/host-local",', "", users({"cni-plugins"})),
        ("recipes/kubernetes.py", "build/pause/linux/pause.c", "build/pause.c", users({"pause"})),
        ("recipes/kubernetes.py", "def _etcd(", 'UNUSED = 1\n"""A note."""\n\n\ndef _etcd(', set[str]()),
        ("recipes/debian.py", '"Acquire::Languages": "none",', "", users({"base-tree"}) - {"base-tree"}),
        ("recipes/in-tree.sh", "SOURCE_DATE_EPOCH=1", "SOURCE_DATE_EPOCH=2", users({"base-tree", "termshark"})),
        ("images/archive.py", '"cilium-lab bundle"', '"the bundle"', users({
            recipe.name for recipe in RECIPES if recipe.name.startswith("image-")
        })),
        ("modules/etcd/go.mod", "module ", "// changed\nmodule ", users({"etcd"})),
    ],
)  # fmt: skip
def test_an_edit_changes_the_keys_of_what_it_decides_and_no_other(
    tmp_path: Path, file: str, old: str, new: str, changed: set[str]
) -> None:
    path = copy(tmp_path) / "airgap" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    before, after = unchanged(), keys(tmp_path)
    assert {name for name in before if before[name] != after[name]} == changed


def test_another_place_of_the_checkout_changes_no_key(tmp_path: Path) -> None:
    assert keys(copy(tmp_path)) == unchanged()


def test_a_release_of_cilium_changes_the_keys_of_what_holds_cilium(tmp_path: Path) -> None:
    path = copy(tmp_path) / "cilium_lab/config/versions.py"
    text, count = re.subn(r'^CILIUM = ".*"$', 'CILIUM = "9.9.9"', path.read_text(), flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)
    before, after = unchanged(), keys(tmp_path)
    assert {name for name in before if before[name] != after[name]} == CILIUM


# --- code that is planted

_HELPERS = """
FLAGS = {flags}
class Tool:
    name = "tool"
    def run(self):
        return {tool}
def help():
    return FLAGS
def unused():
    return {unused}
"""
_RECIPE = """
import shutil
from {helpers} import Tool, help
def make(ws):
    {comment}
    for path in [help() for _ in range(2)]:
        shutil.copyfile(path, Tool().run())
"""
Plant = Callable[..., list[str]]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Describes the code of a recipe that uses a helper module, each written to a new file."""
    count = 0

    def load(source: str) -> ModuleType:
        nonlocal count
        count += 1
        name, path = f"airgap.planted_{count}", tmp_path / f"planted_{count}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    def described(flags: str = "('-a',)", tool: str = "1", unused: str = "1", comment: str = "") -> list[str]:
        helpers = load(_HELPERS.format(flags=flags, tool=tool, unused=unused))
        return described_code(load(_RECIPE.format(helpers=helpers.__name__, comment=comment or "pass")).make)

    return described


@pytest.mark.parametrize("change", [{"flags": "('-b',)"}, {"flags": "{'-a': 1}"}, {"tool": "2"}, {"comment": "ws.x()"}])
def test_code_that_is_used_counts_wherever_it_stands(plant: Plant, change: dict[str, str]) -> None:
    assert plant(**change) != plant()


@pytest.mark.parametrize("change", [{"unused": "2"}, {"comment": "pass  # why"}, {"flags": "(\n    '-a',\n)"}])
def test_what_decides_nothing_does_not_count(plant: Plant, change: dict[str, str]) -> None:
    assert plant(**change) == plant()


def test_the_order_of_a_set_does_not_count(plant: Plant) -> None:
    assert plant(flags="{'a', 'b', 'c'}") == plant(flags="{'c', 'b', 'a'}")


def test_a_value_that_cannot_be_described_is_refused(plant: Plant) -> None:
    with pytest.raises(TypeError, match="a recipe's key cannot hold a value of <class 'object'>"):
        plant(flags="object()")
