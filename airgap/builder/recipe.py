"""What a recipe is, and what it may do while it makes its artifact."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from airgap.builder import golang
from cilium_lab.config.upstream import Arch
from cilium_lab.paths import ROOT

_TAIL_LINES = 25
_ARCHITECTURES: Mapping[str, Arch] = {"x86_64": "amd64", "aarch64": "arm64"}
"""What `uname -m` prints -> the name in images and in a bundle's index."""


class BuildError(Exception):
    """A step of a recipe failed; the message holds the command, its exit status and the end of its log."""


def machine_arch() -> Arch:
    """The machine's architecture, for which everything is built. BuildError for one that the lab does not run on."""
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        known = " or ".join(_ARCHITECTURES)
        raise BuildError(f"expected a machine of {known}, and this one is {machine}: build on another machine")
    return _ARCHITECTURES[machine]


@dataclass(frozen=True)
class Mirror:
    """Where upstream's files and images come from; both empty: from upstream itself.

    `files` is the URL below which a file lies as HOST/PATH of its own address; `images` is a registry, with a path if
    need be, below which an image lies as REGISTRY/REPOSITORY. An `images` that begins with http:// is spoken to in
    plain text.
    """

    files: str = ""
    images: str = ""

    def address(self, url: str) -> str:
        """Where the file of that address is fetched from."""
        return f"{self.files.rstrip('/')}/{url.partition('://')[2]}" if self.files else url

    def repository(self, name: str) -> str:
        """Where the images of registry/repository are fetched from."""
        return f"{self.images.partition('://')[2] or self.images}/{name}".replace("//", "/") if self.images else name

    @property
    def plain(self) -> bool:
        """Whether its registry speaks no TLS."""
        return self.images.startswith("http://")


NO_MIRROR = Mirror()


@dataclass
class Transfer:
    """A download that runs: the file or folder that grows, and the bytes that it will have; 0 where nobody knows."""

    into: Path | None = None
    total: int = 0

    @property
    def received(self) -> int:
        """Bytes so far."""
        into = self.into
        if into is None:
            return 0
        paths = into.rglob("*") if into.is_dir() else (into,)
        sizes = 0
        for path in paths:
            with suppress(OSError):  # it was renamed a moment ago
                sizes += path.stat().st_size if path.is_file() else 0
        return sizes


@dataclass(frozen=True)
class Recipe:
    """How one artifact is made. `make` fills the workspace's `out` folder and raises on failure."""

    name: str
    make: Callable[[Workspace], None]
    inputs: tuple[Path | str, ...] = ()
    """Files and folders (hashed by content) and literal strings (versions, flags)."""
    needs: tuple[str, ...] = ()
    """Names of the recipes whose artifacts are read."""
    cost: int = 10
    """Expected seconds on one core: the longest chain is started first."""
    after: str = ""
    """A recipe that compiles much of the same: where both are to be made, this one waits for it and finds that done."""
    downloads: bool = False
    """It waits for the network, not for a core."""


@dataclass(frozen=True)
class Built:
    """An artifact in the cache."""

    name: str
    key: str
    folder: Path
    seconds: float
    size: int
    """Bytes of all regular files."""
    sha256: str
    """Of the one file that it holds, or of the list of all its files' digests."""
    fresh: bool
    """Made by this run, not found."""


@dataclass
class Workspace:
    """What a recipe works with: folders, logged commands, Go builds."""

    out: Path
    work: Path
    needed: Mapping[str, Path]
    log: IO[bytes]
    root: Path = ROOT
    mirror: Mirror = NO_MIRROR
    """Where upstream's files and images are fetched from."""
    transfer: Transfer = field(default_factory=Transfer)
    """What is being fetched."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the build is interrupted: no command is started any more."""
    children: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def need(self, name: str) -> Path:
        """The folder of an artifact that the recipe declared in `needs`."""
        return self.needed[name]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> None:
        """Run a command with its output in the recipe's log; BuildError with the log's tail when it fails."""
        self._execute(argv, cwd, env, stdin, self.log)

    def output(
        self, argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """Like run, but return what the command printed."""
        return self._execute(argv, cwd, env, None, subprocess.PIPE).decode()

    def _execute(
        self,
        argv: Sequence[str | Path],
        cwd: Path | None,
        env: Mapping[str, str] | None,
        stdin: bytes | None,
        stdout: IO[bytes] | int,
    ) -> bytes:
        words = [str(word) for word in argv]
        if self.stop.is_set():
            raise BuildError(f"interrupted before: {' '.join(words)[:300]}")
        self.log.write(f"$ {' '.join(words)}\n".encode())
        self.log.flush()
        child = subprocess.Popen(
            words,
            cwd=cwd or self.work,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=stdout,
            stderr=self.log,
            start_new_session=True,  # the builder ends the whole group when it is interrupted
        )
        self.children.append(child)
        if self.stop.is_set():  # it was set while this one started, and its end may have been missed
            self.end_children()
        printed, _ = child.communicate(stdin)
        self.children.remove(child)
        if child.returncode:
            raise BuildError(f"exit status {child.returncode}: {' '.join(words)[:300]}\n{self._tail()}")
        return printed or b""

    def end_children(self) -> None:
        """End the commands that run, with all that they have started."""
        for child in tuple(self.children):
            with suppress(ProcessLookupError):  # it ended by itself a moment ago
                os.killpg(child.pid, signal.SIGTERM)

    def _tail(self) -> str:
        self.log.flush()
        lines = Path(self.log.name).read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])

    def go_build(
        self,
        module: str,
        packages: Mapping[str, str],
        *,
        ldflags: str = "",
        tags: str = "",
        cwd: Path | None = None,
    ) -> None:
        """Build Go commands, {output name: import path}, into `out`, static and without paths of this machine.

        `module` is a folder under airgap/modules, whose go.sum pins every dependency; `cwd` names another
        module tree instead (a patched copy).
        """
        folder, flags = cwd or golang.module_folder(module), golang.build_flags(ldflags, tags)
        for name, package in packages.items():
            self.go("build", *flags, "-o", self.out / name, package, cwd=folder)

    def go_module_dir(self, module: str, path: str) -> Path:
        """The folder of a dependency in Go's module cache, downloaded when it is not there yet."""
        folder = golang.module_folder(module)
        self.go("mod", "download", path, cwd=folder)
        listed = [golang.command(), "list", "-m", "-f", "{{.Dir}}", path]
        return Path(self.output(listed, cwd=folder, env=golang.environment()).strip())

    def go_tree(self, module: str, replaced: Mapping[str, str]) -> Path:
        """A copy of one of the project's modules in the scratch folder, for a build that changes some of the sources.

        `replaced` names dependencies, each with the folder of the copy that gets its tree and stands for it.
        """
        tree = self.work / "source"
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(golang.module_folder(module), tree)
        for path, folder in replaced.items():
            # cp, because the module cache is read-only
            self.run(["cp", "-r", "--no-preserve=mode,ownership", self.go_module_dir(module, path), tree / folder])
            self.go("mod", "edit", f"-replace={path}=./{folder}", cwd=tree)
        return tree

    def go(self, *words: str | Path, cwd: Path) -> None:
        """Run the go command in a module's tree, in the environment that every Go build has."""
        self.run([golang.command(), *words], cwd=cwd, env=golang.environment())
