"""What the program asks of the machine that runs it."""

from __future__ import annotations

from cilium_lab.config.load import parse
from components.machines.requirements import missing

VIRTUAL = parse({"machines": "vm", "artifacts": "online"})
CONTAINERS = parse({"machines": "container", "artifacts": "bundle"})


def test_a_machine_with_everything_is_ready() -> None:
    for lab in (VIRTUAL, CONTAINERS):
        assert missing(lab, has_command=lambda _: True, exists=lambda _: True) == []


def test_a_bare_machine_is_told_everything_at_once_with_packages() -> None:
    lines = missing(VIRTUAL, has_command=lambda _: False, exists=lambda _: False)
    for word in ("virsh", "xsltproc", "ssh-keygen", "mkisofs", "curl", "qemu:///system"):
        assert any(word in line and "Install " in line for line in lines), word


def test_containers_need_no_cloud_init_disks() -> None:
    lines = missing(CONTAINERS, has_command=lambda _: False, exists=lambda _: True)
    assert not any("mkisofs" in line for line in lines)


def test_only_hypervisors_that_are_used_are_looked_for() -> None:
    lines = missing(CONTAINERS, has_command=lambda _: True, exists=lambda _: False)
    assert len(lines) == 1
    assert "lxc:///system" in lines[0]


def test_the_daemon_of_another_machine_is_not_looked_for_here() -> None:
    remote = parse({"hypervisors": [{"name": "far", "uri": "qemu+ssh://root@far/system"}]})
    assert missing(remote, has_command=lambda _: True, exists=lambda _: False) == []
