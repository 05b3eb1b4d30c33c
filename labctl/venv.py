"""Virtual environments from hashed requirements, kept in the cache by the hash of their pins."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cilium_lab.paths import CACHE, ROOT
from labctl.command import LabError

WHEELS = CACHE / "wheels"
"""Of the program's environment, where a lab is carried from or to."""
PROGRAM = ("requirements.txt",)
REPORT = ("requirements-report.txt",)
TESTS = ("requirements.txt", "requirements-dev.txt", "requirements-report.txt")


def environment(pins: tuple[str, ...]) -> Path:
    """The folder of the environment with these requirement files; it is made when it is not there yet.

    Raises LabError where this Python cannot make one.
    """
    digest = hashlib.sha256(sys.version.encode())
    for name in pins:
        digest.update((ROOT / name).read_bytes())
    folder = CACHE / "venv" / digest.hexdigest()[:16]
    if not (folder / ".whole").exists():
        if importlib.util.find_spec("ensurepip") is None:
            raise LabError(
                expected=f"a Python that makes virtual environments (ensurepip), for {' and '.join(pins)}",
                seen=f"{sys.executable} without it",
                next="as root: apt-get install python3-venv (Fedora: dnf install python3-pip)",
            )
        _make(folder, pins)
    return folder


def _make(folder: Path, pins: tuple[str, ...]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another ./lab may be making it, and would lose it half way
        if (folder / ".whole").exists():
            return
        print(f"making a Python environment from {' and '.join(pins)}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        files = [word for name in pins for word in ("-r", str(ROOT / name))]
        _pip(folder, ["install", "-q", "--require-hashes", *files])
        (folder / ".whole").touch()


def wheels() -> Path:
    """A folder with the wheels of the program's environment, for this Python."""
    fresh = CACHE / ".wheels"
    shutil.rmtree(fresh, ignore_errors=True)
    words = ["download", "-q", "--no-deps", "--require-hashes", "-r", str(ROOT / PROGRAM[0]), "-d", str(fresh)]
    _pip(environment(PROGRAM), words)
    shutil.rmtree(WHEELS, ignore_errors=True)
    return fresh.rename(WHEELS)


def _pip(folder: Path, words: Sequence[str]) -> None:
    """Run an environment's pip: with the wheels that were carried here, where they suffice; else the package index."""
    pip = [folder / "bin" / "pip", "--disable-pip-version-check", *words]
    if WHEELS.is_dir():
        offline = [*pip, "--no-index", "--find-links", WHEELS]
        if subprocess.run(offline, capture_output=True).returncode == 0:
            return
    subprocess.run(pip, check=True)


def link_program_environment() -> None:
    """Make `.venv`, which Pulumi.yaml names, the program's environment."""
    folder, link = environment(PROGRAM), ROOT / ".venv"
    if link.is_symlink():
        if link.readlink() == folder:
            return
        link.unlink()
    elif link.exists():
        return  # somebody made their own
    link.symlink_to(folder)
