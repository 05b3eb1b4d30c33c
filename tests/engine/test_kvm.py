"""The tiny kernel that tells whether KVM works, in QEMU itself: by emulation it boots, and broken it does not."""

from __future__ import annotations

import shutil

import pytest

from airgap import prerequisites
from cilium_lab import kvm

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def qemu() -> str:
    wanted = [package for package in prerequisites.VIRTUAL_MACHINES if package.shown_by == "qemu-system-x86_64"]
    prerequisites.install(wanted)
    found = shutil.which("qemu-system-x86_64")
    assert found is not None
    return found


def test_the_tiny_kernel_boots_by_emulation(qemu: str) -> None:
    assert kvm.boot(qemu, "tcg").state == "works"


@pytest.mark.parametrize(
    ("what", "code", "instead"),
    [
        ("no page tables", "c706001003 20", "c706001000 00"),
        ("no long mode", "0d0001 0f30", "0d0000 0f30"),
        ("no vector for the exception", "3f0000400000", "000000400000"),
    ],
)
def test_it_speaks_only_after_an_exception_in_long_mode_with_paging(
    qemu: str, monkeypatch: pytest.MonkeyPatch, what: str, code: str, instead: str
) -> None:
    monkeypatch.setattr(kvm, "_LIMIT", 3.0)  # some hang
    whole, wrong = bytes.fromhex(code), bytes.fromhex(instead)
    assert kvm.kernel().count(whole) == 1, what
    assert kvm.boot(qemu, "tcg", kvm.kernel().replace(whole, wrong)).state == "boots nothing", what


def test_what_is_said_of_this_machine_is_what_qemu_said(qemu: str) -> None:
    # whichever it is here: the device decides, and QEMU is there
    states = ("works", "boots nothing") if kvm.DEVICE.exists() else ("no device",)
    found = kvm.try_kvm()
    assert found.state in states, found
    if found.state == "boots nothing":
        assert found.words
