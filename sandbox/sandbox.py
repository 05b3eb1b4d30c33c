"""Opens, enters and closes the room. Every process in it is a descendant of its PID 1; closing ends that one."""

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

FOLDER = STATE / "room"
_HERE = Path(__file__).parent
_START_LIMIT = 20.0
_STOP_LIMIT = 20.0
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--propagation", "private")
_NAMESPACES = ("--mount", "--net", "--pid", "--cgroup")


class RoomError(Exception):
    """The room could not be opened or closed; the message says what was expected and what was seen."""


def cgroup_name(folder: Path) -> str:
    """Name of the cgroup, in every hierarchy, of the room kept in `folder`: each state has its own room."""
    return f"cilium-lab-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def pid() -> int | None:
    """The room's PID 1 as the machine sees it, or None when the room is closed."""
    try:
        number = int((FOLDER / "pid").read_text())
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return number if str(FOLDER).encode() in command else None


def start() -> bool:
    """Open the room and wait until libvirt answers in it. False when it was open already; RoomError on failure."""
    if pid() is not None:
        _revive()
        return False
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
    _end()
    raise RoomError(
        f"the room did not open: libvirt should answer on lxc:///system within {_START_LIMIT:.0f} s.\n"
        f"Its log says: {words or 'nothing'}\nNext: ./lab doctor"
    )


def _revive() -> None:
    """Start the daemons of an open room that have ended; hosts go on without them."""
    missing = "pgrep -x {0} > /dev/null || {0} --daemon"
    for daemon in ("virtlogd", "libvirtd"):
        subprocess.run(command(["sh", "-c", missing.format(daemon)], Path("/")), check=False, capture_output=True)
    limit = time.monotonic() + _START_LIMIT
    while not _libvirt_answers():
        if time.monotonic() > limit:
            raise RoomError(
                f"libvirt should answer in the open room within {_START_LIMIT:.0f} s and does not.\n"
                f"Its log says: {chr(10).join(_errors(FOLDER / 'libvirt' / 'log' / 'libvirtd.log')) or 'nothing'}\n"
                "Next: ./lab destroy --force"
            )
        time.sleep(0.1)


def stop() -> None:
    """Close the room for good: end all its processes, put back what was lifted, forget libvirt's definitions.

    RoomError if something stays.
    """
    _end()
    for name in ("libvirt", "pid", "entrance", "cgroups", "log", "passwd", "group"):
        path = FOLDER / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _end() -> None:
    number = pid()
    if number is not None:
        os.kill(number, signal.SIGKILL)
        _wait_for_end(number)
    _remove_cgroups()
    sysctl.restore(FOLDER)


def command(argv: Sequence[str | Path], folder: Path | None = None) -> list[str]:
    """The command line that runs `argv` in the room, in `folder` or where the caller is. RoomError when closed."""
    number = pid()
    if number is None:
        raise RoomError("the lab is not running. Next: ./lab up")
    inside = [_HERE / "enter.sh", folder or Path.cwd(), *argv]
    return ["nsenter", f"--target={number}", *_NAMESPACES, "--", *map(str, inside)]


def cgroups() -> list[Path]:
    """The cgroups that hold the room, one in each hierarchy."""
    listed = FOLDER / "cgroups"
    return [Path(line) for line in listed.read_text().split()] if listed.exists() else []


def memory_bytes() -> int | None:
    """Anonymous memory of everything in the room, page cache left out; None where no memory controller counts it."""
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
    asked = subprocess.run(command(["virsh", "-c", "lxc:///system", "version"], Path("/")), capture_output=True)
    return asked.returncode == 0


def _wait_for_end(number: int) -> None:
    limit = time.monotonic() + _STOP_LIMIT
    while Path(f"/proc/{number}").exists():
        if time.monotonic() > limit:
            raise RoomError(f"the room's process {number} should end within {_STOP_LIMIT:.0f} s of SIGKILL and did not")
        time.sleep(0.05)


def _remove_cgroups() -> None:
    for cgroup in cgroups():
        limit = time.monotonic() + _STOP_LIMIT
        while cgroup.exists():
            for folder, _, _ in os.walk(cgroup, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    if time.monotonic() > limit:
                        raise RoomError(f"cgroup {folder} should be empty and is not") from None
            time.sleep(0.02)
