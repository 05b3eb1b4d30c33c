"""A virtual machine that the host scripts of every machine have prepared: kubeadm may start on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.kubernetes.documents import init_documents, to_yaml
from tests.checkout import Checkout
from tests.vm.single import lab_config
from tests.vm.stack import Stack

pytestmark = pytest.mark.timeout(1500)
MEMORY_MIB = 2048
"""kubeadm wants 1700 of what the kernel leaves."""


@pytest.fixture(scope="module")
def stack(room: Checkout) -> Iterator[Stack]:
    made = Stack(room, "node", memory=str(MEMORY_MIB))
    yield made
    made.destroy()


def test_the_host_scripts_prepare_it(stack: Stack) -> None:
    stack.up()


def test_kubeadms_preflight_passes(stack: Stack, tmp_path: Path) -> None:
    ssh = [*stack.ssh(tmp_path), "k8s-cp"]
    documents = to_yaml(*init_documents(lab_config(MEMORY_MIB)))
    stack.shell(*ssh, "cat > /root/kubeadm.yaml", stdin=documents)
    printed = stack.shell(*ssh, "kubeadm init phase preflight --config /root/kubeadm.yaml 2>&1; echo exit=$?").stdout
    assert "exit=0" in printed, printed
    # what is left out for a container is looked at here
    assert "SystemVerification" not in documents
    assert "[WARNING Swap]" not in printed
