"""Builds parts: what others wait for longest starts first, two run at a time, each is kept by the key of its inputs.

A part is made in `<key>.partial` and renamed into place; the record beside it, `<key>.json`, is written last, so that
a part with a record is whole. A run that was ended anywhere is continued by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airgap.builder.digest import file_sha256, part_key, tree_files
from airgap.builder.part import BuildError, Part, Workspace
from airgap.builder.report import Progress
from airgap.paths import LOGS, PARTS
from cilium_lab.paths import CURRENT

_AT_A_TIME = 2


@dataclass(frozen=True)
class Built:
    """A part in the cache."""

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


class Builder:
    """Makes the wanted parts of a catalogue and all that they need."""

    def __init__(self, catalogue: Iterable[Part], progress: Progress) -> None:
        self._parts = {part.name: part for part in catalogue}
        self._progress = progress
        self._keys: dict[str, str] = {}
        self._running: list[Workspace] = []
        self._stop = threading.Event()

    def key(self, name: str) -> str:
        """The part's key; KeyError for a part that the catalogue does not hold."""
        if name not in self._keys:
            part = self._parts[name]
            self._keys[name] = part_key(part, {need: self.key(need) for need in part.needs})
        return self._keys[name]

    def folder(self, name: str) -> Path:
        """Where the part lies, or will."""
        return PARTS / f"{name}-{self.key(name)}"

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """What a build of the wanted parts would have to make."""
        return [name for name in self._closure(wanted) if not _record(self.folder(name)).exists()]

    def outdated(self) -> list[Path]:
        """What lies in the cache and is no part of this catalogue any more: parts made from other inputs."""
        current = {self.folder(name).name for name in self._parts}
        return sorted(path for path in PARTS.iterdir() if path.is_dir() and path.name not in current)

    def build(self, wanted: Sequence[str]) -> list[Built]:
        """Make what is missing, link all wanted parts under `current/`, and return every part that took part.

        Raises BuildError with the names and log tails of all parts that failed.
        """
        order = self._closure(wanted)
        lacking = set(self.missing(order))
        done = {name: self._load(name) for name in order if name not in lacking}
        todo = sorted((name for name in order if name not in done), key=self._chain, reverse=True)
        self._progress.start(len(todo), len(done))
        failures: dict[str, str] = {}
        with ThreadPoolExecutor(_AT_A_TIME) as pool, self._interruptible():
            running: dict[Future[Built], str] = {}
            while todo or running:
                for name in [name for name in todo if all(need in done for need in self._parts[name].needs)]:
                    if len(running) < _AT_A_TIME and not self._stop.is_set():
                        running[pool.submit(self._make, self._parts[name], done)] = name
                        todo.remove(name)
                if not running:
                    break  # what is left waits for a part that failed
                for future in wait(running, return_when=FIRST_COMPLETED, timeout=1.0).done:
                    name = running.pop(future)
                    error = future.exception()
                    if error is None:
                        done[name] = future.result()
                        self._progress.finished(done[name].name, done[name].seconds, done[name].size)
                    else:
                        failures[name] = str(error)
                        self._progress.failed(name, str(error))
        if self._stop.is_set():
            raise KeyboardInterrupt
        if failures:
            raise BuildError("\n".join(f"part {name}: {text}" for name, text in failures.items()))
        for name in wanted:
            _link(CURRENT / name, done[name].folder)
        return [done[name] for name in order]

    def _closure(self, wanted: Sequence[str]) -> list[str]:
        seen: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in self._parts:
                raise BuildError(f"no part is named {name!r}; there are: {', '.join(sorted(self._parts))}")
            if name not in seen:
                for need in self._parts[name].needs:
                    visit(need)
                seen[name] = None

        for name in wanted:
            visit(name)
        return list(seen)

    def _chain(self, name: str) -> int:
        """The cost of the part and of the longest chain of parts that wait for it."""
        waiting = [part.name for part in self._parts.values() if name in part.needs]
        return self._parts[name].cost + max((self._chain(other) for other in waiting), default=0)

    def _load(self, name: str) -> Built:
        folder = self.folder(name)
        record = json.loads(_record(folder).read_text())
        return Built(name, self.key(name), folder, record["seconds"], record["size"], record["sha256"], fresh=False)

    def _make(self, part: Part, done: Mapping[str, Built]) -> Built:
        folder = self.folder(part.name)
        LOGS.mkdir(parents=True, exist_ok=True)
        PARTS.mkdir(parents=True, exist_ok=True)
        with _lock(PARTS / f"{part.name}.lock"):
            if _record(folder).exists():  # another process made it while this one waited
                return self._load(part.name)
            self._progress.started(part.name, part.cost)
            out, work = _beside(folder, "partial"), _beside(folder, "work")
            for stale in (out, folder):
                shutil.rmtree(stale, ignore_errors=True)
            out.mkdir()
            work.mkdir(exist_ok=True)
            started = time.monotonic()
            with (LOGS / f"{part.name}.log").open("wb") as log:
                needed = {need: done[need].folder for need in part.needs}
                workspace = Workspace(out, work, needed, log, stop=self._stop)
                self._running.append(workspace)
                try:
                    part.make(workspace)
                finally:
                    self._running.remove(workspace)
            if self._stop.is_set():  # a recipe that bears with failing commands may have made half of it
                raise BuildError("interrupted")
            seconds = round(time.monotonic() - started, 1)
            size, sha256 = _measure(out)
            record = {
                "name": part.name,
                "key": self.key(part.name),
                "seconds": seconds,
                "size": size,
                "sha256": sha256,
            }
            out.rename(folder)
            _record(folder).write_text(json.dumps(record))
            shutil.rmtree(work, ignore_errors=True)
        return Built(part.name, self.key(part.name), folder, seconds, size, sha256, fresh=True)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """On SIGINT or SIGTERM, end the commands that run and let the threads return; none is started any more."""

        def stop(_number: int, _frame: object) -> None:
            self._stop.set()
            for workspace in tuple(self._running):
                workspace.end_children()

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _measure(folder: Path) -> tuple[int, str]:
    files = tree_files(folder)
    size = sum(path.stat().st_size for path in files)
    if len(files) == 1:
        return size, file_sha256(files[0])
    listing = "".join(f"{file_sha256(path)}  {path.relative_to(folder)}\n" for path in files)
    return size, hashlib.sha256(listing.encode()).hexdigest()


def _record(folder: Path) -> Path:
    return _beside(folder, "json")


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f"{folder.name}.{what}")


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(link)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
