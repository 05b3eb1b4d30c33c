"""The schema for editors and the table of options are what the declarations say; the schema takes all that is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft7Validator

from cilium_lab.config.load import parse
from cilium_lab.config.options import REQUIRED, Option
from cilium_lab.config.schema import OPTIONS
from tests.helpers.bad_configs import BAD
from tests.helpers.corrections import errors_alone, problem_alone
from tests.helpers.lab_strategies import labs
from tools import config_schema, config_table

ROOT = Path(__file__).parents[3]
SCHEMA = config_schema.config_schema()
# What no schema tells: bits behind a prefix, ranges that are not for hosts, and 24.0, which JSON takes for 24.
BEYOND_A_SCHEMA = ("has bits set", "not a range for unicast", "not a unicast address", "24.0 is not a whole number")


def complaints(config: dict[str, Any]) -> list[str]:
    """What an editor would underline in a stack's file with this configuration."""
    stack = {"config": {f"cilium-lab:{name}": value for name, value in config.items()}}
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(stack)]


def test_the_schema_is_current() -> None:
    committed = (ROOT / "schema" / "config.schema.json").read_text()
    assert committed == config_schema.text(), "run python3 -m tools.config_schema > schema/config.schema.json"


def test_the_table_is_current() -> None:
    committed = (ROOT / "docs" / "configuration.md").read_text()
    assert committed == config_table.config_table(), "run python3 -m tools.config_table > docs/configuration.md"


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_every_option_has_a_row_with_its_meaning(option: Option) -> None:
    rows = [line for line in config_table.config_table().splitlines() if line.startswith(f"| `{option.path}` | ")]
    described = [row for row in rows if option.description in row]
    assert len(described) == 1
    # Four bars inside and one at each end, whatever a description holds.
    assert described[0].replace("\\|", "").count("|") == 6


@pytest.mark.parametrize("name", ["lab", "embedded"])
def test_the_stacks_name_the_schema_and_fit_it(name: str) -> None:
    text = (ROOT / f"Pulumi.{name}.yaml").read_text()
    named = text.splitlines()[0].partition("# yaml-language-server: $schema=")[2]
    assert (ROOT / named).is_file()
    assert list(Draft7Validator(SCHEMA).iter_errors(yaml.safe_load(text))) == []


def test_a_misspelt_option_is_underlined_and_those_of_others_are_not() -> None:
    assert complaints({"ipamode": "kubernetes"}) != []
    stack = {"config": {"libvirt:uri": "qemu:///system"}, "encryptionsalt": "v1:abc"}
    assert list(Draft7Validator(SCHEMA).iter_errors(stack)) == []


@settings(deadline=None, max_examples=60)
@given(labs())
def test_whatever_is_right_passes(config: dict[str, Any]) -> None:
    assert parse(config)
    assert complaints(config) == []


def test_all_defaults_and_examples_pass() -> None:
    for option in OPTIONS:
        for value in (option.default, option.example):
            if not option.parent and value is not REQUIRED:
                assert complaints({option.path: value}) == [], option.path


@pytest.mark.parametrize(("raw", "key", "words"), BAD)
def test_a_value_that_is_wrong_by_itself_is_underlined(raw: dict[str, Any], key: str, words: str) -> None:
    """Values that only others make wrong pass: these the program alone can judge."""
    alone = errors_alone(raw)
    if alone and not any(word in error.problem for error in alone for word in BEYOND_A_SCHEMA):
        assert complaints(raw) != []


def test_most_bad_configurations_are_underlined() -> None:
    underlined = sum(complaints(raw) != [] for raw, _, _ in BAD)
    assert underlined > len(BAD) / 3


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.format], ids=lambda option: option.path)
def test_patterns_and_formats_agree(option: Option) -> None:
    """Texts that are right or nearly right for some format pass both the editor and the program, or neither."""
    texts = [
        "",
        "a",
        "lab-nodes",
        "1.2.3",
        "v1.2.3",
        "172.31.0.0/20",
        "172.31.1.10",
        "10.10.1.200/24",
        "qemu:///system",
    ]
    texts += ["qemu:/system", "/srv", "srv", "a.b/c:1", "a.b/c:latest", "a.b/c", "b/c:1", f"a.b/c@sha256:{'0' * 64}"]
    texts += ["300.1.1.1", "10.0.0.0/33", "10.0.0.1/31", "-a", "x" * 64, "01.2.3", "localhost:5000/a:1", "A.b/c:1"]
    schema = config_schema.value_schema(option)
    for text in texts:
        problem = problem_alone(option, text)
        if not any(word in problem for word in BEYOND_A_SCHEMA):
            assert Draft7Validator(schema).is_valid(text) == (problem == ""), (text, problem)
