"""The policy pack through its protocol: what it serves, that both stacks pass, and that the study's values do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from policies.pack import RULES
from tests.helpers.policy_pack import PACK, Pack, config, inputs
from tests.helpers.pulumi_recorder import Recording, Registered
from tests.helpers.recorded_lab import STACKS, record_lab
from tools.policy_table import policy_table

FAMILIES = {"cilium", "network", "supply", "access", "size"}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    running = Pack(tmp_path_factory.mktemp("elsewhere"))
    yield running
    running.close()


ENOUGH = {
    "size_memory_fits": config(memoryMiB={"qemu:///system": 16384, "lxc:///system": 16384}),
    "size_disk_fits": config(diskGiB={"qemu:///system": 100}),
}
"""A hypervisor that is large enough, whatever this machine is."""


@pytest.fixture(autouse=True)
def _defaults(pack: Pack) -> None:
    pack.configure(**ENOUGH)


@pytest.fixture(scope="module")
def embedded() -> Recording:
    return record_lab("embedded")


def with_values(**values: Any) -> Any:
    """The inputs as they are, but for some values of Cilium's release; None takes one away."""

    def changed(item: Registered) -> struct_pb2.Struct:
        props = inputs(item)
        if item.name != "cilium-release":
            return props
        document = json_format.MessageToDict(props)
        kept = {**document["values"], **values}
        document["values"] = {name: value for name, value in kept.items() if value is not None}
        return json_format.ParseDict(document, struct_pb2.Struct())

    return changed


def test_every_rule_is_served_with_its_level_reason_and_remedy(pack: Pack) -> None:
    served = {policy.name: policy for policy in pack.info().policies}
    assert list(served) == [rule.name for rule in RULES]
    assert {name.partition("-")[0] for name in served} == FAMILIES
    for rule in RULES:
        policy = served[rule.name]
        assert policy.description == f"{rule.reason} Remedy: {rule.remedy}."
        assert policy.remediation_steps == rule.remedy
        assert policy.enforcementLevel == analyzer_pb2.EnforcementLevel.Value(rule.level.upper())
        assert (policy.policy_type == analyzer_pb2.POLICY_TYPE_STACK) == (rule.scope == "stack")
        schema = json_format.MessageToDict(policy.configSchema.properties)
        assert schema == {option.name: {**option.schema, "default": option.default} for option in rule.options}


def test_the_families_are_files() -> None:
    assert all((PACK / f"{family}.py").is_file() for family in FAMILIES)


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
@pytest.mark.parametrize("stack", STACKS)
def test_both_stacks_pass(pack: Pack, stack: str, preview: bool) -> None:
    assert pack.judge(record_lab(stack, preview=preview), exists=not preview) == []


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
def test_the_studys_own_values_are_refused_by_name(pack: Pack, preview: bool) -> None:
    seed = with_values(ipv4NativeRoutingCIDR="10.244.0.0/16", ipMasqAgent=None)
    found = pack.judge(record_lab("embedded", preview=preview), seed, exists=not preview)
    assert {(v.policy, v.resource, v.mandatory) for v in found} == {
        ("cilium-native-routing-covers-pods", "cilium-release", True)
    }
    assert any("10.244.0.0/16 holds no pod: pods get addresses of 192.168.0.0/16" in v.message for v in found)


def test_a_rule_for_one_resource_names_it(pack: Pack, embedded: Recording) -> None:
    found = pack.judge(embedded, with_values(rollOutCiliumPods=False))
    assert [(v.policy, v.resource) for v in found if "rollOutCiliumPods is off" in v.message] == [
        ("cilium-agents-roll-by-migration", "cilium-release")
    ]


def test_levels_may_be_set(pack: Pack, embedded: Recording) -> None:
    wrong = with_values(rollOutCiliumPods=False)
    name = "cilium-agents-roll-by-migration"
    pack.configure(**ENOUGH, cilium_agents_roll_by_migration=config(analyzer_pb2.ADVISORY))
    assert [v.mandatory for v in pack.judge(embedded, wrong) if v.policy == name] == [False]
    pack.configure(**ENOUGH, cilium_agents_roll_by_migration=config(analyzer_pb2.DISABLED))
    assert [v for v in pack.judge(embedded, wrong) if v.policy == name] == []


def test_limits_may_be_set(pack: Pack, embedded: Recording) -> None:
    pack.configure(**ENOUGH, access_join_tokens_short_lived=config(maxMinutes=0.5))
    found = pack.judge(embedded)
    assert {v.policy for v in found} == {"access-join-tokens-short-lived"}
    assert any("lives 1m0s, longer than" in v.message for v in found)


def test_reasons_may_be_stated(pack: Pack, embedded: Recording) -> None:
    wrong = with_values(bandwidthManager={"enabled": True})
    assert {v.policy for v in pack.judge(embedded, wrong)} == {"cilium-values-typed"}
    pack.configure(**ENOUGH, cilium_values_typed=config(reasons={"bandwidthManager": "measured in the study"}))
    assert pack.judge(embedded, wrong) == []


def test_the_list_of_policies_is_current() -> None:
    committed = (PACK.parent / "docs" / "policies.md").read_text()
    assert committed == policy_table(), "run python3 -m tools.policy_table > docs/policies.md"


def test_the_pack_runs_in_the_programs_environment() -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    program = yaml.safe_load((PACK.parent / "Pulumi.yaml").read_text())
    assert project["runtime"]["name"] == "python"
    options = program["runtime"]["options"]
    assert project["runtime"]["options"] == {**options, "virtualenv": f"../{options['virtualenv']}"}
