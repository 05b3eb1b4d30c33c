"""Which of the chart's values `ciliumValues` may set: those that the templates read, as they read them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from cilium_lab.config.chart_values import refuse_unfit
from cilium_lab.config.errors import Problems
from cilium_lab.config.versions import CILIUM, CILIUM_RELEASES
from tests.helpers.chart import chart
from tools.chart_types import MISSING, STRICTER, values_read


def errors(version: str = CILIUM, **given: Any) -> dict[str, str]:
    problems = Problems()
    refuse_unfit(given, version, problems)
    return {error.key.removeprefix("ciliumValues."): error.problem for error in problems.errors}


@pytest.mark.parametrize("version", CILIUM_RELEASES)
def test_the_charts_own_values_fit_but_for_those_of_which_this_project_allows_less(version: str) -> None:
    found = errors(version, **yaml.safe_load((chart(version) / "values.yaml").read_text()))
    assert found.keys() <= STRICTER.keys(), found


_NOT_FOR_USERS = re.compile(
    r"AsMap|azure\..*|hostServices|tunnel|enableCnpStatusUpdates|enableK8sEventHandover|ipMasqAgent\.config"
    # moved to hubble.export.static in 1.18; a misspelt l2podAnnouncements, which no release documents
    r"|hubble\.export\.(file.*|aggregationInterval)|l2podAnnouncements\.interfacePattern"
)


@pytest.mark.parametrize("version", CILIUM_RELEASES)
def test_every_value_that_the_templates_read_is_known(version: str) -> None:
    read = values_read(chart(version))
    assert len(read) > 900
    unknown: list[str] = []
    for path in sorted(read):
        tree: dict[str, Any] = {}
        place = tree
        *above, last = path.split(".")
        for step in above:
            place = place.setdefault(step, {})
        place[last] = object()  # of no type that fits
        wrong = errors(version, **tree).values()
        if any("no such key" in problem for problem in wrong) and not _NOT_FOR_USERS.fullmatch(path):
            unknown.append(path)
    assert unknown == []


def test_everything_that_is_said_to_be_missing_is_read_by_some_release() -> None:
    read = frozenset[str]().union(*(values_read(chart(version)) for version in CILIUM_RELEASES))
    assert MISSING.keys() <= read


def test_a_key_belongs_to_the_releases_that_have_it() -> None:
    new = {"version": list(CILIUM_RELEASES)[2], "underlayProtocol": "ipv4"}
    assert errors(**new) == {}
    (told,) = errors(underlayProtocol="ipv4").values()
    assert told.startswith(f"the chart of {CILIUM} has no such key")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"MTU": "1400"}, {"MTU": "input should be a valid integer, and it is str"}),
        ({"debog": 1}, {"debog": f"the chart of {CILIUM} has no such key; did you mean debug?"}),
        (
            {"bpf": {"monitorInterva": "5s", "masqueradee": 1}},
            {
                "bpf.monitorInterva": f"the chart of {CILIUM} has no such key; did you mean bpf.monitorInterval?",
                "bpf.masqueradee": f"the chart of {CILIUM} has no such key; did you mean bpf.masquerade?",
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
