"""A container is made, started and removed by scripts, each twice: with a stand-in for virsh, and real mounts."""

from __future__ import annotations

import subprocess

import pytest

from cilium_lab.libvirt.ownership import Mark
from components.machines.files import File, pack
from tests.helpers.script_sandbox import Sandbox, needs_root

pytestmark = needs_root

_VIRSH = """
while [ "${1#-}" != "$1" ]; do if [ "$1" = -c ]; then shift; fi; shift; done
case $1 in
    define) cp "$2" /tmp/defined ;;
    list) if [ -e /tmp/defined ]; then echo k8s-w1; fi ;;
    dumpxml) cat /tmp/defined ;;
    undefine) rm -f /tmp/defined ;;
    dominfo) [ -e /tmp/defined ] ;;
    domid) if [ -e /tmp/running ]; then cat /tmp/running; else echo -; fi ;;
    domstate) [ -e /tmp/defined ] && if [ -e /tmp/running ]; then echo running; else echo 'shut off'; fi ;;
    start) [ ! -e /tmp/broken ] || { echo 'error: no cgroup' >&2; exit 1; }; echo 999999 > /tmp/running ;;
    destroy) [ -e /tmp/stuck ] || rm -f /tmp/running ;;
esac
"""
_URI, _NAME, _FOLDER, _ROOTFS, _SEED = "lxc:///system", "k8s-w1", "/tmp/hosts/k8s-w1", "/tmp/rootfs", "/tmp/seed"
_OURS, _THEIRS = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
_ROOT = f"<source dir='{_FOLDER}/root'/>"


@pytest.fixture
def hypervisor(sandbox: Sandbox) -> Sandbox:
    """A root file system, and a containerd root with content and a database."""
    sandbox.stand_in("virsh", _VIRSH)
    sandbox.write(f"{_ROOTFS}/sbin/init", "#!/bin/sh\n", 0o755)
    sandbox.write(f"{_ROOTFS}/etc/hostname", "rootfs\n")
    sandbox.write(f"{_SEED}/content/blob", "layer")
    sandbox.write(f"{_SEED}/metadata/meta.db", "database")
    return sandbox


def definition(identity: str) -> str:
    """A domain with the mark of a stack, or without one."""
    return f"<domain>{Mark(identity, 'cilium-lab/x').xml() if identity else ''}{_ROOT}</domain>"


def up(
    sandbox: Sandbox, seed: str = _SEED, key: str = "first key\n", identity: str = _OURS
) -> subprocess.CompletedProcess[str]:
    files = pack(
        {
            "domain.xml": File(definition(identity)),
            "root/etc/hostname": File(f"{_NAME}\n"),
            "birth/etc/ssh/ssh_host_ed25519_key": File(key, 0o600),
        }
    )
    proof = [identity] if identity else []  # an earlier version's command has none
    return sandbox.run("local/container-up.sh", _URI, _NAME, _FOLDER, _ROOTFS, seed, *proof, stdin=files)


def down(sandbox: Sandbox, identity: str = _OURS) -> subprocess.CompletedProcess[str]:
    return sandbox.run("local/container-down.sh", _URI, _NAME, _FOLDER, *([identity] if identity else []))


def state(sandbox: Sandbox) -> list[str]:
    """Every file and link of the container and of libvirt with mode, size, content; and its mounts."""
    find = f"find {_FOLDER} /tmp/defined /tmp/running -printf '%p %m %s %l\\n' 2> /dev/null | sort"
    sums = f"find {_FOLDER} -type f -exec sha256sum {{}} + | sort; grep -c ' {_FOLDER}/root ' /proc/mounts"
    return sandbox.run("bash", "-c", f"{find}; {sums}").stdout.splitlines()


def test_a_container_has_its_own_identity_over_the_shared_files(hypervisor: Sandbox) -> None:
    done = up(hypervisor)
    assert done.returncode == 0, done.stderr
    assert hypervisor.run("cat", f"{_FOLDER}/root/etc/hostname").stdout == f"{_NAME}\n"
    assert hypervisor.run("cat", f"{_ROOTFS}/etc/hostname").stdout == "rootfs\n"
    assert hypervisor.path("/tmp/defined").read_text() == definition(_OURS)
    assert f"container {_NAME} runs\n" in done.stderr


