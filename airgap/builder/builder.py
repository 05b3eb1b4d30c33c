"""Builds artifacts: what others wait for longest starts first, two run at a time and some downloads beside them, each
is cached by its recipe's key.

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
from airgap.builder.estimate import Limits, Work
from airgap.builder.recipe import NO_MIRROR, BuildError, Built, Mirror, Recipe, Workspace, machine_arch
from airgap.builder.report import Progress
from cilium_lab.paths import CACHE, CURRENT

ARTIFACTS = CACHE / "artifacts"
LOGS = CACHE / "logs"
_LIMITS = Limits(builds=2, downloads=4)
_ENTRY = re.compile(r"(?P<whole>(?P<name>.+)-[0-9a-f]{16})(?P<suffix>\.partial|\.work|\.json|)")
"""What the builder makes below ARTIFACTS, but for the locks, which stay."""


@dataclass(frozen=True)
class Cleaned:
    """What a clean-up removed, and what it left because a build holds its lock: names of folders."""

    removed: tuple[str, ...]
    busy: tuple[str, ...]


class Builder:
    """Makes the wanted artifacts of a catalogue of recipes and all that they need."""

    def __init__(self, catalogue: Iterable[Recipe], progress: Progress, mirror: Mirror = NO_MIRROR) -> None:
        self._recipes = {recipe.name: recipe for recipe in catalogue}
        self._progress = progress
        self._mirror = mirror
        self._downloads = frozenset(recipe.name for recipe in self._recipes.values() if recipe.downloads)
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
        """What a build of the wanted artifacts would have to make; needs of what is there are not missed."""
        return [name for name in self._closure(wanted) if not self._has(name)]

    def _has(self, name: str) -> bool:
        return _record(self.folder(name)).exists()

    def current(self) -> frozenset[str]:
        """The names of the folders that the recipes of this catalogue make."""
        return frozenset(self.folder(name).name for name in self._recipes)

    def outdated(self, kept: Collection[str] = ()) -> list[Path]:
        """What the cache holds that no recipe of this catalogue makes or continues any more; `kept` are names of
        folders that another catalogue makes.

        That is artifacts and scratch folders under another key, records without an artifact, and the scratch of an
        artifact that is whole. The scratch of a build that was interrupted stays: the next build goes on there.
        """
        paths = sorted(ARTIFACTS.iterdir()) if ARTIFACTS.is_dir() else []
        current = self.current() | frozenset(kept)
        return [path for path in paths if (entry := _ENTRY.fullmatch(path.name)) and _is_outdated(entry, current)]

    def clean(self, kept: Collection[str] = ()) -> Cleaned:
        """Remove what is outdated; what belongs to a build that runs, of this checkout or another, is left alone."""
        removed: list[str] = []
        busy: list[str] = []
        for path in self.outdated(kept):
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
        """Make what is missing, link the wanted artifacts under `current/`; returns these and what was made for them.

        Raises BuildError with the names and log tails of all recipes that failed, and before anything is built on a
        machine whose architecture the lab does not run on.
        """
        machine_arch()
        order = self._closure(wanted)
        done = {name: self._load(name) for name in order if self._has(name)}
        todo = sorted((name for name in order if name not in done), key=self._chain, reverse=True)
        failures: dict[str, str] = {}
        telling = self._progress.building(self._work(todo), len(done), _LIMITS)
        hands = _LIMITS.builds + _LIMITS.downloads
        with telling, ThreadPoolExecutor(hands) as pool, self._interruptible():
            running: dict[Future[Built], str] = {}
            while todo or running:
                busy = {*todo, *running.values()}
                for name in [name for name in todo if self._is_ready(self._recipes[name], done, busy)]:
                    allowed = _LIMITS.allow(name, running.values(), self._downloads)
                    if allowed and not self._stop.is_set():
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
        self.link(wanted)
        return [done[name] for name in order]

    def link(self, names: Iterable[str]) -> None:
        """Let `current/` name these artifacts."""
        for name in names:
            _link(CURRENT / name, self.folder(name))

    def take_in(self, name: str, beside: Path) -> None:
        """Take an artifact and its record, which lie in a folder of the cache's disk, into the cache."""
        folder = self.folder(name)
        with _lock(ARTIFACTS / f"{name}.lock"):
            if not self._has(name):
                shutil.rmtree(folder, ignore_errors=True)  # half of one, without its record
                (beside / folder.name).rename(folder)
                (beside / _record(folder).name).rename(_record(folder))

    def _is_ready(self, recipe: Recipe, done: Collection[str], busy: Collection[str]) -> bool:
        return all(need in done for need in recipe.needs) and recipe.after not in busy

    def _work(self, todo: Collection[str]) -> Work:
        """What is left to make. A recipe that was made before, under another key, is expected to take as long again
        for its cost.
        """
        seconds: dict[str, float] = {}
        for name in todo:
            cost = self._recipes[name].cost
            records = sorted(ARTIFACTS.glob(f"{name}-*.json"), key=lambda path: path.stat().st_mtime)
            known = [path for path in records if (entry := _ENTRY.fullmatch(path.name)) and entry["name"] == name]
            before = json.loads(known[-1].read_text()) if known else {}
            seconds[name] = cost * before["seconds"] / before["cost"] if before.get("cost") else cost
        needs = {name: frozenset(_waits_for(self._recipes[name])) & set(todo) for name in todo}
        return Work(seconds, needs, self._downloads & set(todo))

    def _closure(self, wanted: Sequence[str]) -> list[str]:
        """The wanted recipes and what they need, unless they are in the cache already; needs come first."""
        seen: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in self._recipes:
                raise BuildError(f"no recipe is named {name!r}; there are: {', '.join(sorted(self._recipes))}")
            if name not in seen:
                for need in () if self._has(name) else self._recipes[name].needs:
                    visit(need)
                seen[name] = None

        for name in wanted:
            visit(name)
        return list(seen)

    def _chain(self, name: str) -> int:
        """The cost of the recipe and of the longest chain of recipes that wait for it."""
        waiting = [recipe.name for recipe in self._recipes.values() if name in _waits_for(recipe)]
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
            out, work = _beside(folder, "partial"), _beside(folder, "work")
            for stale in (out, folder):
                shutil.rmtree(stale, ignore_errors=True)
            out.mkdir()
            work.mkdir(exist_ok=True)
            started = time.monotonic()
            with (LOGS / f"{recipe.name}.log").open("wb") as log:
                needed = {need: done[need].folder for need in recipe.needs}
                workspace = Workspace(out, work, needed, log, mirror=self._mirror, stop=self._stop)
                self._progress.started(recipe.name, workspace.transfer)
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
                "cost": recipe.cost,
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


def _waits_for(recipe: Recipe) -> tuple[str, ...]:
    return (*recipe.needs, recipe.after)


def _is_outdated(entry: re.Match[str], current: Collection[str]) -> bool:
    whole = ARTIFACTS / entry["whole"]
    if entry["suffix"] == ".json":
        return not whole.is_dir()  # else it goes with its artifact
    return whole.name not in current or (entry["suffix"] != "" and _record(whole).exists())


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
