"""What is done about the rest of an interrupted run, with commands that record how they are called."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import cast

import pulumi
import pytest

from cilium_lab.libvirt.conflicts import NotOurs
from cilium_lab.libvirt.inventory import LibvirtError
from cilium_lab.libvirt.ownership import Mark, pool_uuid
from components.cilium import release
from components.machines import orphans as machines
from components.machines.orphans import Owner
from tests.helpers.fake_libvirt import URI, FakeLibvirt

ARGS = pulumi.ResourceHookArgs(urn="urn", id="", name="name", type="type")


class Commands:
    """Stand-ins on a PATH of their own; each call is noted with the file that KUBECONFIG names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._notes = folder / "calls"

    def answer(self, command: str, script: str) -> None:
        path = self._folder / command
        note = f'echo "{command} $*" >> {self._notes}; [ -z "${{KUBECONFIG-}}" ] || cat "$KUBECONFIG" >> {self._notes}'
        path.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> str:
        return self._notes.read_text() if self._notes.exists() else ""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return Commands(tmp_path)


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks are called by the tests: there is no engine to register them with."""
    for module in (release, machines):
        monkeypatch.setattr(module.pulumi, "ResourceHook", lambda _name, function: function)


def run(binding: pulumi.ResourceHookBinding, moment: str) -> None:
    hooks = getattr(binding, moment)
    assert len(hooks) == 1
    result = hooks[0](ARGS)
    if result is not None:
        loop = asyncio.new_event_loop()  # its own: asyncio.run would take the current one from other tests
        loop.run_until_complete(result)
        loop.close()


class Known:
    """An output whose value is known."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    async def future(self) -> str | None:
        return self._value


def output(value: str | None) -> pulumi.Output[str]:
    return cast("pulumi.Output[str]", Known(value))


def binding(kubeconfig: str | None = "the kubeconfig") -> pulumi.ResourceHookBinding:
    return release.without_interrupted_release("cilium", "kube-system", output(kubeconfig))


def test_before_a_release_is_created_all_its_records_go(commands: Commands, warnings: list[str]) -> None:
    commands.answer("kubectl", "echo secret/sh.helm.release.v1.cilium.v1")
    run(binding(), "before_create")
    assert "--selector owner=helm,name=cilium --output=name\nthe kubeconfig" in commands.calls
    assert warnings == ["Helm was interrupted; its records are removed: secret/sh.helm.release.v1.cilium.v1"]


def test_before_an_update_only_unfinished_records_go(commands: Commands, warnings: list[str]) -> None:
    commands.answer("kubectl", "echo No resources found")
    run(binding(), "before_update")
    assert "status in (pending-install, pending-upgrade, pending-rollback)" in commands.calls
    assert warnings == []


def test_a_cluster_that_does_not_answer_is_an_error_with_its_words(commands: Commands) -> None:
    commands.answer("kubectl", "echo connection refused >&2; exit 1")
    with pytest.raises(RuntimeError, match=r"kubectl delete secret.*connection refused"):
        run(binding(), "before_update")


def test_an_unknown_kubeconfig_is_never_taken_for_the_users_own(commands: Commands) -> None:
    commands.answer("kubectl", "echo secret/of-another-cluster")
    with pytest.raises(RuntimeError, match="kubeconfig is not known"):
        run(binding(None), "before_create")
    assert commands.calls == ""


IDENTITY, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
OWNER = Owner(output(IDENTITY), "cilium-lab/lab")
OUR_MARK, THEIR_MARK = (Mark(identity, "cilium-lab/x").xml() for identity in (IDENTITY, OTHER))
OUR_POOL, THEIR_POOL = (pool_uuid(identity, "cilium-lab") for identity in (IDENTITY, OTHER))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeLibvirt:
    """A libvirt with somebody else's objects in it."""
    made = FakeLibvirt(tmp_path / "fake")
    made.install()
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    made.add("network", "<network><name>default</name></network>")
    made.add("domain", "<domain><name>cilium-lab</name></domain>")
    return made


