"""Runs one rule of the policy pack on resources, as the pack would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from policies.pack import RULES
from policies.resource import Resource
from policies.rule import Finding, Rule
from tests.helpers.recorded_lab import changed, lab

BY_NAME = {rule.name: rule for rule in RULES}

Resources = tuple[Resource, ...]
Change = Callable[[Resources], Resources]
Case = tuple[str, str, Change, str]
"""The rule that must be violated, the stack, the smallest change that does it, words of the finding."""


def judge(rule: Rule, resources: Sequence[Resource], **options: Any) -> list[Finding]:
    """What the rule finds, one resource at a time where that is its scope."""
    settings = rule.settings(options)
    if rule.scope == "stack":
        return list(rule.check(resources, settings))
    return [finding for resource in resources for finding in rule.check([resource], settings)]


def findings(name: str, resources: Sequence[Resource], **options: Any) -> list[str]:
    """Each finding of the rule as `resource: message`."""
    return [f"{f.urn.rpartition('::')[2]}: {f.message}" for f in judge(BY_NAME[name], resources, **options)]


def setting(name: str, path: str, value: object) -> Change:
    """Sets one input of one resource; None takes it away."""
    return lambda resources: changed(resources, name, path, value)


def replacing(name: str, path: str, old: str, new: str) -> Change:
    """Replaces words in one input, which must be there."""

    def change(resources: Resources) -> Resources:
        text = next(resource for resource in resources if resource.name == name).text(path)
        assert old in text, f"{name} has no {old!r} in {path}"
        return changed(resources, name, path, text.replace(old, new))

    return change


def without(name: str) -> Change:
    """Takes a resource away."""

    def change(resources: Resources) -> Resources:
        kept = tuple(resource for resource in resources if resource.name != name)
        assert len(kept) < len(resources), f"no resource is named {name}"
        return kept

    return change


def having(name: str, **fields: Any) -> Change:
    """Changes what is no input: depends_on, secret_outputs, outputs, provider."""
    return lambda resources: tuple(replace(r, **fields) if r.name == name else r for r in resources)


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(resources: Resources) -> Resources:
        for one in changes:
            resources = one(resources)
        return resources

    return change


def assert_refused(case: Case) -> None:
    """The stack passes the rule as it is, and no longer after the change, which the finding describes."""
    name, stack, change, words = case
    assert findings(name, lab(stack)) == []
    found = findings(name, change(lab(stack)))
    assert any(words in finding for finding in found), found
