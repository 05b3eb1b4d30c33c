"""Reads untyped values by the table of keys and collects every problem instead of stopping at the first.

A value that is wrong is replaced by its default (or its example), so that reading goes on; its path is
remembered, and checks that compare several values leave it out (`Problems.sound`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import cast

from cilium_lab.config.errors import ConfigError
from cilium_lab.config.formats import judge
from cilium_lab.config.keys import REQUIRED, Key
from cilium_lab.config.schema import BY_PATH, children


@dataclass
class Problems:
    """What was found wrong so far."""

    errors: list[ConfigError] = field(default_factory=list[ConfigError])
    _bad: set[str] = field(default_factory=set[str])

    def add(self, key: str, problem: str, example: object, fix: str = "") -> None:
        self.errors.append(ConfigError(key, problem, example, fix))
        self._bad.add(key)

    def sound(self, *paths: str) -> bool:
        """Whether nothing was wrong with any of the values, nor with what holds them or is held by them."""

        def related(path: str, bad: str) -> bool:
            return path == bad or path.startswith((f"{bad}.", f"{bad}[")) or bad.startswith((f"{path}.", f"{path}["))

        return not any(related(path, bad) for path in paths for bad in self._bad)


class Reader:
    """One object of the configuration: `path` is where it is ("hosts[1]"), `schema` its key in the table."""

    def __init__(self, raw: Mapping[str, object], problems: Problems, path: str = "", schema: str = "") -> None:
        self._raw = raw
        self._problems = problems
        self._path = path
        self._schema = schema
        self._refuse_unknown()

    def at(self, name: str) -> str:
        """The full path of a member."""
        return f"{self._path}.{name}" if self._path else name

    def text(self, name: str) -> str:
        return cast(str, self._value(name))

    def number(self, name: str) -> int:
        return cast(int, self._value(name))

    def flag(self, name: str) -> bool:
        return cast(bool, self._value(name))

    def mapping(self, name: str) -> Mapping[str, object]:
        return cast(Mapping[str, object], self._value(name))

    def network(self, name: str) -> IPv4Network:
        return IPv4Network(self.text(name))

    def address(self, name: str) -> IPv4Address:
        return IPv4Address(self.text(name))

    def interface(self, name: str) -> IPv4Interface:
        return IPv4Interface(self.text(name))

    def object(self, name: str) -> Reader:
        """The reader of a member that is an object."""
        return Reader(self.mapping(name), self._problems, self.at(name), self._key(name).path)

    def objects(self, name: str) -> list[Reader]:
        """The readers of a list of objects; an element that is none is reported and left out."""
        schema = f"{self._key(name).path}[]"
        example = cast(Sequence[object], self._key(name).example)[0]
        readers: list[Reader] = []
        for i, item in enumerate(self._elements(name)):
            path = f"{self.at(name)}[{i}]"
            if isinstance(item, Mapping):
                readers.append(Reader(cast(Mapping[str, object], item), self._problems, path, schema))
            else:
                self._problems.add(path, f"{item!r} is not an object", example)
        return readers

    def networks(self, name: str) -> tuple[IPv4Network, ...]:
        """A list of ranges; wrong elements are reported and left out."""
        return tuple(IPv4Network(text) for text in self.texts(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; wrong elements are reported and left out."""
        key = BY_PATH[f"{self._key(name).path}[]"]
        return tuple(
            cast(str, item)
            for i, item in enumerate(self._elements(name))
            if self._check(key, item, f"{self.at(name)}[{i}]")
        )

    def _key(self, name: str) -> Key:
        return BY_PATH[f"{self._schema}.{name}" if self._schema else name]

    def _elements(self, name: str) -> Sequence[object]:
        return cast(Sequence[object], self._value(name))

    def _value(self, name: str) -> object:
        key = self._key(name)
        if name in self._raw:
            value = self._raw[name]
            if key.type == "string" and value == "" and key.default == "":
                return ""
            if self._check(key, value, self.at(name)):
                return value
        elif key.default is not REQUIRED:
            return key.default
        else:
            self._problems.add(self.at(name), "is missing", key.example)
        return key.example if key.default is REQUIRED else key.default

    def _check(self, key: Key, value: object, path: str) -> bool:
        problem, example = judge(key, value)
        if problem:
            self._problems.add(path, problem, example)
        return not problem

    def _refuse_unknown(self) -> None:
        known = [key.name for key in children(self._schema)]
        for name in self._raw:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
                example = self._key(near[0] if near else known[0]).example
                fix = self.at(near[0] if near else known[0])
                self._problems.add(self.at(name), f"is not a key of this program; {hint}", example, fix)