def test_a_container_gets_keys_at_its_birth_alone(hypervisor: Sandbox) -> None:
    assert up(hypervisor).returncode == 0
    assert up(hypervisor, key="second key\n").returncode == 0
    key = hypervisor.run("cat", f"{_FOLDER}/root/etc/ssh/ssh_host_ed25519_key")
    assert key.stdout == "first key\n"


def test_a_second_up_leaves_the_same_state_and_the_container_running(hypervisor: Sandbox) -> None:
    up(hypervisor)
    before = state(hypervisor)
    hypervisor.calls()
    assert up(hypervisor).returncode == 0
    assert state(hypervisor) == before
    assert before[-1] == "1"  # mounted once
    assert not any(" start " in call for call in hypervisor.calls())


def test_content_of_the_seed_is_shared_and_its_databases_are_copied(hypervisor: Sandbox) -> None:
    up(hypervisor)
    data = f"{_FOLDER}/data/containerd"
    same = hypervisor.run("stat", "-c", "%h", f"{data}/content/blob", f"{data}/metadata/meta.db").stdout.split()
    assert same == ["2", "1"]


def test_an_up_that_was_cut_off_while_it_copied_the_seed_copies_all_of_it(hypervisor: Sandbox) -> None:
    hypervisor.write(f"{_FOLDER}/data/containerd/content/half", "")
    assert up(hypervisor).returncode == 0
    assert not hypervisor.path(f"{_FOLDER}/data/containerd/content/half").exists()
    assert hypervisor.path(f"{_FOLDER}/data/containerd/content/blob").read_text() == "layer"


def test_a_start_leaves_a_running_container_alone(hypervisor: Sandbox) -> None:
    up(hypervisor)
    hypervisor.calls()
    for _ in range(2):
        assert hypervisor.run("local/container-start.sh", _URI, _NAME).returncode == 0
    assert not any(" start " in call for call in hypervisor.calls())


def test_a_second_mount_changes_nothing(hypervisor: Sandbox) -> None:
    up(hypervisor)
    before = state(hypervisor)
    # without the root file system, as after a reboot of the machine
    assert hypervisor.run("local/container-mount.sh", _NAME, _FOLDER).returncode == 0
    assert state(hypervisor) == before


def test_a_container_that_does_not_start_is_reported(hypervisor: Sandbox) -> None:
    hypervisor.write("/tmp/broken", "")
    done = up(hypervisor, seed="-")
    assert done.returncode == 1
    assert "error: no cgroup\n" in done.stderr
    assert f"container {_NAME}: it did not start\n  expected: state running\n  seen: state shut off\n" in done.stderr


def test_a_root_file_system_that_is_not_there_is_named(hypervisor: Sandbox) -> None:
    hypervisor.path(f"{_ROOTFS}/sbin/init").unlink()
    done = up(hypervisor)
    assert done.returncode == 1
    assert f"expected: {_ROOTFS}/sbin/init\n" in done.stderr
    assert not hypervisor.path("/tmp/defined").exists()


def test_down_leaves_nothing_and_a_second_one_finds_nothing(hypervisor: Sandbox) -> None:
    up(hypervisor)
    for _ in range(2):
        done = down(hypervisor)
        assert done.returncode == 0, done.stderr
        assert state(hypervisor) == ["0"]
    assert not hypervisor.path("/tmp/hosts").exists()
    assert hypervisor.path(f"{_SEED}/content/blob").read_text() == "layer"
    assert hypervisor.path(f"{_ROOTFS}/etc/hostname").read_text() == "rootfs\n"


def test_nothing_is_removed_below_a_container_that_still_runs(hypervisor: Sandbox) -> None:
    up(hypervisor)
    hypervisor.write("/tmp/stuck", "")
    hypervisor.stand_in("sleep", "")
    before = state(hypervisor)
    done = down(hypervisor)
    assert done.returncode == 1
    assert f"container {_NAME}: its processes did not end\n  expected: state shut off within a minute" in done.stderr
    assert state(hypervisor) == before
    hypervisor.path("/tmp/stuck").unlink()
    assert down(hypervisor).returncode == 0
    assert state(hypervisor) == ["0"]


