"""Whether `ciliumValues` fits the chart: keys that its templates read, of the types that they read them as."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from cilium_lab.config.chart_types import of_version
from cilium_lab.config.errors import Problems

EXAMPLE = {"bpf": {"mapDynamicSizeRatio": 0.005}}
_OPTION = "ciliumValues"
_KUBERNETES = frozenset(
    (
        "affinity",
        "annotations",
        "capabilities",
        "certManagerIssuerRef",
        "certsVolume",
        "commonLabels",
        "content",
        "initResources",
        "labels",
        "lifecycle",
        "livenessProbe",
        "nodeSelector",
        "podAnnotations",
        "podLabels",
        "podSecurityContext",
        "readinessProbe",
        "resources",
        "seLinuxOptions",
        "securityContext",
        "serviceAnnotations",
        "startupProbe",
        "tolerations",
        "updateStrategy",
    )
)
"""What the templates copy into objects as it is: the schema names only the members of the chart's own defaults."""


def refuse_unfit(given: Mapping[str, object], version: str, problems: Problems) -> None:
    """Reports every key that the chart of that version (x.y.z) does not have, and every value of another type, by its
    path.

    Values are not shown, for they may be secrets. A null stands for the chart's own value, as in Helm.
    """
    told = [error.key for error in problems.errors]
    types = of_version(version)
    try:
        _adapter(types).validate_python(_without_null(given))
    except ValidationError as error:
        for path, one in _by_path(given, error):
            key = f"{_OPTION}.{'.'.join(path)}"
            if any(step in _KUBERNETES or step.isdecimal() for step in path[:-1]):
                continue  # the API server judges that
            if any(f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.") for other in told):
                continue  # it may not be set at all
            if one["type"] == "extra_forbidden":
                problem = f"the chart of {version} has no such key{_hint(types, path)}"
            else:
                problem = f"{one['msg'][0].lower()}{one['msg'][1:]}, and it is {type(one['input']).__name__}"
            problems.add(key, problem, EXAMPLE, _OPTION)


@functools.cache
def _adapter(types: ModuleType) -> TypeAdapter[Mapping[str, object]]:
    """The types are plain ones for the type checker; here they become closed and strict."""
    for kind in vars(types).values():
        if is_typeddict(kind):
            kind.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    return TypeAdapter(types.ChartValues)


def _without_null(tree: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _without_null(cast(Mapping[str, object], value)) if isinstance(value, Mapping) else value
        for name, value in tree.items()
        if value is not None
    }


def _by_path(given: Mapping[str, object], error: ValidationError) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The first error of each path. Of a union pydantic names each alternative, also within the path."""
    seen: set[tuple[str, ...]] = set()
    for one in error.errors(include_url=False):
        path: list[str] = []
        place: object = given
        for step in one["loc"]:
            found = _member(place, step)
            if found is not _NONE:
                place = found
                path.append(str(step))
        if tuple(path) not in seen:
            seen.add(tuple(path))
            yield tuple(path), one


_NONE = object()


def _member(place: object, step: str | int) -> object:
    """A member of an object or a list; _NONE where it has none of that name or number."""
    if isinstance(place, Mapping):
        return cast(Mapping[str | int, object], place).get(step, _NONE)
    if isinstance(place, list) and isinstance(step, int):
        return cast(list[object], place)[step]
    return _NONE


def _hint(types: ModuleType, path: tuple[str, ...]) -> str:
    kind: Any = types.ChartValues
    for step in path[:-1]:
        kind = kind.__annotations__.get(step) if is_typeddict(kind) else None
        kind = getattr(types, kind.__forward_arg__, None) if hasattr(kind, "__forward_arg__") else kind
    known = sorted(kind.__annotations__) if is_typeddict(kind) else []
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
    return f"; did you mean {'.'.join([*path[:-1], near[0]])}?" if near else ""
