"""Label selectors and node selector terms of the Kubernetes API, as it writes them: whether labels match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Labels = Mapping[str, str]


def matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """A LabelSelector (meta/v1): None selects nothing, an empty one everything."""
    if selector is None:
        return False
    wanted: Labels = selector.get("matchLabels") or {}
    rules: list[dict[str, Any]] = selector.get("matchExpressions") or []
    return wanted.items() <= labels.items() and all(requirement(rule, labels) for rule in rules)


def requirement(rule: Mapping[str, Any], labels: Labels) -> bool:
    """A requirement of either kind of selector (meta/v1, core/v1); a label that is missing is not in any list."""
    has = rule["key"] in labels
    value = labels.get(rule["key"], "")
    match rule["operator"]:
        case "Exists":
            return has
        case "DoesNotExist":
            return not has
        case "In":
            return has and value in rule["values"]
        case "Gt" | "Lt" as operator:
            bound = int(rule["values"][0])
            return _whole(value) and (int(value) > bound if operator == "Gt" else int(value) < bound)
        case _:
            return not has or value not in rule["values"]


def node_term(term: Mapping[str, Any], name: str, labels: Labels) -> bool:
    """A NodeSelectorTerm (core/v1): all of it has to match; an empty one matches no node."""
    expressions: list[dict[str, Any]] = term.get("matchExpressions") or []
    fields: list[dict[str, Any]] = term.get("matchFields") or []
    if not expressions and not fields:
        return False
    return all(requirement(rule, labels) for rule in expressions) and all(
        requirement(rule, {"metadata.name": name}) for rule in fields
    )


def _whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