def test_two_containers_that_end_at_once_may_both_find_the_folder_of_all(hypervisor: Sandbox) -> None:
    up(hypervisor)
    hypervisor.stand_in("rmdir", '/bin/rmdir "$@"; exec /bin/rmdir "$@"')  # the other one was faster
    done = down(hypervisor)
    assert done.returncode == 0, done.stderr
    assert not hypervisor.path("/tmp/hosts").exists()


# --- whose it is


_OTHERS = pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ("<domain><source dir='/elsewhere'/></domain>", "it carries no mark of this stack"),
        (definition(_THEIRS), "it carries the mark of another stack, cilium-lab/x"),
    ],
    ids=["no mark", "another stack"],
)


@_OTHERS
@pytest.mark.parametrize("running", [True, False])
def test_somebody_elses_domain_is_not_defined_over(hypervisor: Sandbox, theirs: str, why: str, running: bool) -> None:
    hypervisor.write("/tmp/defined", theirs)
    if running:
        hypervisor.write("/tmp/running", "999999\n")
    before = state(hypervisor)
    done = up(hypervisor)
    assert done.returncode == 1
    assert f"domain {_NAME} of {_URI}\n  expected: none of that name, or one that this stack made" in done.stderr
    assert f"  seen: {why}\n  next: " in done.stderr
    assert state(hypervisor) == before
    assert not hypervisor.path(_FOLDER).exists()
    assert not any(word in call for call in hypervisor.calls() for word in ("define", "start", "destroy"))


@_OTHERS
def test_somebody_elses_domain_outlives_the_end_of_the_stacks_own(hypervisor: Sandbox, theirs: str, why: str) -> None:
    up(hypervisor)
    hypervisor.path("/tmp/running").unlink()
    hypervisor.write("/tmp/defined", theirs)
    hypervisor.write("/tmp/running", "999999\n")
    hypervisor.calls()
    done = down(hypervisor)
    assert done.returncode == 0, done.stderr
    assert f"domain {_NAME} of {_URI} stays: {why}\n" in done.stderr
    assert hypervisor.path("/tmp/defined").read_text() == theirs
    assert not any(word in call for call in hypervisor.calls() for word in ("define", "start", "destroy"))
    assert not hypervisor.path(_FOLDER).exists()


def test_another_stacks_folder_is_neither_used_nor_removed(hypervisor: Sandbox) -> None:
    assert up(hypervisor, identity=_THEIRS).returncode == 0
    hypervisor.path("/tmp/running").unlink()
    hypervisor.path("/tmp/defined").unlink()  # it may be on its way up
    before = state(hypervisor)
    done = up(hypervisor)
    assert done.returncode == 1
    assert f"folder {_FOLDER} of container {_NAME}" in done.stderr
    assert f"seen: it belongs to the stack with identity {_THEIRS}\n" in done.stderr
    done = down(hypervisor)
    assert done.returncode == 0
    assert f"folder {_FOLDER} stays: it belongs to the stack with identity {_THEIRS}" in done.stderr
    assert state(hypervisor) == before


def test_a_container_of_an_earlier_version_is_known_by_its_root_and_gets_the_mark(hypervisor: Sandbox) -> None:
    assert up(hypervisor, identity="").returncode == 0
    assert hypervisor.path("/tmp/defined").read_text() == definition("")
    assert down(hypervisor, identity="").returncode == 0
    assert state(hypervisor) == ["0"]
    up(hypervisor, identity="")
    hypervisor.calls()
    assert up(hypervisor).returncode == 0
    assert hypervisor.path("/tmp/defined").read_text() == definition(_OURS)
    assert not any(" start " in call for call in hypervisor.calls())
    assert down(hypervisor).returncode == 0
    assert state(hypervisor) == ["0"]


def test_an_earlier_versions_command_leaves_another_domain_alone(hypervisor: Sandbox) -> None:
    theirs = "<domain><source dir='/elsewhere'/></domain>"
    hypervisor.write("/tmp/defined", theirs)
    assert down(hypervisor, identity="").returncode == 0
    assert hypervisor.path("/tmp/defined").read_text() == theirs
