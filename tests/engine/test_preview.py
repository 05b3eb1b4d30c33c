"""The program under the real engine on an empty state: what a preview needs, and how a wrong configuration ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from cilium_lab.config.load import parse
from components.lab import Lab
from tests.helpers.checkout import Checkout
from tests.helpers.pulumi_recorder import record
from tests.helpers.recorded_lab import stack_config

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def stack(sandbox: Checkout) -> Iterator[Path]:
    """The file of the stack embedded, which is put back afterwards."""
    file = sandbox.folder / "Pulumi.embedded.yaml"
    before = file.read_text()
    yield file
    file.write_text(before)


def preview(sandbox: Checkout) -> tuple[int, str]:
    done = sandbox.lab("pulumi", "preview", "--stack", "embedded", "--non-interactive", check=False)
    return done.returncode, done.stdout + done.stderr


def resources() -> int:
    """How many resources the lab has with the bundle that is there, by the mocked engine."""
    lab = parse(stack_config("embedded"))

    def program() -> None:
        with patch("components.lab.refuse", lambda *_: None):
            Lab("lab", lab)

    made = {(item.token, item.name) for item in record(program, preview=True).registered}
    return len(made | {("pulumi:pulumi:Stack", "cilium-lab-test")})


def held(sandbox: Checkout) -> list[str]:
    """The resources in the state."""
    exported = json.loads(sandbox.lab("pulumi", "stack", "export", "--stack", "embedded").stdout)
    return [resource["urn"] for resource in exported["deployment"].get("resources") or []]


def test_a_preview_needs_no_cluster_and_no_hosts(sandbox: Checkout, stack: Path) -> None:
    code, text = preview(sandbox)
    assert code == 0, text
    found = re.search(r"\+ (\d+) to create", text)
    assert found, text
    assert int(found[1]) == resources()
    assert held(sandbox) == []
    assert not (sandbox.state / "hosts").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ipamMode": "cluster"}, ["cilium-lab:ipamMode", "not one of kubernetes, cluster-pool, multi-pool"]),
        ({"ipamMode": "eni"}, ["cilium-lab:ipamMode", "AWS"]),
        ({"podCidr": "172.31.0.0/16"}, ["cilium-lab:podCidr", "172.31.0.0/20"]),
        ({"hosts[1].address": "172.31.1.10"}, ["cilium-lab:hosts[1].address", "in use by hosts[0].address"]),
        ({"arch": "riscv64"}, ["cilium-lab:arch", "not one of amd64, arm64"]),
    ],
    ids=["unknown-mode", "cloud-mode", "overlap", "duplicate-address", "arch"],
)
def test_a_wrong_configuration_is_refused_before_anything_exists(
    sandbox: Checkout, stack: Path, settings: dict[str, str], words: list[str]
) -> None:
    configure(sandbox, settings)
    code, text = preview(sandbox)
    assert code != 0
    message = text.partition("Diagnostics:")[2]
    assert message.count("in the configuration; nothing was changed:") == 1, text
    assert all(word in message for word in words), text
    assert "right: cilium-lab:" in message
    assert "Traceback" not in text
    done = sandbox.lab(
        "pulumi", "up", "--yes", "--skip-preview", "--stack", "embedded", "--non-interactive", check=False
    )
    assert done.returncode != 0
    assert all(word in done.stdout + done.stderr for word in words)
    assert [urn for urn in held(sandbox) if "pulumi:pulumi:Stack" not in urn] == []
    assert sandbox.lab("shell", "virsh -q -c lxc:///system list --all --name").stdout.split() == []


def test_every_error_is_in_one_message(sandbox: Checkout, stack: Path) -> None:
    configure(
        sandbox, {"ipamMode": "gke", "podCidr": "172.31.0.0/16", "arch": "mips", "hosts[1].address": "172.31.1.10"}
    )
    code, text = preview(sandbox)
    assert code != 0
    found = re.search(r"(\d+) errors in the configuration; nothing was changed:", text)
    assert found, text
    assert int(found[1]) == len(re.findall(r"^\s+\d+\. cilium-lab:", text, re.MULTILINE)) >= 4
    for key in ("ipamMode", "podCidr", "arch", "hosts[1].address"):
        assert f"cilium-lab:{key}: " in text


def configure(sandbox: Checkout, settings: dict[str, str]) -> None:
    """As a person does, by `pulumi config set`."""
    if any(key.startswith("hosts[") for key in settings):
        for number, host in enumerate(_HOSTS):
            for key, value in host.items():
                _set(sandbox, f"hosts[{number}].{key}", value)
    for key, value in settings.items():
        _set(sandbox, key, value)


_HOSTS = (
    {"name": "k8s-cp", "role": "control-plane", "address": "172.31.1.10"},
    {"name": "k8s-w1", "role": "worker", "address": "172.31.1.11"},
    {"name": "router", "role": "router", "address": "172.31.1.20"},
)


def _set(sandbox: Checkout, key: str, value: str) -> None:
    sandbox.lab("pulumi", "config", "set", "--stack", "embedded", "--path", key, value)
