"""Content digests: of files, of folders, and the key of a recipe: everything that decides what it makes.

A key covers the code that a recipe runs, not the file that it stands in. From `make` on, the functions, classes and
constants of the project that the code names are followed: functions and classes by their source without comments,
docstrings and layout, constants by their value. A changed flag, version or helper changes the key of the recipes that
use it; an edit of anything else, or a move to another file, changes none.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import platform
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from airgap.builder import golang
from airgap.builder.golang import MODULES
from airgap.builder.recipe import Recipe, Workspace
from cilium_lab.paths import CACHE, ROOT

_CHUNK = 1 << 20
_PROJECT = ("airgap", "cilium_lab")
"""Programs whose code is followed; of what stands elsewhere only the use of its name counts."""
_NOT_FOLLOWED = (Workspace.need, Workspace.run, Workspace.output, inspect.unwrap(golang.command))
"""They name a folder, run a command as it is given, or find the go command, whose version is in the key: none of them
decides what is in an artifact."""
_CARRIERS = ("airgap.builder.fetch",)
"""Modules that only carry what a sum names."""


def file_sha256(path: Path) -> str:
    """The hexadecimal sha256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def tree_files(top: Path) -> list[Path]:
    """Every regular file below a folder (or the file itself), in a fixed order."""
    if top.is_file():
        return [top]
    return sorted(path for path in top.rglob("*") if path.is_file() and not path.is_symlink())


def recipe_key(recipe: Recipe, keys: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that change when anything that decides the artifact does.

    `keys` holds the keys of the recipes that it needs. A recipe with a Go module among its inputs depends on the
    Go toolchain's exact version as well. TypeError for a constant whose value the key cannot hold.
    """
    digest = hashlib.sha256()
    words = [recipe.name, platform.machine(), *described_code(recipe.make)]
    for source in recipe.inputs:
        words += _describe_input(source) if isinstance(source, Path) else [source]
    if any(isinstance(source, Path) and source.is_relative_to(MODULES) for source in recipe.inputs):
        words.append(golang.version())
    words += [f"{name}={keys[name]}" for name in recipe.needs]
    for word in words:
        digest.update(word.encode() + b"\0")
    return digest.hexdigest()[:16]


def _describe_input(source: Path) -> list[str]:
    if not source.exists():
        raise FileNotFoundError(f"an input of a recipe does not exist: {source}")
    paths = [source] if source.is_file() else sorted(source.rglob("*"))
    return [
        f"{path.relative_to(source.parent)} {_content(path)}"
        for path in paths
        if (path.is_symlink() or path.is_file()) and "__pycache__" not in path.parts
    ]


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return f"{path.stat().st_mode & 0o111 != 0} {file_sha256(path)}"


def described_code(make: Callable[[Workspace], None]) -> list[str]:
    """The code and the constants that a recipe's function uses, one text each, in a fixed order."""
    code = _Code()
    code.follow(make)
    return sorted(code.texts)


class _Code:
    """Collects what a function uses, and what that uses itself."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self._seen: set[object] = {Workspace, *_NOT_FOLLOWED}

    def follow(self, thing: object, names: Set[str] = frozenset()) -> None:
        """Add a function or a class, once, or of a module what `names` holds."""
        if isinstance(thing, ModuleType):
            for name in sorted(names & vars(thing).keys()) if _of_project(thing.__name__) else ():
                self._add(name, vars(thing)[name], names)
            return
        function = inspect.unwrap(thing) if callable(thing) else thing
        if function in self._seen or not isinstance(function, (FunctionType, type)):
            return
        self._seen.add(function)
        if not _of_project(function.__module__) or function.__module__ in _CARRIERS:
            return
        self.texts.add(_source(function))
        if isinstance(function, FunctionType):
            self._function(function)
        else:
            self._class(function)

    def _function(self, function: FunctionType) -> None:
        names = _names(function.__code__)
        for name in sorted(names & function.__globals__.keys()):
            self._add(name, function.__globals__[name], names)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._add(name, cell.cell_contents, names)
        for name in sorted(names & vars(Workspace).keys()):
            self.follow(vars(Workspace)[name])

    def _class(self, cls: type) -> None:
        for member in vars(cls).values():
            method = member.fget if isinstance(member, property) else member
            if isinstance(method, FunctionType) and method.__code__.co_filename == inspect.getsourcefile(cls):
                self._function(method)  # its source is the class's; what dataclasses write has none

    def _add(self, name: str, thing: object, names: Set[str]) -> None:
        if isinstance(thing, ModuleType):
            self.follow(thing, names)
        else:
            self.texts.add(f"{name} = {self._value(thing)}")

    def _value(self, value: Any) -> str:
        """A constant as a text that is the same in every process and on every machine."""
        if isinstance(value, Path):
            return _place(value)
        if value is None or isinstance(value, (bool, int, float, str, bytes)):
            return repr(value)
        if isinstance(value, re.Pattern):
            return f"{value.pattern!r}, {value.flags}"
        if isinstance(value, type) or callable(value):
            self.follow(value)
            return str(value.__qualname__)
        if dataclasses.is_dataclass(value):
            self.follow(type(value))
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            return f"{type(value).__qualname__}{self._value(fields)}"
        if isinstance(value, Mapping):
            return _joined(f"{self._value(key)}: {self._value(below)}" for key, below in value.items())
        if isinstance(value, Set):
            return _joined(sorted(map(self._value, value)))
        if isinstance(value, Sequence):
            return _joined(map(self._value, value))
        raise TypeError(f"a recipe's key cannot hold a value of {type(value)}: {value!r}")


def _of_project(module: str) -> bool:
    return module.partition(".")[0] in _PROJECT


def _names(code: CodeType) -> frozenset[str]:
    """Globals and attributes that a function names, with those of the functions inside it."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return frozenset(code.co_names).union(*map(_names, inner))


@functools.cache
def _source(thing: FunctionType | type) -> str:
    """The source without comments, docstrings and layout."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            texts = [one for one in node.body if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
            node.body = [one for one in node.body if one not in texts] or [ast.Pass()]
    return ast.unparse(tree)


def _place(path: Path) -> str:
    """A path without what belongs to one machine."""
    for top, name in ((ROOT, "checkout"), (CACHE, "cache")):
        if path.is_relative_to(top):
            return f"{name}/{path.relative_to(top)}"
    return str(path)


def _joined(texts: Iterable[str]) -> str:
    return f"({', '.join(texts)})"
