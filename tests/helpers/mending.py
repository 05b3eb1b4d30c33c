"""Applies what errors offer as right, to see whether it is."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from cilium_lab.config.errors import ConfigError, ConfigErrors
from cilium_lab.config.load import parse
from cilium_lab.config.schema import BY_PATH


def errors_of(raw: Mapping[str, Any]) -> tuple[ConfigError, ...]:
    """What `parse` finds wrong; empty when nothing is."""
    try:
        parse(raw)
    except ConfigErrors as errors:
        return errors.errors
    return ()


def mended(raw: Mapping[str, Any], error: ConfigError) -> dict[str, Any]:
    """The configuration with the error's example put where the error says it is right."""
    result = copy.deepcopy(dict(raw))
    if error.fixed_key != error.key and "is not a key" in error.problem:
        _delete(result, error.key)
    _set(result, error.fixed_key, copy.deepcopy(error.example))
    return result


def mend_all(raw: Mapping[str, Any], limit: int = 40) -> dict[str, Any]:
    """Follows the first error's advice until nothing is wrong. Fails when that leads nowhere."""
    result = dict(raw)
    for _ in range(limit):
        errors = errors_of(result)
        if not errors:
            return result
        result = mended(result, errors[0])
    raise AssertionError(f"still wrong after {limit} mends: {[str(e) for e in errors_of(result)]}")


def _steps(path: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)]


def _set(raw: dict[str, Any], path: str, value: object) -> None:
    """Sets a path; what is not there yet comes from the defaults, as a user would write it down."""
    steps = _steps(path)
    node: Any = raw
    for depth, step in enumerate(steps[:-1]):
        missing = step not in node if isinstance(node, dict) else False
        if missing:
            key = BY_PATH[re.sub(r"\[\d+\]", "[]", _join(steps[: depth + 1]))]
            node[step] = copy.deepcopy(key.default)
        node = node[step]
    node[steps[-1]] = value


def _delete(raw: dict[str, Any], path: str) -> None:
    node: Any = raw
    steps = _steps(path)
    for step in steps[:-1]:
        node = node[step]
    del node[steps[-1]]


def _join(steps: list[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
