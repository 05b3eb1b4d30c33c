"""What the engine hands over (texts, and JSON for structures) becomes the same model as plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pulumi.runtime.config import set_all_config

from cilium_lab.config.load import decode, load, parse


@pytest.fixture(autouse=True)
def _no_config_left() -> Iterator[None]:
    yield
    set_all_config({})


def given(**keys: object) -> None:
    """As the engine does: a text as it is, everything else as JSON."""
    set_all_config({f"cilium-lab:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in keys.items()})


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"ipamMode": "cluster-pool"},
        {"debug": False},
        {"clusterPool": {"cidrs": ["172.21.0.0/16"], "maskSize": 24}},
        {"machines": "container", "artifacts": "bundle", "bundlePath": "/srv/bundle"},
        {"artifacts": "bundle", "migration": {"probe": True, "recreate": ["default/mine"]}},
        {"ipamMode": "multi-pool", "samplePool": "172.21.0.0/16"},
        {"ciliumValues": {"bpf": {"mapDynamicSizeRatio": 0.005}}},
    ],
)
def test_same_as_parsing(raw: dict[str, Any]) -> None:
    given(**raw)
    assert load(pulumi.Config("cilium-lab")) == parse(raw)


def test_other_namespaces_are_left_alone() -> None:
    set_all_config({"libvirt:uri": "qemu:///system", "cilium-lab-two:ipamMode": "x"})
    assert load(pulumi.Config("cilium-lab")) == parse({})


def test_every_error_in_one_message() -> None:
    given(ipamMode="eni", debug="yes", addons={"storage": "no"}, ipamode="kubernetes", clusterPool="x")
    with pytest.raises(pulumi.RunError) as caught:
        load(pulumi.Config("cilium-lab"))
    for key in ("ipamMode", "debug", "addons.storage", "ipamode", "clusterPool"):
        assert f"cilium-lab:{key}: " in str(caught.value)


def test_a_text_stays_a_text() -> None:
    # "null", "1" and the like are texts where the option is one: the engine does not distinguish them.
    assert decode("podCidr", "1") == "1"
    assert decode("bundlePath", "null") == "null"
    assert decode("debug", "true") is True
    assert decode("debug", "yes") == "yes"
    assert decode("hosts", "[") == "["
