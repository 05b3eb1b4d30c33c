"""What the program makes of libvirt by the real provider: made, unchanged, healed, removed; and what it spares."""

from __future__ import annotations

import hashlib
import json
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from shlex import join
from typing import Any

import pytest

from airgap import prerequisites
from cilium_lab.libvirt.ownership import State, mark_of, pool_uuid, read_state
from tests.helpers.checkout import Checkout

pytestmark = pytest.mark.timeout(300)
POOL_FOLDER = "/var/lib/libvirt/images/cilium-lab"


class Stack:
    """The test program's stack, driven by the real command line in the sandbox."""

    def __init__(self, sandbox: Checkout, name: str, **settings: str) -> None:
        self._sandbox = sandbox
        self.name = name
        self._program = sandbox.folder / "tests" / "engine" / "libvirt_program"
        # its commands name scripts, and healing finds its project, from its own folder
        for folder in ("components", "cilium_lab"):
            if not (self._program / folder).exists():
                (self._program / folder).symlink_to(sandbox.folder / folder)
        self.pulumi("stack", "init", name)
        for key, value in settings.items():
            self.pulumi("config", "set", f"engine:{key}", value, "--stack", name)

    def pulumi(self, *words: str, check: bool = True) -> str:
        stack = ["--stack", self.name] if words[0] in ("up", "destroy", "preview", "refresh") else []
        return self.shell("pulumi", "--cwd", str(self._program), "--non-interactive", *words, *stack, check=check)

    def virsh(self, *words: str, check: bool = True) -> str:
        return self.shell("virsh", "-q", "-c", "qemu:///system", *words, check=check)

    def shell(self, *words: str, check: bool = True, stdin: str = "") -> str:
        done = self._sandbox.lab("shell", join(words), check=check, stdin=stdin)
        return done.stdout + ("" if check else done.stderr)

    def heal(self, verb: str) -> str:
        python = str(self._sandbox.folder / ".venv" / "bin" / "python")
        words = ["cd", str(self._program), "&&", python, "-m"]
        return self.shell_line(" ".join([*words, "cilium_lab.libvirt.healing", verb, "--stack", self.name]))

    def shell_line(self, line: str) -> str:
        done = self._sandbox.lab("shell", line)
        return done.stdout + done.stderr

    def state(self) -> State:
        return read_state(self.pulumi("stack", "export", "--stack", self.name))

    def urn(self, name: str) -> str:
        exported = json.loads(self.pulumi("stack", "export", "--stack", self.name))
        return next(one["urn"] for one in exported["deployment"]["resources"] if one["urn"].endswith(f"::{name}"))

    def forget(self, name: str) -> None:
        """As after a kill between creation and note: libvirt has it, the state does not."""
        self.pulumi("state", "delete", "--yes", "--target-dependents", self.urn(name), "--stack", self.name)

    def definitions(self) -> dict[str, str]:
        """Everything that libvirt's network and storage drivers have, to the byte, but for what is measured."""
        found = {}
        for kind, dump in (("net", "net-dumpxml"), ("pool", "pool-dumpxml")):
            for name in self.virsh(f"{kind}-list", "--all", "--name").split():
                text = self.virsh(dump, name)
                lines = [line for line in text.splitlines() if "<allocation" not in line and "<available" not in line]
                found[f"{kind} {name}"] = "\n".join(lines)
        return found


def small_image(folder: Path) -> Path:
    """An empty qcow2 image (docs/interop/qcow2.txt of QEMU) with its sum beside it."""
    cluster = 2**16
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, 2**30, 0, 2, 3 * cluster, cluster, 1, 0, 0)
    image = folder / "image.qcow2"
    image.write_bytes(header.ljust(cluster, b"\0") + struct.pack(">Q", 2 * cluster).ljust(3 * cluster, b"\0"))
    image.with_name(f"{image.name}.sha256").write_text(hashlib.sha256(image.read_bytes()).hexdigest())
    return image


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    # libvirt makes an image's volume with qemu-img
    prerequisites.install([package for package in prerequisites.VIRTUAL_MACHINES if package.shown_by == "qemu-img"])
    folder = tmp_path_factory.mktemp("engine")
    return {"pool": str(folder / "images"), "image": str(small_image(folder))}


@pytest.fixture(scope="module")
def stack(sandbox: Checkout, settings: dict[str, str]) -> Iterator[Stack]:
    made = Stack(sandbox, "test", **settings)
    yield made
    made.pulumi("destroy", "--yes")
    assert made.virsh("net-list", "--all", "--name").split() == []
    assert made.virsh("pool-list", "--all", "--name").split() == []
    assert "lab-nodes" not in made.shell("ip", "-br", "link")
    assert "No such file" in made.shell("ls", POOL_FOLDER, check=False)
    made.pulumi("stack", "rm", "--yes", made.name)


def test_the_network_has_the_studys_gateway_and_no_dhcp(stack: Stack) -> None:
    stack.pulumi("up", "--yes", "--skip-preview")
    network = ET.fromstring(stack.virsh("net-dumpxml", "cilium-lab"))
    ip = network.find("ip")
    assert ip is not None
    assert (ip.get("address"), ip.get("prefix")) == ("172.31.0.2", "20")
    assert ip.find("dhcp") is None
    assert network.find("forward") is None
    assert "172.31.0.2/20" in stack.shell("ip", "-br", "-4", "address", "show", "lab-nodes")


