"""What several files of these tests use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.kubeadm_stand_in import KUBEADM, authority
from tests.helpers.script_sandbox import Sandbox, opened


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A throw-away host, see tests/helpers/script_sandbox.py."""
    with opened(tmp_path / "sandbox") as made:
        yield made


@pytest.fixture
def ca_hash(sandbox: Sandbox, tmp_path: Path) -> str:
    """Stand-ins are in place; the cluster's CA lies where kubeadm finds it."""
    certificate, digest = authority(tmp_path, "kubernetes")
    sandbox.write("/authority/ca.crt", certificate.read_text())
    sandbox.stand_in("kubeadm", KUBEADM)
    sandbox.stand_in("kubectl", "echo https://172.31.1.10:6443")
    return digest
