"""Pulumi.yaml is what the table of keys says, and the stacks in the repository are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cilium_lab.config.formats import judge
from cilium_lab.config.keys import REQUIRED, Key
from cilium_lab.config.load import parse
from cilium_lab.config.schema import BY_PATH, KEYS
from tools.project_file import project_file

ROOT = Path(__file__).parents[3]


def stack(name: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    return {key.removeprefix("cilium-lab:"): value for key, value in config.items()}


def test_pulumi_yaml_is_current() -> None:
    assert (ROOT / "Pulumi.yaml").read_text() == project_file(), "run python3 -m tools.project_file > Pulumi.yaml"


def test_every_top_level_key_has_description_and_default() -> None:
    config = yaml.safe_load(project_file())["config"]
    assert set(config) == {key.path for key in KEYS if not key.parent}
    for name, entry in config.items():
        assert entry["description"].startswith(BY_PATH[name].type)
        assert entry["default"] is not None


def test_defaults_are_those_of_the_program() -> None:
    config = yaml.safe_load(project_file())["config"]
    assert parse({name: entry["default"] for name, entry in config.items()}) == parse({})


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_examples_and_defaults_are_right(key: Key) -> None:
    assert judge(key, key.example) == ("", key.example)
    if key.default not in (REQUIRED, ""):
        assert judge(key, key.default)[0] == ""


def test_the_table_names_a_path_once() -> None:
    assert len(BY_PATH) == len(KEYS)
    assert all(key.parent == "" or key.parent in BY_PATH or key.parent.removesuffix("[]") in BY_PATH for key in KEYS)


def test_both_stacks_are_the_same_lab_on_other_machines() -> None:
    lab, embedded = parse(stack("lab")), parse(stack("embedded"))
    assert {h.machine for h in lab.topology.hosts} == {"vm"}
    assert {h.machine for h in embedded.topology.hosts} == {"container"}
    assert (lab.artifacts, embedded.artifacts) == ("online", "bundle")
    assert [(h.name, h.address) for h in lab.topology.hosts] == [(h.name, h.address) for h in embedded.topology.hosts]
    assert lab.versions == embedded.versions
