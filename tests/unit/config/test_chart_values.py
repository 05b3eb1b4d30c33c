"""Which of the chart's values `ciliumValues` may set: those that the templates read, as they read them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from cilium_lab.config.chart_values import refuse_unfit
from cilium_lab.config.errors import Problems
from tests.helpers.chart import chart
from tools.chart_types import MISSING, STRICTER


def errors(**given: Any) -> dict[str, str]:
    problems = Problems()
    refuse_unfit(given, problems)
    return {error.key.removeprefix("ciliumValues."): error.problem for error in problems.errors}


def test_the_charts_own_values_fit_but_for_those_of_which_this_project_allows_less() -> None:
    found = errors(**yaml.safe_load((chart() / "values.yaml").read_text()))
    assert found.keys() <= STRICTER.keys(), found


_NOT_FOR_USERS = re.compile(
    r"AsMap|azure\..*|hostServices|tunnel|enableCnpStatusUpdates|enableK8sEventHandover|ipMasqAgent\.config"
)


def test_every_value_that_the_templates_read_is_known() -> None:
    read: set[str] = set()
    for file in (chart() / "templates").rglob("*"):
        if file.is_file():
            read |= set(re.findall(r"\.Values\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)", file.read_text()))
    assert len(read) > 900
    unknown: list[str] = []
    for path in sorted(read):
        tree: dict[str, Any] = {}
        place = tree
        *above, last = path.split(".")
        for step in above:
            place = place.setdefault(step, {})
        place[last] = object()  # of no type that fits
        if any("no such key" in problem for problem in errors(**tree).values()) and not _NOT_FOR_USERS.fullmatch(path):
            unknown.append(path)
    assert unknown == []
    assert MISSING.keys() <= read


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"MTU": "1400"}, {"MTU": "input should be a valid integer, and it is str"}),
        ({"debog": 1}, {"debog": "the chart has no such key; did you mean debug?"}),
        (
            {"bpf": {"monitorInterva": "5s", "masqueradee": 1}},
            {
                "bpf.monitorInterva": "the chart has no such key; did you mean bpf.monitorInterval?",
                "bpf.masqueradee": "the chart has no such key; did you mean bpf.masquerade?",
            },
        ),
        ({"devices": 7}, {"devices": "input should be a valid string, and it is int"}),
        (
            {"hubble": {"relay": {"replicas": "two"}}},
            {"hubble.relay.replicas": "input should be a valid integer, and it is str"},
        ),
    ],
)
def test_what_does_not_fit_is_told_by_its_path_and_never_shown(given: dict[str, Any], words: dict[str, str]) -> None:
    assert errors(**given) == words


@pytest.mark.parametrize(
    "given",
    [
        {"devices": "eth0"},
        {"devices": ["eth0", "eth1"]},
        {"loadBalancer": {"mode": "dsr", "acceleration": "native"}},
        {"l7Proxy": None, "bpf": {"masquerade": None}},
        {"tolerations": [{"key": "mine", "operator": "Exists"}], "nodeSelector": {"disk": "ssd"}},
        {"extraConfig": {"any-key": "value"}, "resources": {"limits": {"cpu": "2"}}},
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}},
    ],
)
def test_what_the_templates_read_or_copy_as_it_is_fits(given: dict[str, Any]) -> None:
    assert errors(**given) == {}