def network(fake: FakeLibvirt, metadata: str = "", *, active: bool = True) -> None:
    fake.add("network", f"<network><name>cilium-lab</name>{metadata}</network>", active=active)


def pool(fake: FakeLibvirt, uuid: str, *volumes: str) -> Path:
    folder = fake.folder / "images"
    folder.mkdir()
    for volume in volumes:
        (folder / volume).write_text(f"content of {volume}")
    fake.add("pool", f"<pool><name>cilium-lab</name><uuid>{uuid}</uuid><target><path>{folder}</path></target></pool>")
    return folder


def domain(fake: FakeLibvirt, metadata: str = "", *, active: bool = True) -> None:
    fake.add("domain", f"<domain><name>router</name>{metadata}</domain>", active=active)


@pytest.mark.parametrize("active", [True, False])
def test_an_orphaned_network_is_removed_and_told(fake: FakeLibvirt, warnings: list[str], active: bool) -> None:
    network(fake, OUR_MARK, active=active)
    run(machines.without_orphaned_network(OWNER, URI, "cilium-lab"), "before_create")
    assert fake.names("network") == ["default"]
    assert len(warnings) == 1


@pytest.mark.parametrize("active", [True, False])
def test_an_orphaned_domain_is_removed_before_who_else_has_its_address_is_asked(
    fake: FakeLibvirt, warnings: list[str], active: bool
) -> None:
    domain(fake, OUR_MARK, active=active)
    left: list[list[str]] = []
    hooks = machines.without_orphaned_domain(OWNER, URI, "router", lambda: left.append(fake.names("domain")))
    run(hooks, "before_create")
    assert left == [["cilium-lab"]]
    assert "undefine --nvram router" in fake.calls
    assert len(warnings) == 1


def test_an_orphaned_pool_is_undefined_and_its_volumes_stay(fake: FakeLibvirt, warnings: list[str]) -> None:
    folder = pool(fake, OUR_POOL, "router.qcow2")
    run(machines.without_orphaned_pool(OWNER, URI, "cilium-lab"), "before_create")
    assert fake.names("pool") == []
    assert (folder / "router.qcow2").exists()
    assert len(warnings) == 1


def test_where_nothing_is_in_the_way_nothing_is_changed_or_said(fake: FakeLibvirt, warnings: list[str]) -> None:
    before = fake.all()
    looked: list[str] = []
    run(machines.without_orphaned_network(OWNER, URI, "cilium-lab"), "before_create")
    run(machines.without_orphaned_pool(OWNER, URI, "cilium-lab"), "before_create")
    run(machines.without_orphaned_domain(OWNER, URI, "router", lambda: looked.append("looked")), "before_create")
    assert fake.all() == before
    assert fake.changes == []
    assert (warnings, looked) == ([], ["looked"])


@pytest.mark.parametrize("metadata", ["", THEIR_MARK], ids=["no mark", "another stack's"])
@pytest.mark.parametrize("active", [True, False])
def test_what_somebody_else_made_is_an_error_and_stays_to_the_byte(
    fake: FakeLibvirt, warnings: list[str], metadata: str, active: bool
) -> None:
    network(fake, metadata, active=active)
    domain(fake, metadata, active=active)
    pool(fake, THEIR_POOL, "router.qcow2")
    before = fake.all()
    looked: list[str] = []
    why = "another stack: cilium-lab/x" if metadata else "no mark of this stack"
    with pytest.raises(NotOurs, match=f"(?s)network cilium-lab of {URI}.*seen: .*{why}.*next: "):
        run(machines.without_orphaned_network(OWNER, URI, "cilium-lab"), "before_create")
    with pytest.raises(NotOurs, match=f"(?s)domain router of {URI}.*seen: .*{why}.*next: "):
        run(machines.without_orphaned_domain(OWNER, URI, "router", lambda: looked.append("looked")), "before_create")
    with pytest.raises(NotOurs, match=f"(?s)pool cilium-lab of {URI}.*seen: .*UUID.*next: "):
        run(machines.without_orphaned_pool(OWNER, URI, "cilium-lab"), "before_create")
    assert fake.all() == before
    assert fake.changes == []
    assert (warnings, looked) == ([], [])


