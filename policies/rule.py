"""A policy of this pack: a name, a level, why it exists, what to do about it, and a pure check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from policies.resource import Resource

Level = Literal["mandatory", "advisory"]
Scope = Literal["resource", "stack"]
Options = Mapping[str, object]
"""A rule's settings by name: those of the pack's configuration, and the defaults of the rest."""


@dataclass(frozen=True)
class Finding:
    """One violation: the URN of the resource, and what was seen where something else was expected."""

    urn: str
    message: str


Check = Callable[[Sequence[Resource], Options], Iterable[Finding]]


@dataclass(frozen=True)
class Option:
    """A setting of a rule; `schema` is the JSON Schema of its value."""

    name: str
    default: object
    schema: Mapping[str, object]


@dataclass(frozen=True)
class Rule:
    """A rule of scope `resource` gets one resource at a time, one of scope `stack` all of them at once."""

    name: str
    scope: Scope
    reason: str
    remedy: str
    check: Check
    level: Level = "mandatory"
    options: tuple[Option, ...] = ()

    def settings(self, given: Options) -> Options:
        """The options as the check takes them."""
        return {**{option.name: option.default for option in self.options}, **given}


def number(options: Options, name: str) -> float:
    """A numeric option. TypeError when it is none, which the option's schema prevents."""
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"option {name} is {value!r}, not a number")
    return float(value)


def reasons(options: Options, name: str) -> Mapping[str, str]:
    """An option that maps what is accepted to the reason why; entries without a reason count as not given."""
    value = options[name]
    if not isinstance(value, Mapping):
        raise TypeError(f"option {name} is {value!r}, not an object")
    pairs = cast(Mapping[str, object], value).items()
    return {key: str(reason) for key, reason in pairs if str(reason).strip()}


REASONS_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "additionalProperties": {"type": "string", "minLength": 1},
}
