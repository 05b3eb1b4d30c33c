"""What the program makes of libvirt, by the real provider: made, unchanged, rescued from an interruption, removed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from shlex import join

import pytest

from tests.helpers.checkout import Checkout

pytestmark = pytest.mark.timeout(300)


class Stack:
    """The test program's stack, driven by the real command line in the room."""

    def __init__(self, room: Checkout, pool: Path) -> None:
        self._room = room
        self._program = room.folder / "tests" / "engine" / "libvirt_program"
        self.pulumi("stack", "init", "test")
        self.pulumi("config", "set", "engine:pool", str(pool))

    def pulumi(self, *words: str, check: bool = True) -> str:
        return self.shell("pulumi", "--cwd", str(self._program), "--non-interactive", *words, check=check)

    def virsh(self, *words: str) -> str:
        return self.shell("virsh", "-q", "-c", "qemu:///system", *words)

    def shell(self, *words: str, check: bool = True) -> str:
        done = self._room.lab("shell", join(words), check=check)
        return done.stdout + ("" if check else done.stderr)


@pytest.fixture(scope="module")
def stack(room: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(room, tmp_path_factory.mktemp("pool") / "images")
    yield made
    made.pulumi("destroy", "--yes")
    assert made.virsh("net-list", "--all", "--name").split() == []
    assert made.virsh("pool-list", "--all", "--name").split() == []
    assert "lab-nodes" not in made.shell("ip", "-br", "link")


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


def test_a_network_that_an_interrupted_run_left_is_no_obstacle(stack: Stack) -> None:
    # as after a kill between creation and note: libvirt has it, the state does not
    found = [line for line in stack.pulumi("stack", "--show-urns").splitlines() if "networks-router" in line]
    urn = next(word for line in found for word in line.split() if word.startswith("urn:") and "Network::" in word)
    stack.pulumi("state", "delete", "--yes", urn)
    assert "cilium-lab-router" in stack.virsh("net-list", "--all", "--name")
    printed = stack.pulumi("up", "--yes", "--skip-preview")
    assert "left from an interrupted run" in printed
    stack.pulumi("refresh", "--yes", "--expect-no-changes")
