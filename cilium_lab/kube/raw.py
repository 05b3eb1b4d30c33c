"""Members of the API's objects, which leave out what is empty or not set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Object = Mapping[str, Any]


def member(of: Object, *names: str) -> Object:
    """The object behind these names; an empty one where any of them is missing."""
    found: Object = of
    for name in names:
        found = cast(Object, found.get(name) or {})
    return found


def listed(of: Object, *names: str) -> list[Object]:
    """The list behind these names; an empty one where any of them is missing."""
    return cast(list[Object], member(of, *names[:-1]).get(names[-1]) or [])
