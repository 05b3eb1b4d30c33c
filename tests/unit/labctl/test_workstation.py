"""Stacks that plain Pulumi has brought up, with stand-ins for pulumi, kubectl and ssh; and how a stack is found."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labctl import cli, stacks
from labctl.embedded import Embedded
from labctl.session import Session
from labctl.workstation import Workstation
from sandbox import sandbox

OUTPUTS = {
    "kubeconfig": "the kubeconfig",
    "sshKey": "the key",
    "sshKnownHosts": "172.31.1.20 ssh-ed25519 A",
    "sshConfig": "IdentityFile ~/.ssh/cilium-lab/key\nUserKnownHostsFile ~/.ssh/cilium-lab/known_hosts\n",
    "expectation": "{}",
    "hosts": {"k8s-cp": "172.31.1.10", "router": "172.31.1.20"},
    "pages": {"monitoring": "http://172.31.1.10:30001"},
}


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pulumi that prints what `outputs` and `stacks` hold, and a Python that notes what the checks are given."""
    listed = f"cat {tmp_path}/stacks 2> /dev/null || echo '[]'"
    printed = f"cat {tmp_path}/outputs 2> /dev/null || {{ echo no stack >&2; exit 255; }}"
    program(
        tmp_path,
        "pulumi",
        f'echo "$*" > {tmp_path}/called\necho "$PULUMI_STACK" > {tmp_path}/stack\n'
        f'case "$*" in *"stack ls"*) {listed};; *"stack output"*) {printed};; *) exit 9;; esac',
    )
    # -m cilium_lab.checks EXPECTATION KUBECONFIG SSH_CONFIG
    given = f'{{ stat -c "%a %n" "$3" "$4" "$5" "$(dirname "$3")"; cat "$5" "$4"; }} > {tmp_path}/given; exit 7'
    program(tmp_path, "python", given)
    program(tmp_path, "kubectl", f'echo "$*" > {tmp_path}/called; cat "$KUBECONFIG" > {tmp_path}/given; exit 5')
    program(tmp_path, "ssh", f'echo "$*" > {tmp_path}/called; stat -c "%a %n" "$2" > {tmp_path}/given; exit 6')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(Session, "python", tmp_path / "python")
    monkeypatch.setattr(sandbox, "pid", lambda: None)
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    return tmp_path


def runs(pulumi: Path, *names: str) -> None:
    """Plain Pulumi knows these stacks to have resources, and another one to have none."""
    listed = [{"name": name, "current": False, "resourceCount": 40} for name in names]
    (pulumi / "stacks").write_text(json.dumps([*listed, {"name": "empty", "resourceCount": 0}, {"name": "new"}]))


@pytest.mark.parametrize("words", [["--stack", "lab"], []], ids=["named", "found"])
def test_the_checks_get_private_files_made_of_the_outputs(pulumi: Path, words: list[str]) -> None:
    (pulumi / "outputs").write_text(json.dumps(OUTPUTS))
    runs(pulumi, "lab")
    assert cli.main(["verify", *words]) == 7  # the checks' own status
    assert (pulumi / "called").read_text().split()[-2:] == ["--stack", "lab"]
    given = (pulumi / "given").read_text()
    modes = [line.split()[0] for line in given.splitlines()[:4]]
    assert modes == ["600", "600", "600", "700"]
    folder = Path(given.splitlines()[3].split()[1])
    assert f"IdentityFile {folder}/ssh-key\nUserKnownHostsFile {folder}/ssh-known-hosts\n" in given
    assert "the kubeconfig" in given
    assert not folder.exists()


def test_the_study_runs_with_the_private_files_and_its_status_is_the_commands(pulumi: Path) -> None:
    (pulumi / "outputs").write_text(json.dumps(OUTPUTS))
    runs(pulumi, "lab")
    program(pulumi, "python", f'{{ echo "$*"; stat -c "%a" "$4" "$5"; }} > {pulumi}/given; exit 7')
    assert cli.main(["study", "--run", "--json", "hubble", "routing"]) == 7
    called, *modes = (pulumi / "given").read_text().splitlines()
    assert modes == ["600", "600"]
    words = called.split()
    assert words[:3] == ["-m", "cilium_lab.study", "--json"]
    assert [Path(word).name for word in words[3:]] == ["expectation.json", "ssh-config", "hubble", "routing"]


