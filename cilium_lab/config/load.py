"""The only reader of `pulumi.Config`: the stack's configuration becomes one `LabConfig`, or one error with everything.

`parse` is pure and is what tests call; `load` only fetches what it is given.
"""

from __future__ import annotations

import copy
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cilium_lab.config.errors import NAMESPACE, ConfigErrors, Problems
from cilium_lab.config.formats import WRONG
from cilium_lab.config.options import REQUIRED, Option, Options, children, member, options_of
from cilium_lab.config.schema import BY_PATH, LabConfig, complete
from cilium_lab.config.validate import check

Model = TypeVar("Model", bound=Options)

_TYPES = {
    "string_type": "a text",
    "literal_error": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "an object",
    "dict_type": "an object",
}
"""What a value should have been, by the type of pydantic's error."""
_UNKNOWN = ("extra_forbidden", "invalid_key")


def load(config: pulumi.Config | None = None) -> LabConfig:
    """The running stack's configuration. Raises `pulumi.RunError` with every problem; nothing exists by then."""
    config = config or pulumi.Config(NAMESPACE)
    names = {option.name for option in children(BY_PATH.values(), "")} | _given(config.name)
    texts = {name: config.get(name) for name in names}
    try:
        return parse({name: decode(name, text) for name, text in texts.items() if text is not None})
    except ConfigErrors as errors:
        raise pulumi.RunError(str(errors)) from None


def decode(name: str, text: str) -> object:
    """A value as the engine hands it over (always a text) in the type that its option has.

    A text that does not fit is left as it is: `parse` then reports it like any other wrong value.
    """
    option = BY_PATH.get(name)
    if option is not None and option.type == "string":
        return text
    try:
        return cast(object, json.loads(text))
    except ValueError:
        return text


def parse(raw: Mapping[str, object]) -> LabConfig:
    """The configuration of what is given; names are without the project's namespace, what is not given has its default.

    Raises `ConfigErrors`, which lists every problem: unknown options, wrong types and formats, and values that
    don't fit together.
    """
    problems = Problems()
    lab = complete(read(LabConfig, raw, problems))
    check(lab, problems)
    if problems.errors:
        raise ConfigErrors(problems.errors)
    return lab


def read(model: type[Model], raw: Mapping[str, object], problems: Problems) -> Model:
    """The model of what is given, and every value that is wrong by itself added to `problems`.

    In the result a wrong value has its default (or its example), so that checks that compare several values can go on;
    they leave out what is not `Problems.sound`.
    """
    try:
        return _validate(model, raw)
    except ValidationError as error:
        details = error.errors(include_url=False)
    options = {option.path: option for option in options_of(model)}
    substituted = copy.deepcopy(dict(raw))
    for detail in details:
        place = _locate(detail["loc"], options)
        _report(detail, place, options, problems)
        _substitute(substituted, detail, place, options)
    return _validate(model, substituted)


def _validate(model: type[Model], raw: Mapping[str, object]) -> Model:
    # In a stack's file an option goes by its own name, and never by that of the field.
    return model.model_validate(dict(raw), by_alias=True, by_name=False)


def _given(namespace: str) -> set[str]:
    """The names of all options in the namespace, known or not: pulumi.Config can't list them."""
    given = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{namespace}:"
    return {name.removeprefix(prefix) for name in given if name.startswith(prefix)}


@dataclass(frozen=True)
class _Place:
    """Where a value stands: `path` in the configuration (hosts[1].cpus), `declared` in the schema (hosts[].cpus)."""

    steps: tuple[str | int, ...]
    path: str = ""
    declared: str = ""


def _locate(steps: tuple[str | int, ...], options: Mapping[str, Option]) -> _Place:
    path = declared = ""
    for depth, step in enumerate(steps):
        holder = options.get(declared)
        if holder and holder.open:
            # Nothing inside is declared, so it is wrong as a whole.
            return _Place(steps[:depth], path, declared)
        if holder and holder.type == "array":
            path, declared = f"{path}[{step}]", f"{declared}[]"
        else:
            path, declared = member(path, str(step)), member(declared, str(step))
    return _Place(steps, path, declared)


def _report(detail: ErrorDetails, place: _Place, options: Mapping[str, Option], problems: Problems) -> None:
    """Adds pydantic's error in the project's words."""
    if detail["type"] in _UNKNOWN:
        _report_unknown(place, options, problems)
        return
    option = options.get(place.declared)
    problem, example = _problem(detail, option)
    problems.add(place.path, problem, example or _example(place.declared, options))


def _problem(detail: ErrorDetails, option: Option | None) -> tuple[str, object]:
    """What is wrong, and a better example than the option's own if there is one."""
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return "is missing", None
    if kind == WRONG:
        context = detail.get("ctx", {})
        return context["problem"], context["example"]
    if option and kind == "literal_error" and isinstance(value, str):
        if value in option.refused:
            return f"{value!r} cannot be had in this lab: {option.refused[value]}", None
        return f"{value!r} is not one of {', '.join(map(str, option.choices))}", None
    if option and kind in ("greater_than_equal", "less_than_equal"):
        return f"{value} is not between {option.low} and {option.high}", None
    # A constraint that has no words here yet is told in pydantic's.
    return f"{value!r} is not {_TYPES[kind]}" if kind in _TYPES else f"{value!r}: {detail['msg']}", None


def _report_unknown(place: _Place, options: Mapping[str, Option], problems: Problems) -> None:
    holder = _locate(place.steps[:-1], options)
    known = {option.name: option for option in children(options.values(), holder.declared)}
    near = difflib.get_close_matches(str(place.steps[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
    right = known[near[0]] if near else next(iter(known.values()))
    fix = member(holder.path, right.name)
    problems.add(place.path, f"is not an option of this program; {hint}", right.example, fix)


def _example(declared: str, options: Mapping[str, Option]) -> object:
    """A right value; an object in a list is no option of its own, and is like the list's first."""
    if declared in options:
        return options[declared].example
    return cast(list[object], options[declared.removesuffix("[]")].example)[0]


def _substitute(raw: dict[str, Any], detail: ErrorDetails, place: _Place, options: Mapping[str, Option]) -> None:
    """Replaces a wrong value by its default, or by its example where it must be given; elements keep their places."""
    holder: Any = raw
    for step in place.steps[:-1]:
        holder = holder[step]
    last, option = place.steps[-1], options.get(place.declared)
    if detail["type"] in _UNKNOWN or (option and option.default is not REQUIRED):
        holder.pop(last, None)
    else:
        holder[last] = copy.deepcopy(_example(place.declared, options))
