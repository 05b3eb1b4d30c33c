"""The policy pack under the real engine: the lab passes, the study's own values don't, levels and limits are obeyed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from shlex import join

import pytest

from tests.helpers.checkout import Checkout

pytestmark = pytest.mark.timeout(300)

VIOLATED = ("[mandatory]", "[advisory]")


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_made(sandbox: Checkout) -> None:
    """A preview makes nothing, with a pack or without."""
    assert json.loads(sandbox.lab("pulumi", "stack", "export").stdout)["deployment"].get("resources", []) == []


def preview(sandbox: Checkout, *words: str) -> subprocess.CompletedProcess[str]:
    return sandbox.lab("pulumi", "preview", "--non-interactive", "--policy-pack", "policies", *words, check=False)


def configured(sandbox: Checkout, folder: Path, config: object) -> subprocess.CompletedProcess[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    return preview(sandbox, "--policy-pack-config", str(file))


def test_the_lab_has_no_violation(sandbox: Checkout) -> None:
    done = preview(sandbox)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✅ cilium-lab@v" in done.stdout
    assert not any(word in done.stdout for word in VIOLATED)
    assert "can't run policy" not in done.stdout


def test_the_studys_own_values_are_refused_by_name(sandbox: Checkout) -> None:
    program, pack = sandbox.folder / "tests" / "engine" / "study_program", sandbox.folder / "policies"
    pulumi = ["pulumi", "--cwd", str(program), "--non-interactive"]
    sandbox.lab("shell", join([*pulumi, "stack", "init", "study"]))
    done = sandbox.lab("shell", join([*pulumi, "preview", "--policy-pack", str(pack)]), check=False)
    assert done.returncode != 0
    assert "[mandatory]  cilium-native-routing-covers-pods  (kubernetes:helm.sh/v3:Release: cilium)" in done.stdout
    assert "ipv4NativeRoutingCIDR 10.244.0.0/16 holds no pod: pods get addresses of 192.168.0.0/16" in done.stdout
    assert "[mandatory]  cilium-agents-roll-by-migration" in done.stdout


def test_a_limit_is_obeyed_and_a_level_as_well(sandbox: Checkout, tmp_path: Path) -> None:
    strict: dict[str, dict[str, object]] = {"network-node-ports": {"lowest": 30002}}
    done = configured(sandbox, tmp_path, strict)
    assert done.returncode != 0
    assert "[mandatory]  network-node-ports" in done.stdout
    assert "NodePort 30001 is not between 30002 and 32767" in done.stdout
    strict["network-node-ports"]["enforcementLevel"] = "advisory"
    done = configured(sandbox, tmp_path, strict)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[advisory]  network-node-ports" in done.stdout


def test_a_wrong_option_is_refused_with_its_name(sandbox: Checkout, tmp_path: Path) -> None:
    done = configured(sandbox, tmp_path, {"access-join-tokens-short-lived": {"maxMinutes": "an hour"}})
    assert done.returncode != 0
    assert "access-join-tokens-short-lived: maxMinutes" in done.stdout + done.stderr
