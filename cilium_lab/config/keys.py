"""What a configuration key is: the entries that `cilium_lab.config.schema` is made of.

Paths are relative to the project's namespace. `a.b` is a member of an object, `a[]` an element of a list.
What is not given takes its default; a member whose default is `REQUIRED` must be given. An empty string means
"not set".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

KeyType = Literal["string", "integer", "boolean", "array", "object"]
Format = Literal["cidr", "address", "interface", "name", "link", "uri", "version", "image", "path", "pod", "any"]

REQUIRED: Final = object()


@dataclass(frozen=True)
class Key:
    """One key; `choices`, `form`, `low` and `high` are what the reader checks without looking at another key."""

    path: str
    type: KeyType
    description: str
    default: object
    example: object
    choices: tuple[str, ...] = ()
    form: Format | None = None
    low: int | None = None
    high: int | None = None
    refused: tuple[tuple[str, str], ...] = ()
    """Values that someone may well expect to work, each with the reason why it does not."""

    @property
    def parent(self) -> str:
        """The path of the object or list that holds this key; empty for a top-level key."""
        return self.path.removesuffix("[]") if self.path.endswith("[]") else self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def choice_key(path: str, default: object, choices: tuple[str, ...], description: str) -> Key:
    example = default if isinstance(default, str) and default else choices[0]
    return Key(path, "string", description, default, example, choices=choices)


def text_key(path: str, form: Format, default: object, description: str, example: str = "") -> Key:
    return Key(path, "string", description, default, example or default, form=form)


def number_key(path: str, default: int, low: int, high: int, description: str) -> Key:
    return Key(path, "integer", description, default, default, low=low, high=high)


def flag_key(path: str, default: bool, description: str) -> Key:
    return Key(path, "boolean", description, default, default)


def object_keys(path: str, description: str, members: tuple[Key, ...]) -> tuple[Key, ...]:
    """An object whose default is made of its members' defaults; members without one are left out of it."""
    children = [m for m in members if m.parent == path]
    default = {m.name: m.default for m in children if m.default not in ("", REQUIRED)}
    return (Key(path, "object", description, default, default), *members)


def list_keys(path: str, description: str, default: list[object], members: tuple[Key, ...]) -> tuple[Key, ...]:
    return (Key(path, "array", description, default, default), *members)
