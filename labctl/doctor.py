"""What this machine offers, and which stack fits it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap import prerequisites
from cilium_lab.kvm import try_kvm
from cilium_lab.paths import CACHE
from cilium_lab.tables import line
from labctl.command import parser

_MEMORY_GIB = 6.0
_DISK_GIB, _BUILD_GIB = 10.0, 24.0
"""What a lab of downloads takes with its cache, and what building takes with Go's caches from an empty machine."""
_WIDEST = len("architecture")


@dataclass(frozen=True)
class Finding:
    """One line of the report. `remedy` is empty when nothing has to be done."""

    what: str
    seen: str
    ok: bool
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """All findings; the embedded stack needs every one of `embedded`, the stack lab those of `lab`."""

    embedded: tuple[Finding, ...]
    lab: tuple[Finding, ...]

    @property
    def fits(self) -> bool:
        """Whether some stack can be brought up here."""
        return all(f.ok for f in self.embedded) or all(f.ok for f in self.lab)

    def text(self) -> str:
        """A table for each stack, and what to do."""
        lines: list[str] = []
        for stack, findings in (("embedded", self.embedded), ("lab", self.lab)):
            fits = all(f.ok for f in findings)
            lines.append(f"stack {stack}: {'fits this machine' if fits else 'does not fit yet'}")
            for finding in findings:
                mark = "ok" if finding.ok else "NO"
                lines.append("  " + line([mark, finding.what, finding.seen], (2, _WIDEST)))
                if not finding.ok:
                    lines.append(f"      -> {finding.remedy}")
        return "\n".join(lines)


def doctor(arguments: Sequence[str]) -> int:
    """What this machine offers, which stack fits it, what to do about what is missing.

    The exit status is 1 when no stack fits.
    """
    parser(doctor).parse_args(arguments)
    report = examine()
    print(report.text())
    return 0 if report.fits else 1


def examine() -> Report:
    """Look at the machine; nothing is changed."""
    memory = _memory_gib()
    disk = _free_disk_gib()
    packages = prerequisites.missing()
    cgroups = _cgroups()
    embedded = (
        Finding("root", f"uid {os.geteuid()}", os.geteuid() == 0, "sudo ./lab up"),
        Finding(
            "architecture",
            platform.machine(),
            platform.machine() == "x86_64",
            "x86_64: what the builder makes is for amd64 alone",
        ),
        Finding("memory", f"{memory:.1f} GiB free", memory >= _MEMORY_GIB, f"at least {_MEMORY_GIB:.0f} GiB"),
        Finding(
            "disk",
            _disk(disk),
            disk >= _DISK_GIB,
            f"at least {_DISK_GIB:.0f} GiB, {_BUILD_GIB:.0f} to build; or CILIUM_LAB_CACHE on another disk",
        ),
        Finding("cgroups", cgroups, cgroups != "none", "a kernel with cgroups, mounted at /sys/fs/cgroup"),
        Finding("namespaces", _namespaces(), _namespaces() == "all", "a kernel with all namespaces"),
        Finding("BPF", _bpf(), _bpf() == "available", "CONFIG_BPF_SYSCALL, CONFIG_CGROUP_BPF, BTF or headers"),
        Finding("overlay", _overlay(), _overlay() == "available", "modprobe overlay"),
        Finding(
            "packages",
            f"missing: {' '.join(packages)}" if packages else "all installed",
            not packages or shutil.which("apt-get") is not None,
            prerequisites.by_hand(packages),
        ),
    )
    kvm = try_kvm()
    lab = (
        Finding("KVM", str(kvm), kvm.state == "works", kvm.remedy),
        Finding("libvirt", *_libvirt(), "install libvirt with its QEMU driver and start libvirtd"),
        Finding("memory", f"{memory:.1f} GiB free", memory >= 12, "12 GiB for three nodes and a router"),
    )
    return Report(embedded, lab)


def _disk(free: float) -> str:
    if _DISK_GIB <= free < _BUILD_GIB:
        return f"{free:.0f} GiB free: enough for what is downloaded or carried, not to build"
    return f"{free:.0f} GiB free"


def _memory_gib() -> float:
    for entry in Path("/proc/meminfo").read_text().splitlines():
        if entry.startswith("MemAvailable:"):
            return int(entry.split()[1]) / 2**20
    return 0.0


def _free_disk_gib() -> float:
    folder = CACHE
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 2**30


def _cgroups() -> str:
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return "v2 alone (the sandbox has not been tried on it)"
    return "v1 with a v2 hierarchy beside it" if Path("/sys/fs/cgroup/unified").exists() else "none"


def _namespaces() -> str:
    wanted = ("net", "mnt", "pid", "cgroup", "uts", "ipc")
    lacking = [name for name in wanted if not Path(f"/proc/self/ns/{name}").exists()]
    return f"without {' '.join(lacking)}" if lacking else "all"


def _bpf() -> str:
    return "available" if "bpf" in Path("/proc/filesystems").read_text().split() else "no BPF file system"


def _overlay() -> str:
    return "available" if "overlay" in Path("/proc/filesystems").read_text().split() else "not in the kernel"


def _libvirt() -> tuple[str, bool]:
    sockets = [Path("/run/libvirt") / name for name in ("libvirt-sock", "virtqemud-sock")]
    running = any(path.exists() for path in sockets)
    return ("running" if running else "not running"), running
