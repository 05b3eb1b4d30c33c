"""What an option of the configuration is: a field of a frozen model, which declares all there is to say about it.

A field's annotation, default, limits and texts are the whole declaration. `cilium_lab.config.load` validates by it, and
`options_of` lists it for the messages, Pulumi.yaml, the JSON Schema and docs/configuration.md.

Paths are relative to the project's namespace. `a.b` is a member of an object, `a[]` an element of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Final, Literal, TypeGuard, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from cilium_lab.config.formats import Format, Only

OptionType = Literal["string", "integer", "boolean", "array", "object"]

REQUIRED: Final = object()
"""The default of an option that must be given."""


def option_name(field_name: str) -> str:
    """What a field is called in a stack's file unless it has an alias: memory_mib is memoryMiB."""
    return re.sub("_([a-z])", lambda match: match[1].upper(), field_name).replace("Mib", "MiB").replace("Gib", "GiB")


class Options(BaseModel):
    """An object of the configuration. An empty text means "not set" where the default is None."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=option_name,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_unset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        members = cast(dict[str, object], given)
        if "" not in members.values():
            return members
        unset = {info.alias for info in cls.model_fields.values() if info.default is None}
        return {name: value for name, value in members.items() if value != "" or name not in unset}


def derived(description: str, example: object = None) -> Any:
    """An option whose default follows from others: None until `cilium_lab.config.schema.complete` fills it in."""
    return Field(default=None, description=description, examples=None if example is None else [example])


def model_of(name: str, fields: Mapping[str, tuple[Any, Any]]) -> Any:
    """A model with a field for each row of a table: annotation and what `Field` returned by the field's name."""
    return create_model(name, __base__=Options, **cast(dict[str, Any], fields))


@dataclass(frozen=True)
class Refused:
    """Texts that may well be expected to work, each with the reason why they don't."""

    reasons: Mapping[str, str]


@dataclass(frozen=True)
class Option:
    """One option as its declaration has it. Values are written as in a stack's file."""

    path: str
    type: OptionType
    description: str
    default: object
    """REQUIRED when it must be given, an empty text when it is not set."""
    example: object
    choices: tuple[object, ...] = ()
    format: Format | None = None
    low: int | None = None
    high: int | None = None
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    open: bool = False
    """An object whose members are not declared."""

    @property
    def parent(self) -> str:
        """The path of the object or list that holds this option; empty for a top-level one."""
        return self.path.removesuffix("[]") if self.path.endswith("[]") else self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def options_of(model: type[Options], path: str = "") -> tuple[Option, ...]:
    """All options of a model that stands at `path`, each object and list before its members."""
    return tuple(
        option for info in model.model_fields.values() for option in _options(member(path, str(info.alias)), info)
    )


def member(path: str, name: str) -> str:
    """The path of a member of the object at `path`; an empty path is the top level."""
    return f"{path}.{name}" if path else name


def children(options: Iterable[Option], path: str) -> tuple[Option, ...]:
    """The members of an object (or, for a path that ends in [], of a list's element); "" gives the top level."""
    return tuple(option for option in options if option.parent == path and not option.path.endswith("[]"))


def _options(path: str, info: FieldInfo) -> tuple[Option, ...]:
    """A field's own option, and those of what it holds."""
    kind = _without_none(info.annotation)
    default = _default(info)
    if _is_model(kind):
        members = options_of(kind, path)
        # What is not set, and what must be given, is no part of an object's default.
        default = {m.name: m.default for m in children(members, path) if m.default not in ("", REQUIRED)}
        return (_option(path, "object", info, default), *members)
    if get_origin(kind) is tuple:
        element = get_args(kind)[0]
        inside = f"{path}[]"
        held = (
            options_of(element, inside) if _is_model(element) else _options(inside, FieldInfo.from_annotation(element))
        )
        return (_option(path, "array", info, default), *held)
    if get_origin(kind) is Literal:
        return (_option(path, "string", info, default, choices=get_args(kind)),)
    only = [m.value for m in info.metadata if isinstance(m, Only)]
    simple: dict[object, OptionType] = {int: "integer", bool: "boolean"}
    if kind in simple:
        return (_option(path, simple[kind], info, default, choices=tuple(only)),)
    text = next((m for m in info.metadata if isinstance(m, Format)), None)
    if text:
        return (_option(path, "string", info, default, format=text),)
    return (_option(path, "object", info, default, open=True),)


def _option(path: str, kind: OptionType, info: FieldInfo, default: object, **more: Any) -> Option:
    choices = more.get("choices", ())
    example = info.examples[0] if info.examples else choices[0] if default in ("", REQUIRED) else default
    refused = next((m.reasons for m in info.metadata if isinstance(m, Refused)), dict[str, str]())
    low, high = _limit(info, "ge"), _limit(info, "le")
    return Option(path, kind, info.description or "", default, example, low=low, high=high, refused=refused, **more)


def _default(info: FieldInfo) -> object:
    if info.is_required():
        return REQUIRED
    return "" if info.default is None else _as_written(info.default)


def _as_written(value: object) -> object:
    """A value as a stack's file has it; members that are left to their defaults are left out."""
    if isinstance(value, Options):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, tuple):
        return [_as_written(element) for element in cast(tuple[object, ...], value)]
    return cast(object, to_jsonable_python(value))


def _limit(info: FieldInfo, name: str) -> int | None:
    return next((cast(int, getattr(m, name)) for m in info.metadata if hasattr(m, name)), None)


def _without_none(annotation: object) -> Any:
    """The X of `X | None`."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(annotation) and len(kinds) == 1 else annotation


def _is_model(kind: object) -> TypeGuard[type[Options]]:
    return isinstance(kind, type) and issubclass(kind, Options)
