"""Everything that is wrong with a configuration: every problem at once, each with a value that would be right.

Nothing here knows Pulumi; `cilium_lab.config.load.load` makes the engine's own error of a `ConfigErrors`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

NAMESPACE = "cilium-lab"


@dataclass(frozen=True)
class ConfigError:
    """One thing that is wrong.

    `key` is the path under the project's namespace, for example `hosts[1].address`.
    `example` is a value that would be right at `fix` (which is `key`, unless another option is the one to
    change).
    """

    key: str
    problem: str
    example: object
    fix: str = ""

    @property
    def fixed_key(self) -> str:
        """The path at which `example` is right."""
        return self.fix or self.key

    def __str__(self) -> str:
        # The namespace is written once, where the stack's file has it; deeper levels are plain YAML.
        right = f"{NAMESPACE}:{self.fixed_key}: {render(self.example)}"
        return f"{NAMESPACE}:{self.key}: {self.problem}\n      right: {right}"


class ConfigErrors(Exception):
    """All that is wrong with a configuration. Raised before any resource exists."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.errors)
        head = f"{count} error{'' if count == 1 else 's'} in the configuration; nothing was changed:"
        return "\n".join([head, *(f"  {n}. {error}" for n, error in enumerate(self.errors, 1))])


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


def render(value: object) -> str:
    """A value as it may be written in a stack's file: one line of YAML (JSON is YAML)."""
    if isinstance(value, str) and value and not value.startswith(("[", "{")):
        return value
    return json.dumps(value, ensure_ascii=False)
