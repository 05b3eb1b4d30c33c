"""What stands in a virtual machine's way is told before anything runs, and nothing of the attempt stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cilium_lab.paths import CURRENT
from components.machines.local_paths import IMAGE
from tests.helpers.checkout import Checkout
from tests.vm.stack import POOL_FOLDER, Stack

pytestmark = pytest.mark.timeout(300)
ADDRESS = "172.31.1.10"


@pytest.fixture
def stack(sandbox: Checkout) -> Iterator[Stack]:
    made = Stack(sandbox, "refused", memory="2048")
    yield made
    made.destroy()


def test_a_truncated_image_is_refused_with_both_sums(stack: Stack, tmp_path: Path) -> None:
    whole = CURRENT / "vm-image" / IMAGE
    with whole.open("rb") as stream:
        (tmp_path / IMAGE).write_bytes(stream.read(2**20))
    expected = whole.with_name(f"{IMAGE}.sha256").read_text()
    (tmp_path / f"{IMAGE}.sha256").write_text(expected)
    stack.pulumi("config", "set", "single:image", str(tmp_path / IMAGE))
    printed = stack.up(check=False)
    assert f"{tmp_path / IMAGE}: the base image is damaged" in printed
    assert f"expected: sha256 {expected.split()[0]}" in printed
    assert "1048576 bytes" in printed
    assert "next: remove its folder, then: ./lab build vm-image" in printed


def test_a_full_pool_is_refused_with_what_it_lacks(stack: Stack) -> None:
    pools = str(Path(POOL_FOLDER).parent)
    stack.shell("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", pools)  # in the sandbox's own mount namespace
    try:
        printed = stack.up(check=False)
        assert "storage pool cilium-lab of qemu:///system is full" in printed
        assert "seen: 64 MiB" in printed
        assert "MiB free, for the image and its hosts" in printed
        assert "next: free space where it lies" in printed
        stack.pulumi("destroy", "--yes", "--skip-preview")
    finally:
        stack.shell("umount", pools)


def _wait_until_forwarding(stack: Stack, port: str) -> None:
    """A bridge does not forward to a new port for some seconds (STP)."""
    end = time.monotonic() + 30
    while stack.shell("cat", f"/sys/class/net/{port}/brport/state").stdout.strip() != "3":
        assert time.monotonic() < end, f"{port} does not forward"
        time.sleep(0.5)


def test_an_address_in_use_is_refused_with_its_hardware_address(stack: Stack) -> None:
    # another machine on the nodes' bridge, which is there already: only the machine itself is still to come
    stack.pulumi("config", "set", "single:networksAlone", "true")
    stack.up()
    stack.pulumi("config", "rm", "single:networksAlone")
    for line in (
        "ip netns add squatter",
        "ip link add squatter type veth peer name eth0 netns squatter address 02:00:00:00:00:77",
        "ip link set squatter up master lab-nodes",
        f"ip -n squatter address add {ADDRESS}/20 dev eth0",
        "ip -n squatter link set eth0 up",
    ):
        stack.shell(*line.split())
    _wait_until_forwarding(stack, "squatter")
    try:
        printed = stack.up(check=False)
    finally:
        stack.shell("ip", "netns", "del", "squatter")
    assert "k8s-cp: before its machine is started: the address is in use" in printed
    assert f"expected: no machine at {ADDRESS}" in printed
    assert "02:00:00:00:00:77" in printed
    assert "hosts[].address" in printed
    assert stack.virsh("list", "--all", "--name").split() == []
