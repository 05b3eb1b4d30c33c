"""The stack files beside the usual one: all that are allowed, and none that takes a running lab's place."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cilium_lab.config.errors import ConfigErrors
from cilium_lab.config.load import parse
from labctl import scenarios
from labctl import session as session_module
from labctl.command import LabError
from labctl.embedded import Embedded

VALUES = itertools.product(
    ("kubernetes", "cluster-pool", "multi-pool"), ("native", "vxlan", "geneve"), ("bpf", "iptables")
)


def settings(name: str) -> dict[str, Any]:
    text = (scenarios.FOLDER / f"{name}.yaml").read_text()
    return {key.partition(":")[2]: value for key, value in yaml.safe_load(text)["config"].items()}


def allowed(mode: str, routing: str, masquerade: str) -> bool:
    tunnel = {} if routing == "native" else {"routingMode": "tunnel", "tunnelProtocol": routing}
    try:
        parse({"machines": "container", "artifacts": "bundle", "ipamMode": mode, "masquerade": masquerade, **tunnel})
    except ConfigErrors:
        return False
    return True


def test_there_is_one_for_each_combination_that_is_allowed() -> None:
    assert scenarios.names() == sorted("-".join(values) for values in VALUES if allowed(*values))
    assert len(scenarios.names()) == 13


@pytest.mark.parametrize("name", scenarios.names())
def test_a_scenario_is_what_its_name_says(name: str) -> None:
    config = parse(settings(name))
    routing = "native" if config.routing_mode == "native" else config.tunnel_protocol
    assert name == f"{config.ipam_mode}-{routing}-{config.masquerade}"
    assert (config.artifacts, bool(config.sample_pool)) == ("bundle", config.ipam_mode == "multi-pool")


def with_lab(state: Path) -> Embedded:
    file = state / "backend/.pulumi/stacks/cilium-lab/embedded.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": [{"urn": "x"}]}}}))
    return Embedded(state)


def test_the_state_s_copy_stands_for_the_checkout_s_file(tmp_path: Path) -> None:
    session = Embedded(tmp_path)
    assert "PULUMI_OPTION_CONFIG_FILE" not in session.environment()
    scenarios.take(session, "kubernetes-vxlan-bpf")
    assert session.stack_file == tmp_path / "scenario-kubernetes-vxlan-bpf.yaml"
    assert session.stack_file.stat().st_mode & 0o777 == 0o600
    assert session.environment()["PULUMI_OPTION_CONFIG_FILE"] == str(session.stack_file)
    scenarios.take(session, "cluster-pool-vxlan-bpf")
    assert [path.name for path in tmp_path.glob("scenario-*")] == ["scenario-cluster-pool-vxlan-bpf.yaml"]
    session.forget_scenario()
    assert session.stack_file.name == "Pulumi.embedded.yaml"


def test_a_lab_that_is_up_keeps_what_was_set_since(tmp_path: Path) -> None:
    session = with_lab(tmp_path)
    session.scenario_file("kubernetes-vxlan-bpf").write_text("config: {cilium-lab:debug: true}\n")
    scenarios.take(session, "kubernetes-vxlan-bpf")
    assert "debug" in session.stack_file.read_text()


def test_a_scenario_does_not_take_a_running_lab_s_place(tmp_path: Path) -> None:
    session = with_lab(tmp_path)
    with pytest.raises(LabError, match=r"(?s)seen: a lab of .*Pulumi\.embedded\.yaml.*CILIUM_LAB_STATE=FOLDER"):
        scenarios.take(session, "kubernetes-vxlan-bpf")


def test_an_unknown_scenario_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"expected: one of the scenarios .*kubernetes-vxlan-bpf.*\n  seen: vxlan"):
        scenarios.take(Embedded(tmp_path), "vxlan")


def test_a_scenario_s_end_leaves_the_salt_of_the_lab_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "ROOT", tmp_path)
    file = tmp_path / "Pulumi.embedded.yaml"
    file.write_text("config: {}\nencryptionsalt: v1:x\n")
    state = Embedded(tmp_path / "state")
    scenarios.take(state, "kubernetes-vxlan-bpf")
    state.forget_salt()
    assert "encryptionsalt" in file.read_text()
    state.forget_scenario()
    state.forget_salt()
    assert file.read_text() == "config: {}\n"


def test_options_of_pulumi_in_the_users_environment_do_not_reach_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_OPTION_CONFIG_FILE", "/elsewhere.yaml")
    monkeypatch.setenv("PULUMI_OPTION_TARGET", "x")
    assert not [name for name in Embedded(tmp_path).environment() if name.startswith("PULUMI_OPTION_")]
