"""What the embedded stack needs of the machine itself, as Debian packages."""

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
    """A package, and a command or a path (with wildcards) whose presence shows that it is installed."""

    name: str
    shown_by: str


PACKAGES = (
    Package("python3-venv", f"{sysconfig.get_path('stdlib')}/ensurepip"),
    Package("ca-certificates", "/etc/ssl/certs/ca-certificates.crt"),
    Package("git", "git"),
    Package("mmdebstrap", "mmdebstrap"),
    Package("libvirt-daemon", "libvirtd"),
    Package("libvirt-daemon-driver-lxc", "/usr/lib/libvirt/libvirt_lxc"),
    Package("libvirt-daemon-driver-qemu", "/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so"),
    Package("libvirt-clients", "virsh"),
    Package("dnsmasq-base", "dnsmasq"),
    Package("xsltproc", "xsltproc"),
    Package("iptables", "iptables"),
    Package("iproute2", "ip"),
    Package("openssh-client", "ssh"),
    Package("openssh-server", "/usr/sbin/sshd"),
    Package("tcpdump", "tcpdump"),
    Package("bpftool", "bpftool"),
    Package("procps", "ps"),
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
    Package("qemu-system-x86", "qemu-system-x86_64"),
    Package("qemu-utils", "qemu-img"),
    Package("e2fsprogs", "mke2fs"),
    Package("genisoimage", "mkisofs"),
)
"""What only virtual machines need; installed for a stack that has one."""


def missing(packages: Sequence[Package] = PACKAGES) -> list[str]:
    """The names of the packages that are not installed."""
    return [package.name for package in packages if not _present(package.shown_by)]


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
        raise PrerequisiteError(f"install these Debian packages, or their like, by hand: {' '.join(names)}")
    print(f"installing Debian packages: {' '.join(names)}", file=sys.stderr, flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *names]):
        done = subprocess.run(["apt-get", "-qq", *words], env=quiet, capture_output=True, text=True)
        if done.returncode:
            raise PrerequisiteError(f"apt-get {' '.join(words)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    still = missing(packages)
    if still:
        raise PrerequisiteError(f"apt-get reported success, and these are missing still: {' '.join(still)}")


def _present(shown_by: str) -> bool:
    if shown_by.startswith("/"):
        return bool(glob.glob(shown_by))
    return shutil.which(shown_by, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
