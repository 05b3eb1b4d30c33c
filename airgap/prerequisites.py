"""What the embedded stack needs of the machine itself, as packages of Debian, and of Fedora where there is no apt."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass


class PrerequisiteError(Exception):
    """The machine lacks something that cannot be installed here; the message says what and what to do."""


@dataclass(frozen=True)
class Package:
    """A package, and a command or paths (with wildcards) whose presence shows that it is installed."""

    name: str
    """Debian's."""
    shown_by: str
    fedora: str = ""
    """Its name there, where that is another one."""
    shown_there_by: str = ""
    """A path, where Fedora's is another one."""

    @property
    def name_there(self) -> str:
        """Fedora's."""
        return self.fedora or self.name


_DRIVERS = "/usr/lib64/libvirt/connection-driver/libvirt_driver"
"""Fedora's; network and storage are packages of their own there, and lie in Debian's libvirt-daemon."""
PACKAGES = (
    Package("python3-venv", f"{sysconfig.get_path('stdlib')}/ensurepip", "python3-libs"),
    Package("ca-certificates", "/etc/ssl/certs/ca-certificates.crt", "", "/etc/pki/tls/certs/ca-bundle.crt"),
    Package("git", "git"),
    Package("mmdebstrap", "mmdebstrap"),
    Package("libvirt-daemon", "libvirtd"),
    Package("libvirt-daemon", "virtlogd", "libvirt-daemon-log"),
    Package(
        "libvirt-daemon",
        "/usr/lib/*/libvirt/connection-driver/libvirt_driver_network.so",
        "libvirt-daemon-driver-network",
        f"{_DRIVERS}_network.so",
    ),
    Package(
        "libvirt-daemon",
        "/usr/lib/*/libvirt/connection-driver/libvirt_driver_storage.so",
        "libvirt-daemon-driver-storage-core",
        f"{_DRIVERS}_storage.so",
    ),
    Package("libvirt-daemon-driver-lxc", "/usr/lib/libvirt/libvirt_lxc", "", "/usr/libexec/libvirt_lxc"),
    Package(
        "libvirt-daemon-driver-qemu",
        "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so",
        "",
        f"{_DRIVERS}_qemu.so",
    ),
    Package("libvirt-clients", "virsh", "libvirt-client"),
    Package("dnsmasq-base", "dnsmasq", "dnsmasq"),
    Package("xsltproc", "xsltproc", "libxslt"),
    Package("iptables", "iptables", "iptables-nft"),
    Package("iproute2", "ip", "iproute"),
    Package("openssh-client", "ssh", "openssh-clients"),
    Package("openssh-server", "/usr/sbin/sshd"),
    Package("tcpdump", "tcpdump"),
    Package("bpftool", "bpftool"),
    Package("procps", "ps", "procps-ng"),
    Package("patch", "patch"),
)
DOWNLOADS = (
    Package("curl", "curl"),
    Package("skopeo", "skopeo"),
)
"""What fetches upstream's files and images."""
ZSTD = Package("zstd", "zstd")
"""What packs and unpacks a lab that is carried."""
VIRTUAL_MACHINES = (
    Package("qemu-system-x86", "qemu-system-x86_64", "qemu-system-x86-core"),
    Package("qemu-utils", "qemu-img", "qemu-img"),
    Package("e2fsprogs", "mke2fs"),
    Package("genisoimage", "mkisofs", "xorriso"),
)
"""What only virtual machines need; installed for a stack that has one."""


def missing(packages: Sequence[Package] = PACKAGES) -> list[str]:
    """The names of the packages that are not installed, as this machine's package manager has them: Fedora's where
    there is dnf and no apt, else Debian's.
    """
    fedora = shutil.which("apt-get") is None and shutil.which("dnf") is not None
    lacking = [package for package in packages if not _present(package)]
    return list(dict.fromkeys(package.name_there if fedora else package.name for package in lacking))


def by_hand(names: Sequence[str]) -> str:
    """What a person does about packages that are missing, by their names of `missing`."""
    for manager in ("apt-get", "dnf"):
        if shutil.which(manager) is not None:
            return f"sudo {manager} install -y {' '.join(names)}"
    return f"install these Debian packages, or their like, by hand: {' '.join(names)}"


def require_root() -> None:
    """PrerequisiteError for another user."""
    if os.geteuid() != 0:
        raise PrerequisiteError("the embedded stack makes namespaces and containers, so it needs root: sudo ./lab up")


def install(packages: Sequence[Package] = PACKAGES) -> None:
    """Install what is missing. PrerequisiteError where that is not possible."""
    require_root()
    names = missing(packages)
    if not names:
        return
    if shutil.which("apt-get") is None:
        raise PrerequisiteError(
            f"packages that this machine lacks\n  expected: {len(packages)} things installed\n"
            f"  seen: missing: {' '.join(names)}\n  next: {by_hand(names)}"
        )
    print(f"installing Debian packages: {' '.join(names)}", file=sys.stderr, flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        done = subprocess.run(["apt-get", "-qq", *words], env=quiet, capture_output=True, text=True)
        if done.returncode:
            raise PrerequisiteError(f"apt-get {' '.join(words)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    still = missing(packages)
    if still:
        raise PrerequisiteError(f"apt-get reported success, and these are missing still: {' '.join(still)}")


def _present(package: Package) -> bool:
    if package.shown_by.startswith("/"):
        return any(bool(glob.glob(path)) for path in (package.shown_by, package.shown_there_by) if path)
    return shutil.which(package.shown_by, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
