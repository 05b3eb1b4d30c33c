"""Follows what errors offer as right, to see whether it is; and looks at one value by itself."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from cilium_lab.config.errors import ConfigError, ConfigErrors, Problems
from cilium_lab.config.load import parse, read
from cilium_lab.config.options import Option
from cilium_lab.config.schema import BY_PATH, LabConfig


def errors_of(raw: Mapping[str, Any]) -> tuple[ConfigError, ...]:
    """What `parse` finds wrong; empty when nothing is."""
    try:
        parse(raw)
    except ConfigErrors as errors:
        return errors.errors
    return ()


def errors_alone(raw: Mapping[str, Any]) -> tuple[ConfigError, ...]:
    """What is unknown, and what would be wrong in any configuration."""
    problems = Problems()
    read(LabConfig, raw, problems)
    return tuple(problems.errors)


def problem_alone(option: Option, value: object) -> str:
    """What is wrong with a value of an option by itself (not with what it holds); empty when nothing is."""
    path = option.path.replace("[]", "[0]")
    raw: dict[str, Any] = {}
    _set(raw, path, copy.deepcopy(value))
    return next((error.problem for error in errors_alone(raw) if error.key == path), "")


def corrected(raw: Mapping[str, Any], error: ConfigError) -> dict[str, Any]:
    """The configuration with the error's example put where the error says it is right."""
    result = copy.deepcopy(dict(raw))
    if error.fixed_key != error.key and "is not an option" in error.problem:
        # The object is named by the right option: an unknown name may hold dots, or nothing.
        _delete(result, error.fixed_key.rpartition(".")[0], error.key)
    _set(result, error.fixed_key, copy.deepcopy(error.example))
    return result


def correct_all(raw: Mapping[str, Any], limit: int = 40) -> dict[str, Any]:
    """Follows the first error's advice until nothing is wrong. Fails when that leads nowhere."""
    result = dict(raw)
    for _ in range(limit):
        errors = errors_of(result)
        if not errors:
            return result
        result = corrected(result, errors[0])
    raise AssertionError(f"still wrong after {limit} corrections: {[str(e) for e in errors_of(result)]}")


def _steps(path: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)]


def _set(raw: dict[str, Any], path: str, value: object) -> None:
    """Sets a path; what is not there yet comes from the defaults, as a user would write it down."""
    steps = _steps(path)
    node: Any = raw
    for depth, step in enumerate(steps[:-1]):
        missing = step not in node if isinstance(node, dict) else False
        if missing:
            option = BY_PATH[re.sub(r"\[\d+\]", "[]", _join(steps[: depth + 1]))]
            node[step] = copy.deepcopy(option.default)
        node = node[step]
    if steps[-1] == len(node) and isinstance(node, list):
        node.append(value)
    else:
        node[steps[-1]] = value


def _delete(raw: dict[str, Any], holder: str, path: str) -> None:
    node: Any = raw
    for step in _steps(holder):
        node = node[step]
    del node[path.removeprefix(f"{holder}.")]


def _join(steps: list[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
