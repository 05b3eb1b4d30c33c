"""What is concluded from what QEMU says of KVM; stand-ins speak for QEMU. `tests/engine/test_kvm.py` boots for real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cilium_lab import kvm
from cilium_lab.kvm import boot, kernel, try_kvm

STOPPED = "echo 'qemu: warning: no pni' >&2; echo 'KVM internal error. Suberror: 1'; echo 'emulation failure'; "


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A QEMU to be written, on the PATH, of a machine whose KVM opens."""
    device = tmp_path / "kvm"
    device.touch()
    monkeypatch.setattr(kvm, "DEVICE", device)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "qemu-system-x86_64"


def says(qemu: Path, script: str) -> None:
    qemu.write_text(f"#!/bin/sh\n{script}\n")
    qemu.chmod(0o755)


def test_a_kernel_that_speaks_shows_kvm_that_works(qemu: Path) -> None:
    says(qemu, f'echo "$@" > {qemu}.words; echo "warning: something"; echo "long mode"; exec sleep 30')
    before = time.monotonic()
    assert try_kvm().state == "works"
    assert time.monotonic() - before < 5  # it does not wait for QEMU to end
    words = Path(f"{qemu}.words").read_text()
    assert "-accel kvm" in words
    assert "-nodefaults" in words  # no network among them
    assert not Path(words.split("-bios ")[1].split()[0]).exists()


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        (f"{STOPPED} exec sleep 30", "KVM internal error. Suberror: 1"),
        ("echo 'Could not access KVM kernel module: Permission denied' >&2; exit 1", "Could not access KVM"),
        ("exit 0", "qemu-system-x86_64: it ended silently"),
    ],
)
def test_anything_else_is_told_in_qemus_words(qemu: Path, script: str, seen: str) -> None:
    says(qemu, script)
    before = time.monotonic()
    found = try_kvm()
    assert time.monotonic() - before < 5
    assert (found.state, found.words[: len(seen)]) == ("boots nothing", seen)
    assert f"opens, and boots no kernel: {seen}" in str(found)
    assert "nested=1" in found.remedy


def test_a_qemu_that_hangs_is_ended(qemu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "_LIMIT", 0.5)
    says(qemu, f"echo $$ > {qemu}.pid; exec sleep 30")
    found = try_kvm()
    assert (found.state, found.words) == ("boots nothing", "qemu-system-x86_64: no word within 0 s")
    assert not Path(f"/proc/{Path(f'{qemu}.pid').read_text().strip()}").exists()


def test_what_cannot_be_tried_is_not_said_to_work_or_fail(qemu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm, "_EMULATORS", ("no-such-qemu",))
    without = try_kvm()
    assert (without.state, "dnf install" in without.remedy) == ("not tried", True)
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    closed = try_kvm()
    assert (closed.state, closed.remedy) == ("not tried", "sudo ./lab doctor")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert (try_kvm().state, "aarch64" in try_kvm().words) == ("not tried", True)
    kvm.DEVICE.unlink()
    gone = try_kvm()
    assert (gone.state, "modprobe" in gone.remedy) == ("no device", True)
    assert not qemu.exists()


def test_an_emulator_that_does_not_start_is_no_word_about_kvm(qemu: Path) -> None:
    assert boot(str(qemu), "kvm").state == "not tried"


def test_the_firmware_is_as_large_as_its_address_says() -> None:
    rom = kernel()
    assert len(rom) == 2**16
    assert rom[0xFFF0:0xFFF5] == bytes.fromhex("ea00e000f0")
    assert rom.count(b"long mode\n") == 1
