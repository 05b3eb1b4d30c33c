"""What is done about the rest of an interrupted run, with commands that record how they are called."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import cast

import pulumi
import pytest

from components.cilium import leftovers as release
from components.machines import leftovers as machines

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
        asyncio.run(result)


class Known:
    """An output whose value is known."""

    def __init__(self, value: str | None) -> None:
        self._value = value

    async def future(self) -> str | None:
        return self._value


def binding(kubeconfig: str | None = "the kubeconfig") -> pulumi.ResourceHookBinding:
    return release.without_leftover_release("cilium", "kube-system", cast("pulumi.Output[str]", Known(kubeconfig)))


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


def test_a_leftover_network_is_removed_and_told(commands: Commands, warnings: list[str]) -> None:
    commands.answer("virsh", 'case $4 in net-list) echo "default"; echo "cilium-lab";; esac')
    run(machines.without_leftover_network("qemu:///system", "cilium-lab"), "before_create")
    assert "virsh -q -c qemu:///system net-undefine cilium-lab\n" in commands.calls
    assert len(warnings) == 1


def test_a_network_with_another_name_is_left_alone(commands: Commands, warnings: list[str]) -> None:
    commands.answer("virsh", 'case $4 in net-list) echo "cilium-lab-router";; esac')
    run(machines.without_leftover_network("qemu:///system", "cilium-lab"), "before_create")
    assert "net-undefine" not in commands.calls
    assert warnings == []


VOLUMES = 'case $4 in vol-list) echo " router.qcow2    /pool/router.qcow2"; echo " base.qcow2  /pool/base.qcow2";; esac'


def test_a_leftover_volume_is_removed_since_the_provider_would_take_it(commands: Commands, warnings: list[str]) -> None:
    commands.answer("virsh", VOLUMES)
    run(machines.without_leftover_volume("qemu:///system", "cilium-lab", "router.qcow2"), "before_create")
    assert "vol-delete --pool cilium-lab router.qcow2\n" in commands.calls
    assert len(warnings) == 1


def test_a_volume_whose_name_begins_alike_is_left_alone(commands: Commands, warnings: list[str]) -> None:
    commands.answer("virsh", VOLUMES)
    run(machines.without_leftover_volume("qemu:///system", "cilium-lab", "router"), "before_create")
    assert "vol-delete" not in commands.calls
    assert warnings == []


BUSY = """
if [ "$4" = pool-refresh ] && [ ! -e {mark} ]; then
    touch {mark}
    echo "error: Failed to refresh pool cilium-lab" >&2
    echo "error: internal error: pool 'cilium-lab' has asynchronous jobs running." >&2
    exit 1
fi
"""


def test_a_pool_that_takes_an_upload_is_looked_at_afterwards(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "_PAUSE", 0.01)
    commands.answer("virsh", BUSY.format(mark=tmp_path / "was-busy") + VOLUMES)
    run(machines.without_leftover_volume("qemu:///system", "cilium-lab", "router.qcow2"), "before_create")
    assert commands.calls.count("pool-refresh cilium-lab\n") == 2
    assert "vol-delete --pool cilium-lab router.qcow2\n" in commands.calls


def test_a_pool_that_can_not_be_read_is_told_in_libvirts_words(commands: Commands) -> None:
    commands.answer("virsh", "[ $4 != pool-refresh ] || { echo 'error: Permission denied' >&2; exit 1; }")
    with pytest.raises(RuntimeError, match="qemu:///system: storage pool cilium-lab can't be read anew: error: Perm"):
        run(machines.without_leftover_volume("qemu:///system", "cilium-lab", "router.qcow2"), "before_create")


def test_a_leftover_pool_is_undefined_and_its_volumes_stay(commands: Commands, warnings: list[str]) -> None:
    commands.answer("virsh", "case $4 in pool-list) echo default; echo cilium-lab;; esac")
    run(machines.without_leftover_pool("qemu:///system", "cilium-lab"), "before_create")
    assert "pool-undefine cilium-lab\n" in commands.calls
    assert "delete" not in commands.calls
    assert len(warnings) == 1


def test_a_domain_is_created_where_neither_a_leftover_nor_anybody_else_is(
    commands: Commands, warnings: list[str]
) -> None:
    commands.answer("virsh", "case $4 in list) echo router;; esac")
    asked: list[str] = []
    hooks = machines.without_leftover_domain("qemu:///system", "router", lambda: asked.append(commands.calls))
    run(hooks, "before_create")
    assert len(asked) == 1
    assert "undefine --nvram router\n" in asked[0]  # its own leftover does not count as somebody else
    assert len(warnings) == 1