def test_nothing_is_created_by_a_stack_whose_identity_is_not_known(fake: FakeLibvirt) -> None:
    nobody = Owner(output(None), "cilium-lab/lab")
    with pytest.raises(RuntimeError, match="the stack's identity is not known"):
        run(machines.without_orphaned_network(nobody, URI, "cilium-lab"), "before_create")


def volume_hooks(name: str = "router.qcow2", uuid: str = OUR_POOL) -> pulumi.ResourceHookBinding:
    return machines.without_orphaned_volume(output(uuid), URI, "cilium-lab", name)


def test_an_orphaned_volume_is_removed_since_the_provider_would_take_it(fake: FakeLibvirt, warnings: list[str]) -> None:
    folder = pool(fake, OUR_POOL, "router.qcow2", "base.qcow2")
    run(volume_hooks(), "before_create")
    assert [path.name for path in folder.iterdir()] == ["base.qcow2"]
    assert len(warnings) == 1


def test_a_volume_whose_name_begins_alike_is_left_alone(fake: FakeLibvirt, warnings: list[str]) -> None:
    pool(fake, OUR_POOL, "router.qcow2")
    run(volume_hooks("router"), "before_create")
    assert not any(call.startswith("vol-delete") for call in fake.calls)
    assert warnings == []


@pytest.mark.parametrize("there", [True, False])
def test_a_volume_in_somebody_elses_pool_of_that_name_stays(fake: FakeLibvirt, there: bool) -> None:
    if there:
        pool(fake, THEIR_POOL, "router.qcow2")
    before = fake.all()
    with pytest.raises(NotOurs, match=f"(?s)volume router.qcow2.*expected: .*{OUR_POOL}.*next: "):
        run(volume_hooks(), "before_create")
    assert fake.all() == before


def test_a_volume_in_the_pool_that_an_earlier_version_made_is_known_by_the_states_uuid(
    fake: FakeLibvirt, warnings: list[str]
) -> None:
    folder = pool(fake, "random", "router.qcow2")
    run(volume_hooks(uuid="random"), "before_create")
    assert list(folder.iterdir()) == []
    assert len(warnings) == 1


def break_command(fake: FakeLibvirt, command: str, error: str) -> None:
    (fake.folder / "broken").mkdir()
    (fake.folder / "broken" / command).write_text(error)


def test_a_pool_that_takes_an_upload_is_looked_at_afterwards(
    fake: FakeLibvirt, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    monkeypatch.setattr(machines, "_PAUSE", 0.01)
    pool(fake, OUR_POOL, "router.qcow2")
    busy = "once error: internal error: pool 'cilium-lab' has asynchronous jobs running."
    break_command(fake, "pool-refresh", busy)
    run(volume_hooks(), "before_create")
    assert fake.calls.count("pool-refresh cilium-lab") == 2
    assert "vol-delete --pool cilium-lab router.qcow2" in fake.calls
    assert len(warnings) == 1


def test_a_pool_that_can_not_be_read_is_told_in_libvirts_words(fake: FakeLibvirt) -> None:
    pool(fake, OUR_POOL, "router.qcow2")
    break_command(fake, "pool-refresh", "error: Permission denied")
    with pytest.raises(RuntimeError, match=r"qemu:///system: storage pool cilium-lab can't be read.*error: Perm"):
        run(volume_hooks(), "before_create")


def test_a_libvirt_that_does_not_answer_is_told_in_its_words(fake: FakeLibvirt) -> None:
    break_command(fake, "net-list", "error: failed to connect to the hypervisor")
    with pytest.raises(LibvirtError, match=r"qemu:///system: virsh net-list.*failed to connect"):
        run(machines.without_orphaned_network(OWNER, URI, "cilium-lab"), "before_create")
