"""An option is declared once: a field that is added to a model appears in everything that is made of the options."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field, ValidationError

from cilium_lab.config.errors import Problems
from cilium_lab.config.load import parse, read
from cilium_lab.config.options import Option, Options, options_of
from cilium_lab.config.schema import LabConfig
from tests.helpers.corrections import errors_alone, errors_of
from tools import config_schema, config_table, project_file

ROOT = Path(__file__).parents[3]


class Planted(LabConfig):
    """The configuration with one option more, which is declared in this line alone."""

    replicas_per_node: int = Field(default=2, ge=1, le=9, description="Replicas on each node.", examples=[3])


PLANTED = options_of(Planted)
PATH = "replicasPerNode"


def test_one_declaration_is_parsed_with_type_and_default() -> None:
    problems = Problems()
    assert read(Planted, {}, problems).replicas_per_node == 2
    assert read(Planted, {PATH: 5}, problems).replicas_per_node == 5
    assert problems.errors == []


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({PATH: "5"}, "replicasPerNode: '5' is not a whole number"),
        ({PATH: 10}, "replicasPerNode: 10 is not between 1 and 9"),
        ({f"{PATH}s": 5}, "replicasPerNodes: is not an option of this program; did you mean replicasPerNode?"),
    ],
)
def test_one_declaration_has_its_messages(raw: dict[str, Any], told: str) -> None:
    problems = Problems()
    read(Planted, raw, problems)
    right = "cilium-lab:replicasPerNode: 3"
    assert [str(error) for error in problems.errors] == [f"cilium-lab:{told}\n      right: {right}"]


def test_one_declaration_is_in_pulumi_yaml() -> None:
    described = {"description": "integer: Replicas on each node.", "default": 2}
    assert yaml.safe_load(project_file.project_file(PLANTED))["config"][PATH] == described
    assert PATH not in project_file.project_file()


def test_one_declaration_is_in_the_documentation() -> None:
    row = "| `replicasPerNode` | integer, 1 to 9 | `2` | Replicas on each node. | `3` |"
    assert row in config_table.config_table(PLANTED).splitlines()
    assert PATH not in config_table.config_table()


def test_one_declaration_is_in_the_schema_for_editors() -> None:
    schema: Any = config_schema.config_schema(PLANTED)
    assert schema["properties"]["config"]["properties"][f"cilium-lab:{PATH}"] == {
        "description": "Replicas on each node.",
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
        "default": 2,
        "examples": [3],
    }
    assert PATH not in config_schema.text()


def test_a_constraint_without_words_of_its_own_is_reported_in_pydantics() -> None:
    class Even(Options):
        count: int = Field(default=2, multiple_of=2, description="An even number.")

    problems = Problems()
    assert read(Even, {"count": 3}, problems).count == 2
    assert [str(error) for error in problems.errors] == [
        "cilium-lab:count: 3: Input should be a multiple of 2\n      right: cilium-lab:count: 2"
    ]


def test_names_of_fields_are_no_options() -> None:
    (error,) = errors_of({"pod_cidr": "192.168.0.0/16"})
    assert (error.key, error.fixed_key) == ("pod_cidr", "podCidr")


def test_nothing_is_changed_in_a_configuration() -> None:
    lab = parse({})
    for model, name in ((lab, "arch"), (lab.versions, "cilium"), (lab.topology.hosts[0], "cpus")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(model, name, "other")


@pytest.mark.parametrize("name", ["samplePool", "bundlePath", "rootfsPath", "seedPath", "arch"])
def test_null_is_no_value(name: str) -> None:
    assert [error.problem for error in errors_of({name: None})] == ["None is not a text"]


@pytest.mark.parametrize("name", ["domainType", "name"])
def test_null_is_no_value_in_a_list(name: str) -> None:
    hypervisor = {"name": "local-vm", "uri": "qemu:///system", name: None}
    assert [(e.key, e.problem) for e in errors_alone({"hypervisors": [hypervisor]})] == [
        (f"hypervisors[0].{name}", "None is not a text")
    ]


def test_wrong_elements_keep_their_places() -> None:
    """The next elements are reported under their own numbers, and nothing is compared with what was wrong."""
    ranges = ["nonsense", "172.20.0.0/16", "172.20.128.0/17"]
    assert [error.key for error in errors_of({"clusterPool": {"cidrs": ranges}})] == [
        "clusterPool.cidrs[0]",
        "clusterPool.cidrs[2]",
    ]


@pytest.mark.parametrize("wrong", [{"name": "K8S"}, {"address": "nowhere"}])
def test_nothing_conflicts_with_the_substitute_of_a_wrong_value(wrong: dict[str, Any]) -> None:
    # The substitutes are the examples of the options, which another host may really have.
    hosts: list[dict[str, Any]] = [
        {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11", **wrong},
        {"name": "k8s-w3", "role": "worker", "address": "172.31.1.13"},
        {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10"},
        {"name": "router", "role": "router", "address": "172.31.1.20"},
    ]
    assert [error.key for error in errors_of({"hosts": hosts})] == [f"hosts[0].{name}" for name in wrong]


def test_nothing_conflicts_with_the_substitute_of_a_wrong_link() -> None:
    links = [{"name": "a b", "address": "x"}, {"name": "loop1", "address": "10.10.1.200/24"}]
    assert [error.key for error in errors_of({"routerNetwork": {"links": links}})] == [
        "routerNetwork.links[0].name",
        "routerNetwork.links[0].address",
    ]


def test_an_open_object_is_wrong_as_a_whole() -> None:
    values: dict[Any, Any] = {1: "a number where YAML takes one"}
    assert [error.key for error in errors_alone({"ciliumValues": values})] == ["ciliumValues"]


def test_the_one_right_mask_is_what_everything_says() -> None:
    option: Option = next(option for option in PLANTED if option.path == "clusterPool.maskSize")
    assert option.choices == (24,)
    assert "| `clusterPool.maskSize` | integer: `24` | `24` | " in config_table.config_table()
    assert config_schema.value_schema(option)["enum"] == [24]


def test_the_table_of_versions_needs_no_package() -> None:
    """The builder reads it before any environment is made. -S: without site-packages."""
    seen = "import json, sys; import cilium_lab.config.versions; print(json.dumps(sorted(sys.modules)))"
    words = [sys.executable, "-S", "-c", seen]
    done = subprocess.run(words, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pydantic" not in json.loads(done.stdout)
