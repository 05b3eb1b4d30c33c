"""A virtual machine that the host scripts of every machine have prepared: kubeadm may start on it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.kubernetes.documents import init_documents, to_yaml
from tests.helpers.checkout import Checkout
from tests.vm.single import lab_config
from tests.vm.stack import Stack

pytestmark = pytest.mark.timeout(1500)
MEMORY_MIB = 2048
"""kubeadm wants 1700 of what the kernel leaves."""


@pytest.fixture(scope="module")
def stack(sandbox: Checkout) -> Iterator[Stack]:
    made = Stack(sandbox, "node", memory=str(MEMORY_MIB))
    yield made
    made.destroy()


def test_the_host_scripts_prepare_it(stack: Stack, figures: list[str]) -> None:
    begun = time.monotonic()
    stack.up()
    figures.append(f"a machine from nothing to prepared for kubeadm: {time.monotonic() - begun:.0f} s")


def test_kubeadms_preflight_passes(stack: Stack, tmp_path: Path) -> None:
    ssh = [*stack.ssh(tmp_path), "k8s-cp"]
    documents = to_yaml(*init_documents(lab_config(MEMORY_MIB)))
    stack.shell(*ssh, "cat > /run/kubeadm.yaml", stdin=documents)
    printed = stack.shell(*ssh, "kubeadm init phase preflight --config /run/kubeadm.yaml 2>&1; echo exit=$?").stdout
    assert "exit=0" in printed, printed
    # what is left out for a container is looked at here
    assert "SystemVerification" not in documents
    assert "[WARNING Swap]" not in printed


def test_memory_is_changed_while_it_runs(stack: Stack, tmp_path: Path) -> None:
    ssh = [*stack.ssh(tmp_path), "k8s-cp"]
    query = "cat /proc/sys/kernel/random/boot_id; awk '/MemTotal/ {print $2}' /proc/meminfo"
    boot, before = stack.shell(*ssh, query).stdout.split()
    stack.pulumi("config", "set", "single:memory", "1900")
    printed = stack.up()
    assert "replaced" not in printed
    limit = time.monotonic() + 60
    while (seen := stack.shell(*ssh, query).stdout.split())[1] == before and time.monotonic() < limit:
        time.sleep(1)
    assert seen[0] == boot
    assert int(before) - int(seen[1]) == (MEMORY_MIB - 1900) * 1024


def test_what_memory_can_not_be_in_place_is_announced_as_a_replacement(stack: Stack) -> None:
    stack.pulumi("config", "set", "single:memory", "3000")
    printed = stack.pulumi("preview")
    for resource in ("Domain k8s-cp-domain", "Volume k8s-cp-disk", "Command k8s-cp-node"):
        kind, name = resource.split()
        assert re.search(rf"{kind}\s+{name}\s+replace", printed), printed
