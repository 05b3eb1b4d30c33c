"""One resource as a policy sees it: plain properties, without Pulumi.

The engine shows a policy the inputs of a resource, its parent and its dependencies. It does not show what the stack
was before, which values are secrets, and what a resource is deleted with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast


class Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()
"""A value that a preview can't know yet. To a check it is neither wrong nor missing."""

Props = Mapping[str, object]


@dataclass(frozen=True)
class Resource:
    """`props` are the inputs, `outputs` what is known of the result. References to others are URNs."""

    type: str
    name: str
    urn: str
    props: Props
    parent: str = ""
    outputs: Props = field(default_factory=dict[str, object])
    secret_outputs: frozenset[str] = frozenset()
    depends_on: frozenset[str] = frozenset()
    provider: Props = field(default_factory=dict[str, object])
    """The inputs of the resource's provider."""

    def at(self, path: str) -> object:
        """The input at a dotted path; None where there is none, UNKNOWN where it or what holds it is unknown."""
        return at(self.props, path)

    def text(self, path: str) -> str:
        """The input at a dotted path when it is a text, else an empty one."""
        value = self.at(path)
        return value if isinstance(value, str) else ""


def at(value: object, path: str) -> object:
    """What lies at a dotted path below nested objects; None where there is nothing."""
    for name in path.split("."):
        if isinstance(value, Unknown):
            return UNKNOWN
        if not isinstance(value, Mapping):
            return None
        value = cast(Props, value).get(name)
    return value


def mapping(value: object) -> Props:
    """The value if it is an object, else an empty one."""
    return cast(Props, value) if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    """The value if it is a list, else an empty one."""
    return cast(Sequence[object], value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def texts_in(value: object) -> list[str]:
    """The texts of a list; whatever else it holds is left out."""
    return [item for item in items(value) if isinstance(item, str)]


def name_of(urn: str) -> str:
    """The resource's name in a URN."""
    return urn.rpartition("::")[2]


def type_of(urn: str) -> str:
    """The resource's own type in a URN, without those of its parents."""
    fields = urn.split("::")
    return fields[2].rpartition("$")[2] if len(fields) > 3 else ""
