"""Whether /dev/kvm runs a kernel: QEMU boots a tiny one, which does what every kernel does first.

A device that opens and makes a machine is not enough. Inside some virtual machines it runs real mode, and even long
mode with paging, by emulating each instruction, and stops at the first exception that a kernel takes in long mode.
"""

from __future__ import annotations

import os
import platform
import selectors
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEVICE = Path("/dev/kvm")
Accelerator = Literal["kvm", "tcg"]
State = Literal["works", "boots nothing", "not tried", "no device"]

_LIMIT = 10.0
"""Seconds for QEMU: it needs a tenth of one, and a workstation may be busy."""
_EMULATORS = ("qemu-system-x86_64", "qemu-kvm", "/usr/libexec/qemu-kvm")
"""Debian's and Fedora's, Arch's, Rocky's."""
_INSTALL = "Debian, Ubuntu: sudo apt-get install -y qemu-system-x86. Fedora: sudo dnf install -y qemu-system-x86-core"
_SWITCH_ON = (
    "Switch virtualisation on in the firmware (or nesting in the hypervisor), then sudo modprobe kvm_intel "
    "(kvm_amd on AMD)"
)
_PASS_ON = (
    "Use a machine with virtualisation of its own, or have the hypervisor of this one pass it on (there: sudo modprobe "
    "kvm_intel nested=1, kvm_amd on AMD; then /proc/cpuinfo here has vmx or svm)"
)
_GREETING = b"long mode\n"
_FAILED = b"KVM internal error"
"""QEMU stops its machine after it, and does not end."""

_ROM = 2**16
"""Bytes of the firmware, which ends where the address space does; its copy below 1 MiB is where it runs."""
_RESET, _START = 0xFFF0, 0xE000
_JUMP = "ea 00 e0 00 f0"  # ljmpw $0xf000, $0xe000
_CODE = """
fa fc 31 c0 8e d8 8e c0 8e d0               cli; cld; %ds = %es = %ss = 0
bf 00 10 b9 00 18 f3 ab                     clear three pages at 0x1000
c7 06 00 10 03 20                           level 4: its first entry is the table at 0x2000
c7 06 00 20 03 30                           level 3: its first entry is the table at 0x3000
c7 06 00 30 83 00                           level 2: the first 2 MiB, each address itself
2e 66 0f 01 16 c5 e0                        lgdtl %cs:0xe0c5
66 b8 20 00 00 00 0f 22 e0                  %cr4 = physical address extension
66 b8 00 10 00 00 0f 22 d8                  %cr3 = 0x1000
66 b9 80 00 00 c0 0f 32 0d 00 01 0f 30      EFER |= long mode enable
66 b8 01 00 00 80 0f 22 c0                  %cr0 = paging and protection
66 ea 5b e0 0f 00 08 00                     ljmpl $8, $0xfe05b: the next line, 64 bits from there on
b8 10 00 00 00 8e d0 bc 00 90 00 00         %ss = 16; %esp = 0x9000
bf 30 40 00 00 b8 93 e0 0f 00               %edi = entry 3 of the vectors at 0x4000; %eax = the handler
66 89 07 66 c7 47 02 08 00                  entry: offset 15:0, selector 8
89 47 04 66 c7 47 04 00 8e                  entry: offset 31:16, present, an interrupt
c7 47 08 00 00 00 00                        entry: offset 63:32
0f 01 1d 3a 00 00 00                        lidt 0xe0cb
cc f4                                       int3: an exception in long mode; hlt where it did nothing
48 8d 35 45 00 00 00                        the handler: %rsi = 0xe0df, the greeting
66 ba f8 03 b9 0a 00 00 00 f3 6e            rep outsb to the first serial port
0f 01 1d 29 00 00 00 cc                     lidt 0xe0d5; int3: without vectors the processor resets, and QEMU ends
00 00 00 00 00 00 00 00                     the segments: none
ff ff 00 00 00 9b af 00                     8: code, 64 bits
ff ff 00 00 00 93 cf 00                     16: data
17 00 ad e0 0f 00                           0xe0c5: where the segments are
3f 00 00 40 00 00 00 00 00 00               0xe0cb: where the vectors are
00 00 00 00 00 00 00 00 00 00               0xe0d5: no vectors
6c 6f 6e 67 20 6d 6f 64 65 0a               0xe0df: the greeting
"""
"""Bytes, and what they do."""


@dataclass(frozen=True)
class Kvm:
    """What KVM does here, in the words of the component that says so, and what to do; empty where it works."""

    state: State
    words: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return {
            "works": f"{DEVICE} boots a kernel",
            "boots nothing": f"{DEVICE} opens, and boots no kernel: {self.words}",
            "not tried": f"whether {DEVICE} boots a kernel was not tried: {self.words}",
            "no device": f"there is no {DEVICE}",
        }[self.state]


def try_kvm() -> Kvm:
    """What KVM does on this machine. Nothing is changed."""
    if not DEVICE.exists():
        return Kvm("no device", remedy=_SWITCH_ON)
    if platform.machine() != "x86_64":
        return Kvm("not tried", f"the tiny kernel is x86_64's, this is {platform.machine()}", "try a machine of QEMU's")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Kvm("not tried", "this user may not open it, libvirt's own may", "sudo ./lab doctor")
    emulator = next((found for name in _EMULATORS if (found := shutil.which(name))), None)
    if emulator is None:
        return Kvm("not tried", f"there is no {_EMULATORS[0]}", _INSTALL)
    return boot(emulator, "kvm")


def boot(emulator: str, accelerator: Accelerator, rom: bytes | None = None) -> Kvm:
    """Boot the tiny kernel, or the firmware given, under an accelerator: it works, or boots nothing."""
    with tempfile.NamedTemporaryFile(prefix="cilium-lab-", suffix=".rom") as firmware:
        firmware.write(rom or kernel())
        firmware.flush()
        words = [emulator, "-machine", "q35", "-accel", accelerator, "-m", "16", "-nodefaults"]
        words += ["-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot", "-bios", firmware.name]
        return _judge(words)


def kernel() -> bytes:
    """The tiny kernel as a firmware of its own, so that no other program has to start it."""
    code = bytes.fromhex("".join(line[:44] for line in _CODE.strip().splitlines()))
    rom = bytearray(_ROM)
    rom[_START : _START + len(code)] = code
    jump = bytes.fromhex(_JUMP)
    rom[_RESET : _RESET + len(jump)] = jump
    return bytes(rom)


def _judge(words: list[str]) -> Kvm:
    end, seen = time.monotonic() + _LIMIT, b""
    try:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        return Kvm("not tried", f"{words[0]}: {error.strerror}", _INSTALL)
    with process, selectors.DefaultSelector() as waiting:
        assert process.stdout is not None
        waiting.register(process.stdout, selectors.EVENT_READ)
        while _GREETING not in seen and _FAILED not in seen and waiting.select(max(0.0, end - time.monotonic())):
            more = os.read(process.stdout.fileno(), 4096)
            if not more:
                break
            seen += more
        process.kill()
    if _GREETING in seen:
        return Kvm("works")
    silent = f"no word within {_LIMIT:.0f} s" if time.monotonic() >= end else "it ended silently"
    lines = [line.strip() for line in seen.decode(errors="replace").splitlines() if "warning:" not in line]
    return Kvm("boots nothing", next(filter(None, lines), f"{Path(words[0]).name}: {silent}"), _PASS_ON)