@pytest.mark.parametrize("words", [["--stack", "lab"], []], ids=["named", "found"])
def test_kubectl_and_ssh_need_no_step_by_hand(pulumi: Path, words: list[str]) -> None:
    (pulumi / "outputs").write_text(json.dumps(OUTPUTS))
    runs(pulumi, "lab")
    assert cli.main(["kubectl", *words, "get", "pods", "-A"]) == 5
    assert (pulumi / "called").read_text() == "get pods -A\n"
    assert (pulumi / "given").read_text() == "the kubeconfig"
    assert cli.main(["ssh", *words, "router", "ip", "-br", "a"]) == 6
    assert (pulumi / "called").read_text().endswith("/ssh-config router ip -br a\n")
    mode, config = (pulumi / "given").read_text().split()
    assert mode == "600"
    assert not Path(config).parent.exists()


def test_pulumi_gets_its_words_and_the_stack(pulumi: Path) -> None:
    for words in (["--stack", "lab", "up", "--yes"], ["up", "--yes", "--stack", "lab"], ["up", "--yes", "-s", "lab"]):
        assert cli.main(["pulumi", *words]) == 9
        assert (pulumi / "stack").read_text() == "lab\n"
        assert " up --yes" in (pulumi / "called").read_text()


def test_a_shell_has_the_kubeconfig(pulumi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pulumi / "outputs").write_text(json.dumps(OUTPUTS))
    monkeypatch.setenv("SHELL", "/bin/sh")
    note = pulumi / "note"
    assert cli.main(["shell", "--stack", "lab", f"cat $KUBECONFIG > {note}; echo $PULUMI_STACK >> {note}; exit 4"]) == 4
    assert note.read_text() == "the kubeconfiglab\n"


def test_status_of_a_workstations_lab(pulumi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pulumi / "outputs").write_text(json.dumps(OUTPUTS))
    runs(pulumi, "lab")
    assert cli.main(["status"]) == 0
    told = capsys.readouterr().out
    for line in ("stack      lab", "  router  172.31.1.20", "kubectl get nodes ended with 5", "page monitoring: http"):
        assert line in told, told


@pytest.mark.parametrize(("outputs", "seen"), [(None, "no stack"), ("{}", "outputs without it")])
def test_a_stack_that_is_not_up_is_refused(
    pulumi: Path, capsys: pytest.CaptureFixture[str], outputs: str | None, seen: str
) -> None:
    if outputs is not None:
        (pulumi / "outputs").write_text(outputs)
    assert cli.main(["verify", "--stack", "lab"]) == 1
    said = capsys.readouterr().err
    assert f"seen: {seen}" in said
    assert "next: pulumi up --stack lab" in said
    assert not (pulumi / "given").exists()


def test_a_machine_without_pulumi_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["verify", "--stack", "lab"]) == 1
    assert "expected: pulumi on the PATH" in capsys.readouterr().err


# --- which stack


def test_the_one_that_runs_is_found(pulumi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(pulumi, "lab")
    found = stacks.find(None)
    assert (type(found), found.stack) == (Workstation, "lab")
    runs(pulumi, "embedded")  # plain Pulumi cannot run it: it lives in the sandbox
    monkeypatch.setattr(sandbox, "pid", lambda: os.getpid())
    assert isinstance(stacks.find(None), Embedded)
    assert isinstance(stacks.find("embedded"), Embedded)


def test_when_more_than_one_runs_it_has_to_be_named(
    pulumi: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs(pulumi, "lab")
    monkeypatch.setattr(sandbox, "pid", lambda: os.getpid())
    assert cli.main(["status"]) == 1
    said = capsys.readouterr().err
    for words in ("expected: --stack NAME", "seen: embedded, lab", "next: --stack embedded"):
        assert words in said
    assert stacks.find("lab").stack == "lab"


def test_when_none_runs_there_is_nothing_to_look_at(pulumi: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs(pulumi)
    assert cli.main(["status"]) == 3
    assert capsys.readouterr().out == "the lab is not running. Next: ./lab up\n"
    assert isinstance(stacks.find(None, otherwise="embedded"), Embedded)


def test_a_pulumi_that_does_not_say_what_runs_is_told(
    pulumi: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(pulumi, "pulumi", "echo please log in >&2; exit 1")
    assert cli.main(["kubectl", "get", "pods"]) == 1
    said = capsys.readouterr().err
    assert "seen: please log in" in said
    assert "--stack NAME" in said
    monkeypatch.setattr(sandbox, "pid", lambda: os.getpid())
    assert isinstance(stacks.find(None), Embedded)  # which is known without it
