"""Pulumi.yaml is what the options' declarations say, and the stacks in the repository are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cilium_lab.config.load import parse
from cilium_lab.config.options import REQUIRED, Option
from cilium_lab.config.schema import BY_PATH, OPTIONS
from tests.helpers.corrections import problem_alone
from tools.project_file import project_file

ROOT = Path(__file__).parents[3]


def stack(name: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    return {key.removeprefix("cilium-lab:"): value for key, value in config.items()}


def test_pulumi_yaml_is_current() -> None:
    assert (ROOT / "Pulumi.yaml").read_text() == project_file(), "run python3 -m tools.project_file > Pulumi.yaml"


def test_every_top_level_option_has_description_and_default() -> None:
    config = yaml.safe_load(project_file())["config"]
    assert set(config) == {option.path for option in OPTIONS if not option.parent}
    for name, entry in config.items():
        assert entry["description"].startswith(BY_PATH[name].type)
        assert entry["default"] is not None


def test_defaults_are_those_of_the_program() -> None:
    config = yaml.safe_load(project_file())["config"]
    assert parse({name: entry["default"] for name, entry in config.items()}) == parse({})


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_examples_and_defaults_are_right(option: Option) -> None:
    assert option.example is not REQUIRED
    assert problem_alone(option, option.example) == ""
    if option.default is not REQUIRED:
        assert problem_alone(option, option.default) == ""


def test_the_options_name_a_path_once() -> None:
    assert len(BY_PATH) == len(OPTIONS)
    parents = {option.parent for option in OPTIONS} - {""}
    assert all(parent in BY_PATH or parent.removesuffix("[]") in BY_PATH for parent in parents)


def test_both_stacks_are_the_same_lab_on_other_machines() -> None:
    lab, embedded = parse(stack("lab")), parse(stack("embedded"))
    assert {h.machine for h in lab.topology.hosts} == {"vm"}
    assert {h.machine for h in embedded.topology.hosts} == {"container"}
    assert (lab.artifacts, embedded.artifacts) == ("online", "bundle")
    assert [(h.name, h.address) for h in lab.topology.hosts] == [(h.name, h.address) for h in embedded.topology.hosts]
    assert lab.versions == embedded.versions
