"""A throw-away host for scripts that write to absolute paths: this machine's files under a layer in memory, a network
without links, and programs of our choice in front of the real ones. Nothing that a script does reaches the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "components" / "scripts"
NAME = "k8s-w1"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and mounts of its own need root")

_OPEN = """
set -e
read -r pid _ < /proc/self/stat  # as the machine counts: its /proc is still mounted
mkdir -p "$1"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1"/upper "$1"/work "$1"/root
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
for name in run tmp; do mount -t tmpfs -o mode=755 tmpfs "$1/root/$name"; done
mkdir "$1"/root/{run/lock,stand-ins,scripts}
cp -r "$2"/. "$1/root/scripts"
hostname "$3"
ip link set lo up
echo "$pid"
exec sleep infinity
"""


@dataclass(frozen=True)
class Sandbox:
    """`pid` is the first process, with which all others end; `folder` is where the layers are mounted for them."""

    pid: int
    folder: Path

    def path(self, absolute: str) -> Path:
        """Where the tests find a file of the sandbox."""
        return Path(f"/proc/{self.pid}/root{self.folder}/root{absolute}")

    def write(self, absolute: str, text: str, mode: int = 0o644) -> None:
        path = self.path(absolute)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def stand_in(self, program: str, body: str = "") -> None:
        """A program that notes its arguments in `calls` and then does what `body` (bash) says."""
        self.write(f"/stand-ins/{program}", f'#!/bin/bash\necho "{program} $*" >> /calls\n{body}\n', 0o755)

    def calls(self) -> list[str]:
        """How stand-ins were called since the last call of this."""
        path = self.path("/calls")
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command; a script of the program by its path below components/scripts."""
        program = f"/scripts/{words[0]}" if words[0].endswith(".sh") else words[0]
        command = [*self._enter, program, *words[1:]]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=50)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and don't wait for it."""
        return subprocess.Popen([*self._enter, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @property
    def _enter(self) -> list[str]:
        path = "PATH=/stand-ins:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        namespaces = [f"--target={self.pid}", "--mount", "--net", "--uts", "--pid"]
        return ["nsenter", *namespaces, "--", "chroot", f"{self.folder}/root", "env", "-i", path, "HOME=/root"]

    def written(self) -> dict[str, tuple[int, str]]:
        """Mode and content of every file that was made or changed, by its absolute path."""
        upper = Path(f"/proc/{self.pid}/root{self.folder}/upper")
        found: dict[str, tuple[int, str]] = {}
        for path in sorted(upper.rglob("*")):
            name = f"/{path.relative_to(upper)}"
            if path.is_file() and not path.is_symlink() and not name.startswith(("/calls", "/stand-ins", "/scripts")):
                found[name] = (path.stat().st_mode & 0o777, path.read_text(errors="replace"))
        return found


@contextmanager
def opened(folder: Path) -> Iterator[Sandbox]:
    """A sandbox whose layers are mounted, for nobody else to see, at `folder`."""
    words = ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    words += ["bash", "-c", _OPEN, "sandbox", str(folder), str(SCRIPTS), NAME]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        pid = holder.stdout.readline()
        assert pid, holder.stderr.read()
        yield Sandbox(int(pid), folder)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
        holder.stderr.close()
