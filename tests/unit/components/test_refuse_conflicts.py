"""The program refuses before anything is registered, by what virsh lists and what Pulumi's state says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cilium_lab.config.load import parse
from cilium_lab.libvirt.ownership import Mark, pool_uuid
from components import prerequisites
from components.machines.local_paths import local_paths
from tests.helpers.fake_libvirt import URI, FakeLibvirt
from tests.helpers.pulumi_recorder import record

IDENTITY, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
CONFIG = parse({"machines": "vm", "artifacts": "online"})
PATHS = local_paths(CONFIG)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLibvirt:
    made = FakeLibvirt(tmp_path / "fake")
    made.install()
    record(lambda: None)  # Pulumi remembers what the last test was, a preview or not
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    monkeypatch.setattr(pulumi, "get_organization", lambda: "organization")
    monkeypatch.setattr(pulumi, "get_project", lambda: "cilium-lab")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "lab")
    monkeypatch.setattr(prerequisites, "missing", lambda _config, _machine: [])
    monkeypatch.setattr(prerequisites, "notes", lambda _config, _machine: [])
    return made


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


def state(fake: FakeLibvirt, *resources: dict[str, Any]) -> None:
    """A pulumi whose stack's state is this, and that has no other stack."""
    (fake.folder / "state.json").write_text(json.dumps({"version": 3, "deployment": {"resources": list(resources)}}))
    script = fake.folder / "pulumi"
    words = "stack export --stack organization/cilium-lab/lab"
    script.write_text(
        f'#!/bin/sh\n[ "$*" = "{words}" ] && exec cat {fake.folder}/state.json\necho "error: $*" >&2; exit 1\n'
    )
    script.chmod(0o755)


def identity(value: str) -> dict[str, Any]:
    return {"urn": "u::identity", "id": "i", "type": "command:local:Command", "outputs": {"stdout": f"{value}\n"}}


def fill(fake: FakeLibvirt, metadata: str, pool: str) -> dict[str, str]:
    """Objects of the lab's names; their UUIDs by kind."""
    target = f"<target><path>{fake.folder}/images</path></target>"
    (fake.folder / "images").mkdir()
    (fake.folder / "images" / "router.qcow2").write_text("a disk")
    return {
        "Domain": fake.add("domain", f"<domain><name>router</name>{metadata}</domain>"),
        "Network": fake.add("network", f'<network><name>cilium-lab</name><bridge name="b7"/>{metadata}</network>'),
        "Pool": fake.add("pool", f"<pool><name>cilium-lab</name><uuid>{pool}</uuid>{target}</pool>"),
    }


@pytest.mark.parametrize("known", [True, False], ids=["a stack that has an identity", "a new stack"])
@pytest.mark.parametrize("metadata", ["", Mark(OTHER, "cilium-lab/second").xml()], ids=["no mark", "another's mark"])
def test_somebody_elses_objects_are_all_refused_at_once(fake: FakeLibvirt, metadata: str, known: bool) -> None:
    fill(fake, metadata, pool_uuid(OTHER, "cilium-lab"))
    before = fake.all()
    state(fake, *([identity(IDENTITY)] if known else []))
    with pytest.raises(pulumi.RunError) as refused:
        prerequisites.refuse(CONFIG, PATHS)
    text = str(refused.value)
    for words in ("domain router of ", "network cilium-lab of ", "pool cilium-lab of ", "volume router.qcow2 in pool "):
        assert words + ("cilium-lab of " if words.startswith("volume") else "") + URI in text
    assert text.count("cilium-lab/second") == (3 if metadata else 0) + (1 if metadata else 0)
    assert fake.all() == before
    assert fake.changes == []


def test_a_preview_looks_at_libvirt_beside_all_else_and_fails(fake: FakeLibvirt) -> None:
    fill(fake, "", pool_uuid(OTHER, "cilium-lab"))
    state(fake)
    begun: list[str] = []

    def program() -> None:
        prerequisites.refuse(CONFIG, PATHS)
        begun.append("the rest")

    with pytest.raises(pulumi.RunError, match="domain router of "):
        record(program, preview=True)
    assert begun == ["the rest"]
    with pytest.raises(pulumi.RunError, match="domain router of "):
        record(program)
    assert begun == ["the rest"]


