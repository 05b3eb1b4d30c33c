"""Builds artifacts: what others wait for longest starts first, two run at a time, each is cached by its recipe's key.

An artifact is made in `NAME-KEY.partial` with `NAME-KEY.work` as scratch folder, and renamed to `NAME-KEY`; the record
beside it, `NAME-KEY.json`, is written last, so that an artifact with a record is whole. A run that was ended anywhere
is continued by the next one. Who writes or removes any of these holds the lock `NAME.lock`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airgap.builder.digest import file_sha256, recipe_key, tree_files
from airgap.builder.estimate import Work
from airgap.builder.recipe import BuildError, Built, Recipe, Workspace, machine_arch
from airgap.builder.report import Progress
from cilium_lab.paths import CACHE, CURRENT

ARTIFACTS = CACHE / "artifacts"
LOGS = CACHE / "logs"
_AT_A_TIME = 2
_ENTRY = re.compile(r"(?P<whole>(?P<name>.+)-[0-9a-f]{16})(?P<suffix>\.partial|\.work|\.json|)")
"""What the builder makes below ARTIFACTS, but for the locks, which stay."""


@dataclass(frozen=True)
class Cleaned:
    """What a clean-up removed, and what it left because a build holds its lock: names of folders."""

    removed: tuple[str, ...]
    busy: tuple[str, ...]


class Builder:
    """Makes the wanted artifacts of a catalogue of recipes and all that they need."""

    def __init__(self, catalogue: Iterable[Recipe], progress: Progress) -> None:
        self._recipes = {recipe.name: recipe for recipe in catalogue}
        self._progress = progress
        self._keys: dict[str, str] = {}
        self._running: list[Workspace] = []
        self._stop = threading.Event()

    def key(self, name: str) -> str:
        """The recipe's key; KeyError for one that the catalogue does not hold."""
        if name not in self._keys:
            recipe = self._recipes[name]
            self._keys[name] = recipe_key(recipe, {need: self.key(need) for need in recipe.needs})
        return self._keys[name]

    def folder(self, name: str) -> Path:
        """Where the artifact is, or will be."""
        return ARTIFACTS / f"{name}-{self.key(name)}"

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """What a build of the wanted artifacts would have to make."""
        return [name for name in self._closure(wanted) if not _record(self.folder(name)).exists()]

    def outdated(self) -> list[Path]:
        """What the cache holds that no recipe of this catalogue makes or continues any more.

        That is artifacts and scratch folders under another key, records without an artifact, and the scratch of an
        artifact that is whole. The scratch of a build that was interrupted stays: the next build goes on there.
        """
        paths = sorted(ARTIFACTS.iterdir()) if ARTIFACTS.is_dir() else []
        return [path for path in paths if (entry := _ENTRY.fullmatch(path.name)) and self._is_outdated(entry)]

    def _is_outdated(self, entry: re.Match[str]) -> bool:
        whole = ARTIFACTS / entry["whole"]
        if entry["suffix"] == ".json":
            return not whole.is_dir()  # else it goes with its artifact
        current = whole.name in {self.folder(name).name for name in self._recipes}
        return not current or (entry["suffix"] != "" and _record(whole).exists())

    def clean(self) -> Cleaned:
        """Remove what is outdated; what belongs to a build that runs, of this checkout or another, is left alone."""
        removed: list[str] = []
        busy: list[str] = []
        for path in self.outdated():
            name = path.name.rpartition("-")[0]
            with _lock(ARTIFACTS / f"{name}.lock", wait=False) as held:
                if not held:
                    busy.append(path.name)
                    continue
                _record(path).unlink(missing_ok=True)  # first: a record without its artifact would be believed
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                removed.append(path.name)
        return Cleaned(tuple(removed), tuple(busy))

    def build(self, wanted: Sequence[str]) -> list[Built]:
        """Make what is missing, link the wanted artifacts under `current/`; returns these and all that they need.

        Raises BuildError with the names and log tails of all recipes that failed, and before anything is built on a
        machine whose architecture the lab does not run on.
        """
        machine_arch()
        order = self._closure(wanted)
        lacking = set(self.missing(order))
        done = {name: self._load(name) for name in order if name not in lacking}
        todo = sorted((name for name in order if name not in done), key=self._chain, reverse=True)
        failures: dict[str, str] = {}
        telling = self._progress.building(self._work(todo), len(done), _AT_A_TIME)
        with telling, ThreadPoolExecutor(_AT_A_TIME) as pool, self._interruptible():
            running: dict[Future[Built], str] = {}
            while todo or running:
                for name in [name for name in todo if all(need in done for need in self._recipes[name].needs)]:
                    if len(running) < _AT_A_TIME and not self._stop.is_set():
                        running[pool.submit(self._make, self._recipes[name], done)] = name
                        todo.remove(name)
                if not running:
                    break  # what is left needs an artifact that failed
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
            raise BuildError("\n".join(f"{name}: {text}" for name, text in failures.items()))
        for name in wanted:
            _link(CURRENT / name, done[name].folder)
        return [done[name] for name in order]

    def _work(self, todo: Collection[str]) -> Work:
        """What is left to make. A recipe that was made before, under another key, is expected to take as long again."""
        seconds: dict[str, float] = {}
        for name in todo:
            records = sorted(ARTIFACTS.glob(f"{name}-*.json"), key=lambda path: path.stat().st_mtime)
            known = [path for path in records if (entry := _ENTRY.fullmatch(path.name)) and entry["name"] == name]
            seconds[name] = json.loads(known[-1].read_text())["seconds"] if known else self._recipes[name].cost
        return Work(seconds, {name: frozenset(self._recipes[name].needs) & set(todo) for name in todo})

    def _closure(self, wanted: Sequence[str]) -> list[str]:
        seen: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in self._recipes:
                raise BuildError(f"no recipe is named {name!r}; there are: {', '.join(sorted(self._recipes))}")
            if name not in seen:
                for need in self._recipes[name].needs:
                    visit(need)
                seen[name] = None

        for name in wanted:
            visit(name)
        return list(seen)

    def _chain(self, name: str) -> int:
        """The cost of the recipe and of the longest chain of recipes that wait for it."""
        waiting = [recipe.name for recipe in self._recipes.values() if name in recipe.needs]
        return self._recipes[name].cost + max((self._chain(other) for other in waiting), default=0)

    def _load(self, name: str) -> Built:
        folder = self.folder(name)
        record = json.loads(_record(folder).read_text())
        return Built(name, self.key(name), folder, record["seconds"], record["size"], record["sha256"], fresh=False)

    def _make(self, recipe: Recipe, done: Mapping[str, Built]) -> Built:
        folder = self.folder(recipe.name)
        LOGS.mkdir(parents=True, exist_ok=True)
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        with _lock(ARTIFACTS / f"{recipe.name}.lock"):
            if _record(folder).exists():  # another process made it while this one waited
                return self._load(recipe.name)
            self._progress.started(recipe.name)
            out, work = _beside(folder, "partial"), _beside(folder, "work")
            for stale in (out, folder):
                shutil.rmtree(stale, ignore_errors=True)
            out.mkdir()
            work.mkdir(exist_ok=True)
            started = time.monotonic()
            with (LOGS / f"{recipe.name}.log").open("wb") as log:
                needed = {need: done[need].folder for need in recipe.needs}
                workspace = Workspace(out, work, needed, log, stop=self._stop)
                self._running.append(workspace)
                try:
                    recipe.make(workspace)
                finally:
                    self._running.remove(workspace)
            if self._stop.is_set():  # a recipe that goes on after a failed command may have made half of it
                raise BuildError("interrupted")
            seconds = round(time.monotonic() - started, 1)
            size, sha256 = _measure(out)
            record = {
                "name": recipe.name,
                "key": self.key(recipe.name),
                "seconds": seconds,
                "size": size,
                "sha256": sha256,
            }
            out.rename(folder)
            _record(folder).write_text(json.dumps(record))
            shutil.rmtree(work, ignore_errors=True)
        return Built(recipe.name, self.key(recipe.name), folder, seconds, size, sha256, fresh=True)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """On SIGINT or SIGTERM, end the commands that run and wait for the threads; no other command is started."""

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
def _lock(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock between processes; without `wait`, tells whether it could be had."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
