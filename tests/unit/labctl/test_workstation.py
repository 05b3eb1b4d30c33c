"""./lab verify --stack NAME: the checks on a stack that plain Pulumi has brought up, with a stand-in for pulumi."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl import workstation

OUTPUTS = {
    "kubeconfig": "the kubeconfig",
    "sshKey": "the key",
    "sshKnownHosts": "172.31.1.20 ssh-ed25519 A",
    "sshConfig": "IdentityFile ~/.ssh/cilium-lab/key\nUserKnownHostsFile ~/.ssh/cilium-lab/known_hosts\n",
    "expectation": "{}",
}


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pulumi that prints what `outputs` holds, and a Python that notes what the checks are given."""
    asked = f'echo "$*" > {tmp_path}/asked; cat {tmp_path}/outputs 2> /dev/null || {{ echo no stack >&2; exit 255; }}'
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\n{asked}\n")
    # -m cilium_lab.checks EXPECTATION KUBECONFIG SSH_CONFIG
    given = f'{{ stat -c "%a %n" "$3" "$4" "$5" "$(dirname "$3")"; cat "$5" "$4"; }} > {tmp_path}/given; exit 7'
    (tmp_path / "python").write_text(f"#!/bin/sh\n{given}\n")
    for name in ("pulumi", "python"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(workstation, "PYTHON", tmp_path / "python")
    return tmp_path


def test_the_checks_get_private_files_made_of_the_outputs(pulumi: Path) -> None:
    (pulumi / "outputs").write_text(json.dumps(OUTPUTS))
    assert workstation.verify("lab") == 7  # the checks' own status
    assert (pulumi / "asked").read_text().split()[-2:] == ["--stack", "lab"]
    given = (pulumi / "given").read_text()
    modes = [line.split()[0] for line in given.splitlines()[:4]]
    assert modes == ["600", "600", "600", "700"]
    folder = Path(given.splitlines()[3].split()[1])
    assert f"IdentityFile {folder}/ssh-key\nUserKnownHostsFile {folder}/ssh-known-hosts\n" in given
    assert "the kubeconfig" in given
    assert not folder.exists()


@pytest.mark.parametrize(("outputs", "seen"), [(None, "no stack"), ("{}", "outputs without it")])
def test_a_stack_that_is_not_up_is_refused(
    pulumi: Path, capsys: pytest.CaptureFixture[str], outputs: str | None, seen: str
) -> None:
    if outputs is not None:
        (pulumi / "outputs").write_text(outputs)
    assert workstation.verify("lab") == 1
    said = capsys.readouterr().err
    assert f"seen: {seen}" in said
    assert "next: pulumi up --stack lab" in said
    assert not (pulumi / "given").exists()


def test_a_machine_without_pulumi_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert workstation.verify("lab") == 1
    assert "expected: pulumi on the PATH" in capsys.readouterr().err
