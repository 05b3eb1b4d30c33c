"""How preflight and migration are wired into the program, and their request."""

from __future__ import annotations

import contextlib
import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_command import local

from cilium_lab.artifacts.bundle import ONLINE
from cilium_lab.config.load import parse as parse_config
from cilium_lab.disruption.targets import Hosts
from cilium_lab.rollout.preview import Preview
from cilium_lab.rollout.request import Desired, parse
from components.cilium import preflight as component
from components.cilium.migration import Migration
from components.cilium.preflight import Passed, Preflight, desired_cluster, passed
from tests.helpers.pulumi_recorder import Recording, record

ANSWER = json.dumps({"inUse": ["172.24.0.0/24"], "run": "2026-01-01T00:00:00+00:00", "podCidrs": {}})
KUBECONFIG = "apiVersion: v1\nusers: secret"
KEY = "PRIVATE KEY"
COMMANDS = ("migration-preflight", "migration-run")
HOSTS = Hosts(
    {"k8s-cp": "172.31.1.10"}, ("k8s-cp",), "router", "172.31.1.20", "10.10.1.200", KEY, "172.31.1.10 ssh-ed25519 A\n"
)


def recorded(*, preview: bool = False, probe: bool = False) -> tuple[Recording, list[Passed]]:
    seen: list[Passed] = []

    def outputs(args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        return {"stdout": ANSWER} if args.name == "migration-preflight" else {}

    def program() -> None:
        node = local.Command("node", create="true")
        hosts = pulumi.Output.secret(HOSTS) if probe else None
        preflight = Preflight(
            "preflight",
            parse_config({"ipamMode": "cluster-pool"}),
            ONLINE,
            pulumi.Output.secret(KUBECONFIG),
            Path("/state/migrations"),
            hosts,
            opts=pulumi.ResourceOptions(depends_on=[node]),
        )
        preflight.passed.apply(seen.append)
        release = local.Command("release", create="true")
        Migration("migration", preflight, opts=pulumi.ResourceOptions(depends_on=[release]))

    return record(program, outputs=outputs, preview=preview), seen


def test_the_kubeconfig_travels_as_a_secret_on_standard_input_alone() -> None:
    for name, item in recorded()[0].by_name().items():
        if name not in COMMANDS:
            continue
        stdin = item.request.object["stdin"]
        assert stdin["4dabf18193072939515e22adb298388d"] == "1b47061264138c4ac30d75fd1eb44270"
        document = parse(stdin["value"])
        assert document.kubeconfig == KUBECONFIG
        assert document.desired.mode == "cluster-pool"
        assert (document.runs, document.hosts) == ("/state/migrations", None)
        rest = {key: value for key, value in item.inputs.items() if key != "stdin"}
        assert KUBECONFIG not in str(rest)
        assert item.inputs["logging"] == "stderr"


def test_the_key_for_the_probes_goes_the_same_way() -> None:
    for name, item in recorded(probe=True)[0].by_name().items():
        if name in COMMANDS:
            document = parse(item.request.object["stdin"]["value"])
            assert document.hosts == HOSTS
            assert KEY not in repr(document)
            assert KEY not in str({key: value for key, value in item.inputs.items() if key != "stdin"})


def test_the_migration_runs_again_after_each_preflight_and_comes_behind_the_release() -> None:
    recording, seen = recorded()
    run = recording.by_name()["migration-run"]
    # not a trigger: what a preview cannot know yet would be shown as a replacement
    assert run.inputs["environment"] == {"PREFLIGHT": ANSWER}
    assert "triggers" not in run.inputs
    assert run.inputs["create"].endswith("cilium_lab.rollout run")
    assert any(urn.endswith("::release") for urn in run.request.dependencies)
    preflight = recording.by_name()["migration-preflight"]
    assert any(urn.endswith("::node") for urn in preflight.request.dependencies)
    assert seen == [Passed("2026-01-01T00:00:00+00:00", (IPv4Network("172.24.0.0/24"),))]


def test_the_answer_of_the_preflight_is_no_secret() -> None:
    run = recorded()[0].by_name()["migration-run"]
    assert run.request.object["environment"]["PREFLIGHT"] == ANSWER


@pytest.mark.parametrize("refused", [False, True])
def test_a_preview_tells_what_will_happen_to_pods_and_an_update_leaves_that_to_the_preflight(
    monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    looked: list[tuple[str, str]] = []
    said: list[str] = []

    def look(desired: Desired, kubeconfig: str) -> Preview:
        looked.append((desired.mode, kubeconfig))
        return Preview(("kubernetes -> cluster-pool", "  note: bare pod default/mine"), refused)

    monkeypatch.setattr(component, "preview_live", look)
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    text = "kubernetes -> cluster-pool\n  note: bare pod default/mine"
    with pytest.raises(pulumi.RunError, match=f"^{text}$") if refused else contextlib.nullcontext():
        recorded(preview=True)
    assert looked == [("cluster-pool", KUBECONFIG)]
    assert said == ([] if refused else [text])
    recorded()
    assert len(looked) == 1


@pytest.mark.parametrize("answer", ["", "{}", '{"run": "x", "inUse": ["nonsense"]}'])
def test_another_answer_is_an_error(answer: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        passed(answer)


def test_the_request_of_a_migration_of_the_study() -> None:
    desired = desired_cluster(parse_config({"ipamMode": "cluster-pool"}))
    assert desired.ranges == (IPv4Network("172.20.0.0/16"),)
    assert desired.recreate == ("default/curl-pod",)
    assert set(map(str, desired.other_networks.values())) == {"172.31.0.0/20", "10.96.0.0/12", "10.10.0.0/16"}
    assert desired.canary is not None
    assert "http://172.31.1.20/" in desired.canary.pages
    assert "http://10.10.1.200/" in desired.canary.pages
    assert desired_cluster(parse_config({"ipamMode": "kubernetes"})).ranges == (IPv4Network("192.168.0.0/16"),)
    mine = desired_cluster(parse_config({"migration": {"recreate": ["default/mine"]}}))
    assert mine.recreate == ("default/curl-pod", "default/mine")
    tunnel = desired_cluster(parse_config({"routingMode": "tunnel", "masquerade": "iptables"}))
    assert (tunnel.direct_routes, tunnel.ip_masq_agent) == (False, False)