def test_the_volume_lies_in_the_pool(stack: Stack) -> None:
    assert "disk.raw" in stack.virsh("vol-list", "engine")


def test_a_second_up_and_a_refresh_find_nothing_to_do(stack: Stack) -> None:
    stack.pulumi("up", "--yes", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_what_the_stack_makes_is_provably_its_own(stack: Stack) -> None:
    identity = stack.state().identity
    assert identity is not None
    for network in ("cilium-lab", "cilium-lab-router"):
        mark = mark_of(ET.fromstring(stack.virsh("net-dumpxml", "--inactive", network)))
        assert mark is not None
        assert (mark.identity, mark.stack) == (identity, "engine-libvirt/test")
    assert stack.virsh("pool-uuid", "cilium-lab").strip() == pool_uuid(identity, "cilium-lab")
    assert stack.shell("ls", POOL_FOLDER).split() == ["base.qcow2", f"owner-{identity}"]


def test_a_network_that_an_interrupted_run_left_is_no_obstacle(stack: Stack) -> None:
    stack.forget("networks-router")
    assert "cilium-lab-router" in stack.virsh("net-list", "--all", "--name")
    printed = stack.pulumi("up", "--yes", "--skip-preview")
    assert "network cilium-lab-router is an orphan of an interrupted run of this stack" in printed
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_pool_and_a_volume_that_an_interrupted_run_left_are_no_obstacle(stack: Stack) -> None:
    before = stack.virsh("pool-uuid", "cilium-lab")
    stack.forget("image-pool")
    printed = stack.pulumi("up", "--yes", "--skip-preview")
    assert "pool cilium-lab is an orphan" in printed
    assert "volume base.qcow2 is an orphan" in printed
    assert stack.virsh("pool-uuid", "cilium-lab") == before
    stack.pulumi("up", "--yes", "--expect-no-changes")


# --- what somebody took away


def test_a_network_that_somebody_removed_heals(stack: Stack) -> None:
    for network in ("cilium-lab", "cilium-lab-router"):
        stack.virsh("net-destroy", network)
        stack.virsh("net-undefine", network)
    printed = stack.heal("up")
    assert "gone from libvirt, and removed from the state" in printed
    assert set(stack.virsh("net-list", "--name").split()) == {"cilium-lab", "cilium-lab-router"}
    stack.pulumi("up", "--yes", "--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


@pytest.mark.parametrize("commands", [["net-destroy"], ["net-undefine"]], ids=["stopped", "undefined as it ran"])
def test_a_network_that_somebody_stopped_or_half_removed_is_as_before(stack: Stack, commands: list[str]) -> None:
    before = stack.definitions()
    for command in commands:
        stack.virsh(command, "cilium-lab")
    stack.heal("up")
    assert stack.definitions() == before
    assert "cilium-lab" in stack.virsh("net-list", "--persistent", "--name").split()
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


@pytest.mark.parametrize("kept", ["the folder", "nothing"])
def test_a_pool_that_somebody_removed_heals(stack: Stack, kept: str) -> None:
    before = stack.definitions()
    stack.virsh("pool-destroy", "cilium-lab")
    stack.virsh("pool-undefine", "cilium-lab")
    if kept == "nothing":
        stack.shell("rm", "-r", POOL_FOLDER)
    stack.heal("up")
    assert stack.definitions() == before
    stack.pulumi("up", "--yes", "--skip-preview")
    assert "base.qcow2" in stack.shell("ls", POOL_FOLDER).split()
    stack.pulumi("up", "--yes", "--expect-no-changes")


def test_a_volume_that_somebody_removed_heals(stack: Stack) -> None:
    stack.shell("rm", f"{POOL_FOLDER}/base.qcow2")
    stack.heal("up")
    stack.pulumi("up", "--yes", "--skip-preview")
    assert "base.qcow2" in stack.shell("ls", POOL_FOLDER).split()
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


# --- what somebody else made


NETWORK = """<network><name>{name}</name><uuid>00000000-0000-0000-0000-0000000000aa</uuid>
<metadata><theirs:note xmlns:theirs="urn:theirs">precious</theirs:note></metadata><bridge name="theirs0"/></network>"""
POOL = """<pool type="dir"><name>cilium-lab</name><uuid>00000000-0000-0000-0000-0000000000bb</uuid>
<target><path>{path}</path></target></pool>"""


def define(stack: Stack, command: str, definition: str) -> None:
    stack.shell("virsh", "-q", "-c", "qemu:///system", command, "/dev/stdin", stdin=definition)


def test_somebody_elses_network_of_that_name_is_refused_and_stays(stack: Stack) -> None:
    stack.virsh("net-destroy", "cilium-lab-router")
    stack.virsh("net-undefine", "cilium-lab-router")
    stack.heal("destroy")  # the state forgets it
    define(stack, "net-define", NETWORK.format(name="cilium-lab-router"))
    before = stack.definitions()
    try:
        printed = stack.pulumi("up", "--yes", "--skip-preview", check=False)
        assert "network cilium-lab-router of qemu:///system" in printed
        assert "seen: it carries no mark of this stack (UUID 00000000-0000-0000-0000-0000000000aa)" in printed
        assert "virsh -c qemu:///system net-destroy cilium-lab-router" in printed
        assert stack.definitions() == before
    finally:
        stack.virsh("net-undefine", "cilium-lab-router")
    stack.pulumi("up", "--yes", "--skip-preview")


def test_a_file_of_somebody_elses_in_the_pool_outlives_the_stack(stack: Stack) -> None:
    theirs = f"{POOL_FOLDER}/holiday photos.tar"
    stack.shell("cp", "/etc/hostname", theirs)
    printed = stack.pulumi("destroy", "--yes", check=False)
    assert "its folder holds what this stack did not make" in printed
    assert "seen: holiday photos.tar" in printed
    assert stack.shell("cat", theirs) == stack.shell("cat", "/etc/hostname")
    stack.shell("rm", theirs)
    stack.pulumi("destroy", "--yes")
    assert stack.virsh("pool-list", "--all", "--name").split() == []
    stack.pulumi("up", "--yes", "--skip-preview")


def test_files_that_were_in_the_pools_folder_are_refused_and_stay(stack: Stack) -> None:
    stack.pulumi("destroy", "--yes")
    stack.shell("mkdir", "-p", POOL_FOLDER)
    stack.shell("cp", "/etc/hostname", f"{POOL_FOLDER}/base.qcow2")
    printed = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    assert "its folder holds what this stack did not make" in printed
    assert "seen: base.qcow2" in printed
    assert stack.shell("cat", f"{POOL_FOLDER}/base.qcow2") == stack.shell("cat", "/etc/hostname")
    stack.shell("rm", f"{POOL_FOLDER}/base.qcow2")
    stack.pulumi("up", "--yes", "--skip-preview")


def test_a_second_stack_is_refused_by_the_name_of_the_first_which_stays(
    stack: Stack, sandbox: Checkout, settings: dict[str, str]
) -> None:
    before = stack.definitions()
    second = Stack(sandbox, "second", **{**settings, "pool": f"{settings['pool']}-2", "ownPool": "engine-2"})
    try:
        printed = second.pulumi("up", "--yes", "--skip-preview", check=False)
        assert "carries the mark of another stack: engine-libvirt/test" in printed
        found = stack.definitions()
        assert set(found) == {*before, "pool engine-2"}  # which is the second one's own
        assert {name: found[name] for name in before} == before
    finally:
        second.pulumi("destroy", "--yes")
        second.pulumi("stack", "rm", "--yes", "second")
    assert stack.definitions() == before
    stack.pulumi("stack", "select", "test")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_destroy_gets_through_whatever_somebody_took_away(stack: Stack) -> None:
    for network in ("cilium-lab", "cilium-lab-router"):
        stack.virsh("net-destroy", network)
        stack.virsh("net-undefine", network)
    stack.virsh("pool-destroy", "cilium-lab")
    stack.virsh("pool-undefine", "cilium-lab")
    stack.heal("destroy")
    stack.pulumi("destroy", "--yes")
    assert stack.definitions() == {}
    assert "No such file" in stack.shell("ls", POOL_FOLDER, check=False)


# --- what was made before there were marks


def _operations(printed: str) -> dict[str, int]:
    summary: dict[str, Any] = json.loads(printed)["changeSummary"]
    return {key: int(value) for key, value in summary.items()}


def test_a_lab_without_marks_is_not_made_anew_and_goes(stack: Stack) -> None:
    stack.pulumi("config", "set", "engine:before", "true", "--stack", stack.name)
    stack.pulumi("up", "--yes", "--skip-preview")
    before = stack.definitions()
    assert "urn:cilium-lab:owner" not in "".join(before.values())
    stack.pulumi("config", "rm", "engine:before", "--stack", stack.name)
    planned = _operations(stack.pulumi("preview", "--json"))
    assert set(planned) <= {"same", "update", "create"}
    assert planned["create"] == 1  # the identity
    stack.pulumi("up", "--yes", "--skip-preview")
    assert stack.definitions() == before
    stack.pulumi("refresh", "--yes", "--expect-no-changes")
    # it heals as well
    stack.virsh("net-destroy", "cilium-lab")
    stack.virsh("net-undefine", "cilium-lab")
    stack.heal("up")
    stack.pulumi("up", "--yes", "--expect-no-changes")
    stack.pulumi("destroy", "--yes")
    assert stack.definitions() == {}


def test_a_lab_without_marks_goes_by_the_commands_that_its_state_has(stack: Stack) -> None:
    stack.pulumi("config", "set", "engine:before", "true", "--stack", stack.name)
    stack.pulumi("up", "--yes", "--skip-preview")
    stack.pulumi("destroy", "--yes")
    stack.pulumi("config", "rm", "engine:before", "--stack", stack.name)
    assert stack.definitions() == {}
    assert "No such file" in stack.shell("ls", POOL_FOLDER, check=False)
