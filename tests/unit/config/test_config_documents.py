"""The schema for editors and the table of keys are what the model says; the schema takes all that is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft7Validator

from cilium_lab.config.formats import judge
from cilium_lab.config.keys import REQUIRED, Key
from cilium_lab.config.load import parse
from cilium_lab.config.schema import BY_PATH, KEYS
from tests.helpers.bad_configs import BAD
from tests.helpers.lab_strategies import labs
from tests.helpers.mending import errors_of
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


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_every_key_has_a_row_with_its_meaning(key: Key) -> None:
    rows = [line for line in config_table.config_table().splitlines() if line.startswith(f"| `{key.path}` | ")]
    described = [row for row in rows if key.description in row]
    assert len(described) == 1
    # Four bars inside and one at each end, whatever a description holds.
    assert described[0].replace("\\|", "").count("|") == 6


@pytest.mark.parametrize("name", ["lab", "embedded"])
def test_the_stacks_name_the_schema_and_fit_it(name: str) -> None:
    text = (ROOT / f"Pulumi.{name}.yaml").read_text()
    named = text.splitlines()[0].partition("# yaml-language-server: $schema=")[2]
    assert (ROOT / named).is_file()
    assert list(Draft7Validator(SCHEMA).iter_errors(yaml.safe_load(text))) == []


def test_a_misspelt_key_is_underlined_and_those_of_others_are_not() -> None:
    assert complaints({"ipamode": "kubernetes"}) != []
    stack = {"config": {"libvirt:uri": "qemu:///system"}, "encryptionsalt": "v1:abc"}
    assert list(Draft7Validator(SCHEMA).iter_errors(stack)) == []


@settings(deadline=None, max_examples=60)
@given(labs())
def test_whatever_is_right_passes(config: dict[str, Any]) -> None:
    assert parse(config)
    assert complaints(config) == []


def test_all_defaults_and_examples_pass() -> None:
    for key in KEYS:
        for value in (key.default, key.example):
            if not key.parent and value is not REQUIRED:
                assert complaints({key.path: value}) == [], key.path


@pytest.mark.parametrize(("raw", "key", "words"), BAD)
def test_a_value_that_is_wrong_by_itself_is_underlined(raw: dict[str, Any], key: str, words: str) -> None:
    """Values that only others make wrong pass: these the program alone can judge."""
    alone = [error for error in errors_of(raw) if _wrong_alone(raw, error.key)]
    if alone and not any(word in error.problem for error in alone for word in BEYOND_A_SCHEMA):
        assert complaints(raw) != []


def _wrong_alone(raw: dict[str, Any], path: str) -> bool:
    """Whether the key is unknown or its value would be wrong in any configuration."""
    value: Any = raw
    schema = ""
    for part in path.replace("[", ".[").split("."):
        element = part.startswith("[")
        schema = f"{schema}[]" if element else f"{schema}.{part}" if schema else part
        if element:
            value = value[int(part[1:-1])]
        elif not isinstance(value, dict) or part not in value:
            return False
        else:
            value = value[part]
        if schema not in BY_PATH and not element:
            return not schema.startswith("ciliumValues")
    key = BY_PATH.get(schema)
    return key is not None and judge(key, value)[0] != "" and not (value == "" and key.default == "")


def test_most_bad_configurations_are_underlined() -> None:
    underlined = sum(complaints(raw) != [] for raw, _, _ in BAD)
    assert underlined > len(BAD) / 3


@pytest.mark.parametrize("key", [key for key in KEYS if key.form in config_schema.PATTERNS], ids=lambda key: key.path)
def test_patterns_and_forms_agree(key: Key) -> None:
    """Texts that are right or nearly right for some form are judged alike by the editor and by the program."""
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
    schema = config_schema._text(key)
    for text in texts:
        problem = judge(key, text)[0] if not (text == "" and key.default == "") else ""
        if not any(word in problem for word in BEYOND_A_SCHEMA):
            assert Draft7Validator(schema).is_valid(text) == (problem == ""), (text, problem)