def test_a_preview_on_a_machine_that_lacks_something_ends_at_once(
    fake: FakeLibvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(fake, "", pool_uuid(OTHER, "cilium-lab"))
    state(fake)
    monkeypatch.setattr(prerequisites, "missing", lambda _config, _machine: ["no libvirt"])
    begun: list[str] = []

    def program() -> None:
        prerequisites.refuse(CONFIG, PATHS)
        begun.append("the rest")

    with pytest.raises(pulumi.RunError, match=r"(?s)1\. no libvirt.*domain router of "):
        record(program, preview=True)
    assert begun == []


def test_the_stacks_own_objects_are_not_refused(fake: FakeLibvirt, warnings: list[str]) -> None:
    fill(fake, Mark(IDENTITY, "cilium-lab/lab").xml(), pool_uuid(IDENTITY, "cilium-lab"))
    state(fake, identity(IDENTITY))
    prerequisites.refuse(CONFIG, PATHS)
    assert warnings == []


def test_what_an_earlier_version_made_is_not_refused(fake: FakeLibvirt, warnings: list[str]) -> None:
    made = fill(fake, "", "00000000-0000-0000-0000-0000000000cc")
    provider = {"urn": "u::p", "id": "p", "type": "pulumi:providers:libvirt", "inputs": {"uri": URI}}
    noted = [
        {"urn": f"u::{kind}", "id": uuid, "type": f"libvirt:index/{kind.lower()}:{kind}", "provider": "u::p::p",
         "inputs": {"name": "x"}}
        for kind, uuid in made.items()
    ]  # fmt: skip
    state(fake, provider, *noted)
    prerequisites.refuse(CONFIG, PATHS)
    assert warnings == []
    gone = {"urn": "u::n", "id": "n9", "type": "libvirt:index/network:Network", "provider": "u::p::p",
            "inputs": {"name": "cilium-lab-router"}}  # fmt: skip
    state(fake, provider, *noted, gone)
    prerequisites.refuse(CONFIG, PATHS)
    assert len(warnings) == 1
    assert f"network cilium-lab-router of {URI} is in the stack's state, and libvirt does not have it" in warnings[0]
    assert "cilium_lab.libvirt.healing up --stack lab" in warnings[0]


def test_a_libvirt_or_a_state_that_can_not_be_read_is_an_error(fake: FakeLibvirt) -> None:
    (fake.folder / "pulumi").write_text("#!/bin/sh\necho 'error: the passphrase is wrong' >&2; exit 1\n")
    (fake.folder / "pulumi").chmod(0o755)
    with pytest.raises(pulumi.RunError, match="passphrase is wrong"):
        prerequisites.refuse(CONFIG, PATHS)
    (fake.folder / "broken").mkdir()
    (fake.folder / "broken" / "list").write_text("error: Permission denied")
    with pytest.raises(pulumi.RunError, match="Permission denied"):
        prerequisites.refuse(CONFIG, PATHS)


LACKING = ["a group that may use libvirt: sudo usermod -aG libvirt me", "5 GiB of disk: free 5 GiB"]


def test_what_the_machine_lacks_and_what_is_in_the_way_are_one_message(
    fake: FakeLibvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(fake, "", pool_uuid(OTHER, "cilium-lab"))
    state(fake)
    monkeypatch.setattr(prerequisites, "missing", lambda _config, _machine: LACKING)
    with pytest.raises(pulumi.RunError) as refused:
        prerequisites.refuse(CONFIG, PATHS)
    lacking, in_the_way = str(refused.value).split("\n\n", 1)
    assert lacking.splitlines() == [
        "this machine is not ready for the lab:",
        *(f"  {number}. {line}" for number, line in enumerate(LACKING, 1)),
        "Without libvirt or KVM: ./lab up",
    ]
    assert in_the_way.startswith("objects that stack cilium-lab/lab did not make are in its way")
    assert "domain router of " in in_the_way


def test_a_machine_without_libvirt_is_told_what_it_lacks_alone(
    fake: FakeLibvirt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state(fake)
    monkeypatch.setattr(prerequisites, "missing", lambda _config, _machine: LACKING[:1])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pulumi.RunError) as refused:
        prerequisites.refuse(CONFIG, PATHS)
    assert LACKING[0] in str(refused.value)
    assert "can't be seen" not in str(refused.value)


def test_what_may_be_in_the_way_later_is_a_warning(
    fake: FakeLibvirt, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    state(fake)
    monkeypatch.setattr(prerequisites, "notes", lambda _config, _machine: ["Docker forwards nothing"])
    prerequisites.refuse(CONFIG, PATHS)
    assert warnings == ["Docker forwards nothing"]
