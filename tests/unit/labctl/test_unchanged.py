"""When `./lab up` leaves the preview out: only where nothing that it reads has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labctl import unchanged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with an environment, a cache and a state of Pulumi's."""
    root = tmp_path / "root"
    (root / "components" / "__pycache__").mkdir(parents=True)
    (root / "cilium_lab").mkdir()
    for name in ("__main__.py", "Pulumi.yaml", "Pulumi.embedded.yaml", "components/lab.py", "cilium_lab/x.sh"):
        (root / name).write_text(name)
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / "bundle").symlink_to("bundle-1")
    (root / ".venv").symlink_to("venv-1")
    (tmp_path / "state.json").write_text("{}")
    return root


def fingerprint(root: Path) -> str:
    return unchanged.fingerprint(
        root / "Pulumi.embedded.yaml", root.parent / "state.json", root, root.parent / "current"
    )


def link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "the program": lambda root: (root / "components/lab.py").write_text("other"),
    "a script": lambda root: (root / "cilium_lab/x.sh").rename(root / "cilium_lab/y.sh"),
    "the stack's file": lambda root: (root / "Pulumi.embedded.yaml").write_text("other"),
    "an artifact": lambda root: link(root.parent / "current/bundle", "bundle-2"),
    "the environment": lambda root: link(root / ".venv", "venv-2"),
    "Pulumi's state": lambda root: (root.parent / "state.json").write_text('{"x": 1}'),
    "no state": lambda root: (root.parent / "state.json").unlink(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_an_update_reads_changes_the_fingerprint(root: Path, what: str) -> None:
    before = fingerprint(root)
    CHANGES[what](root)
    assert fingerprint(root) != before


def test_what_python_has_compiled_and_another_stack_change_nothing(root: Path) -> None:
    before = fingerprint(root)
    (root / "components/__pycache__/lab.pyc").write_text("x")
    (root / "Pulumi.lab.yaml").write_text("x")
    assert fingerprint(root) == before


def test_only_the_noted_fingerprint_counts(tmp_path: Path) -> None:
    assert not unchanged.since_last_up(tmp_path, "a")
    unchanged.note(tmp_path, "a")
    assert unchanged.since_last_up(tmp_path, "a")
    assert (tmp_path / "up.json").stat().st_mode & 0o777 == 0o600
    assert not unchanged.since_last_up(tmp_path, "b")
    unchanged.forget(tmp_path)
    assert not unchanged.since_last_up(tmp_path, "a")
    (tmp_path / "up.json").write_text("half")
    assert not unchanged.since_last_up(tmp_path, "half")
