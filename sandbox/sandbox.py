"""Opens, enters and closes the sandbox. Every process in it descends from its PID 1; closing ends that one."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from cilium_lab.paths import STATE
from sandbox import sysctl

FOLDER = STATE / "sandbox"
_EARLIER = "room"
"""The folder's name in versions before 2026-11-26. One that is open is used until it is closed, then it is renamed."""
_HERE = Path(__file__).parent
_START_LIMIT = 20.0
_STOP_LIMIT = 20.0
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--propagation", "private")
_NAMESPACES = ("--mount", "--net", "--pid", "--cgroup")


class SandboxError(Exception):
    """The sandbox could not be opened or closed; the message says what was expected and what was seen."""


def cgroup_name(folder: Path) -> str:
    """Name of the cgroup, in every hierarchy, of the sandbox kept in `folder`: each state has its own sandbox."""
    return f"cilium-lab-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def pid() -> int | None:
    """The sandbox's PID 1 as the machine sees it, or None when the sandbox is closed."""
    return _pid(_folder())


def _folder() -> Path:
    return _earlier() if _pid(_earlier()) is not None else FOLDER


def _earlier() -> Path:
    return FOLDER.with_name(_EARLIER)


def _pid(folder: Path) -> int | None:
    try:
        number = int((folder / "pid").read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return number if str(folder).encode() in command else None


def start() -> bool:
    """Open it and wait until libvirt answers in it. False when it was open already; SandboxError on failure."""
    if pid() is not None:
        _revive()
        return False
    if _earlier().exists() and not FOLDER.exists():
        _end(_earlier())  # its cgroups have another name
        _earlier().rename(FOLDER)  # with libvirt's definitions of the hosts
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    STATE.chmod(0o700)
    for name in ("pid", "entrance"):
        (FOLDER / name).unlink(missing_ok=True)
    sysctl.lift(FOLDER)
    with (FOLDER / "log").open("wb") as log:
        opener = subprocess.Popen(
            [*_UNSHARE, _HERE / "init.sh", FOLDER, cgroup_name(FOLDER)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    limit = time.monotonic() + _START_LIMIT
    while time.monotonic() < limit:
        if opener.poll() is not None:
            break
        if pid() is not None and (FOLDER / "entrance").exists() and _libvirt_answers():
            return True
        time.sleep(0.1)
    words = "\n".join([*_lines(FOLDER / "log"), *_errors(FOLDER / "libvirt" / "log" / "libvirtd.log")])
    _end(FOLDER)
    raise SandboxError(
        f"the sandbox did not open: libvirt should answer on lxc:///system within {_START_LIMIT:.0f} s.\n"
        f"Its log says: {words or 'nothing'}\nNext: ./lab doctor"
    )


def _revive() -> None:
    """Start the daemons of an open sandbox that have ended; hosts go on without them."""
    missing = "pgrep -x {0} > /dev/null || {0} --daemon"
    for daemon in ("virtlogd", "libvirtd"):
        subprocess.run(command(["sh", "-c", missing.format(daemon)], Path("/")), check=False, capture_output=True)
    limit = time.monotonic() + _START_LIMIT
    while not _libvirt_answers():
        if time.monotonic() > limit:
            raise SandboxError(
                f"libvirt should answer in the open sandbox within {_START_LIMIT:.0f} s and does not.\n"
                f"Its log says: {chr(10).join(_errors(_folder() / 'libvirt' / 'log' / 'libvirtd.log')) or 'nothing'}\n"
                "Next: ./lab destroy --force"
            )
        time.sleep(0.1)


def stop() -> None:
    """Close the sandbox for good: end all its processes, put back what was lifted, forget libvirt's definitions.

    SandboxError if something stays.
    """
    for folder in (_earlier(), FOLDER):
        _end(folder)
        for name in ("libvirt", "pid", "entrance", "cgroups", "log", "passwd", "group"):
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _end(folder: Path) -> None:
    number = _pid(folder)
    if number is not None:
        os.kill(number, signal.SIGKILL)
        _wait_for_end(number)
    _remove_cgroups(_listed_cgroups(folder))
    sysctl.restore(folder)


def closed() -> SandboxError:
    """What is said where an open sandbox is needed."""
    return SandboxError("the lab is not running. Next: ./lab up")


def command(argv: Sequence[str | Path], folder: Path | None = None) -> list[str]:
    """The command line that runs `argv` inside, in `folder` or where the caller is. SandboxError when it is closed."""
    number = pid()
    if number is None:
        raise closed()
    inside = [_HERE / "enter.sh", folder or Path.cwd(), *argv]
    return ["nsenter", f"--target={number}", *_NAMESPACES, "--", *map(str, inside)]


def cgroups() -> list[Path]:
    """The cgroups that hold the sandbox, one in each hierarchy."""
    return _listed_cgroups(_folder())


def _listed_cgroups(folder: Path) -> list[Path]:
    listed = folder / "cgroups"
    return [Path(line) for line in listed.read_text().split()] if listed.exists() else []


def memory_bytes() -> int | None:
    """Anonymous memory of everything in the sandbox, page cache left out; None where no memory controller counts it."""
    for cgroup in cgroups():
        for counter in ("total_rss", "anon"):
            for line in _lines(cgroup / "memory.stat"):
                name, _, value = line.partition(" ")
                if name == counter:
                    return int(value)
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (FileNotFoundError, OSError):
        return []


def _errors(log: Path) -> list[str]:
    return [line for line in _lines(log) if ": error :" in line][-5:]


def _libvirt_answers() -> bool:
    done = subprocess.run(command(["virsh", "-c", "lxc:///system", "version"], Path("/")), capture_output=True)
    return done.returncode == 0


def _wait_for_end(number: int) -> None:
    limit = time.monotonic() + _STOP_LIMIT
    while Path(f"/proc/{number}").exists():
        if time.monotonic() > limit:
            raise SandboxError(f"the sandbox's process {number} did not end within {_STOP_LIMIT:.0f} s of SIGKILL")
        time.sleep(0.05)


def _remove_cgroups(listed: Sequence[Path]) -> None:
    for cgroup in listed:
        limit = time.monotonic() + _STOP_LIMIT
        while cgroup.exists():
            for folder, _, _ in os.walk(cgroup, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    if time.monotonic() > limit:
                        raise SandboxError(f"cgroup {folder} should be empty and is not") from None
            time.sleep(0.02)
