"""The types of the chart's values are what the generator makes of the chart's own schema."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_type_hints
from unittest import mock

import pytest

from cilium_lab.config.chart_types import MINORS, of_version
from cilium_lab.config.schema import IpamMode
from cilium_lab.config.versions import CILIUM_RELEASES
from tests.helpers.chart import chart
from tools.chart_types import MISSING, STRICTER, generate, values_read

FIRST = {version.rpartition(".")[0]: version for version in reversed(list(CILIUM_RELEASES))}
"""Minor release -> the first of its releases in the table, of whose chart its types are made."""


@pytest.mark.parametrize("minor", MINORS)
def test_the_file_of_a_minor_release_is_current(minor: str) -> None:
    folder = chart(FIRST[minor])
    schema = json.loads((folder / "values.schema.json").read_text())
    committed = Path(of_version(FIRST[minor]).__file__ or "").read_text()
    assert committed == generate(schema, values_read(folder)), "run python3 -m tools.chart_types"


@pytest.mark.parametrize("version", CILIUM_RELEASES)
def test_stricter_where_the_schema_is_open(version: str) -> None:
    top = get_type_hints(of_version(version).ChartValues)
    assert top["kubeProxyReplacement"] is bool
    assert get_type_hints(top["ipam"])["mode"] == IpamMode
    assert get_args(top["routingMode"]) == ("native", "tunnel")


def test_a_release_without_types_is_named() -> None:
    with pytest.raises(ImportError, match="v1_99"):
        of_version("1.99.0")


def schema_with(**properties: Any) -> dict[str, Any]:
    """A small schema that has all that STRICTER names."""
    tree: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    for path in STRICTER:
        node = tree
        for step in path.split("."):
            node = node.setdefault("properties", {}).setdefault(step, {})
    return tree


def made(**properties: Any) -> dict[str, Any]:
    """The types of the values after a schema's text was generated and run as a module."""
    module = ModuleType("made_of_a_small_schema")
    # Types refer to each other by name, and names are looked up in the module that is known by its name.
    with mock.patch.dict(sys.modules, {module.__name__: module}):
        exec(generate(schema_with(**properties), MISSING.keys()), module.__dict__)
        return get_type_hints(module.ChartValues)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, str),
        ({"type": ["null", "integer"]}, int | None),
        ({"type": ["integer", "string"]}, int | str),
        ({"type": "object"}, dict[str, object]),
        ({"type": "array"}, list[object]),
        ({"type": "array", "items": {}}, list[object]),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "string"}]}}, list[str]),
        ({"enum": ["a", "b"]}, Literal["a", "b"]),
        ({"oneOf": [{"type": "null"}, {"enum": ["a"]}]}, Literal["a"] | None),
        ({}, object),
    ],
)
def test_generator(schema: dict[str, Any], kind: object) -> None:
    assert made(field=schema)["field"] == kind


def test_generator_names_what_is_no_python_name() -> None:
    inner = {"type": "object", "properties": {"io.cilium/app": {"type": "string"}, "from": {"type": "integer"}}}
    assert made(names=inner)["names"].__annotations__ == {"io.cilium/app": str, "from": int}


def test_generator_adds_what_the_templates_read_beside_the_schema() -> None:
    assert made()["policyAuditMode"] is bool
    assert made(devices={"type": "string"})["devices"] is str  # the schema has gained it
    assert "policyAuditMode" not in generate(schema_with(), frozenset())  # the templates read it no more


def test_generator_tells_when_the_chart_lost_a_key() -> None:
    schema = schema_with()
    del schema["properties"]["ipam"]["properties"]["mode"]
    with pytest.raises(ValueError, match=r"ipam\.mode"):
        generate(schema, frozenset())
