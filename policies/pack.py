"""Rules become Pulumi policies here; no other module of the pack imports Pulumi.

Stack policies get the outputs of resources, which a cluster that does not exist yet has none of. So every resource's
inputs are remembered when the engine shows them, and checked together at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies import access, cilium, control_plane, network, size, supply
from policies.resource import UNKNOWN, Resource
from policies.rule import Rule

RULES: tuple[Rule, ...] = (
    *cilium.RULES,
    *network.RULES,
    *supply.RULES,
    *access.RULES,
    *control_plane.RULES,
    *size.RULES,
)


class Memory:
    """The inputs of the resources that the engine has shown, by URN."""

    def __init__(self) -> None:
        self._shown: dict[str, Resource] = {}

    def show(self, args: ResourceValidationArgs) -> Resource:
        """The resource that is being checked, remembered."""
        resource = Resource(
            type=args.resource_type,
            name=args.name,
            urn=args.urn,
            props=plain_object(args.props),
            parent=args.opts.parent or "",
            secret_outputs=frozenset(args.opts.additional_secret_outputs),
            provider=plain_object(args.provider.props) if args.provider else {},
        )
        self._shown[resource.urn] = resource
        return resource

    def recall(self, found: PolicyResource) -> Resource:
        """A resource of the finished stack with its inputs, or its outputs where they were not shown (--target)."""
        outputs = plain_object(found.props)
        shown = self._shown.get(found.urn)
        return Resource(
            type=found.resource_type,
            name=found.name,
            urn=found.urn,
            props=shown.props if shown else outputs,
            parent=found.opts.parent or "",
            outputs=outputs,
            secret_outputs=frozenset(found.opts.additional_secret_outputs),
            depends_on=frozenset(other.urn for other in found.dependencies),
            provider=plain_object(found.provider.props) if found.provider else {},
        )


def policies() -> list[Policy]:
    """Every rule as a policy; all of them share one memory."""
    memory = Memory()
    return [policy(rule, memory) for rule in RULES]


def policy(rule: Rule, memory: Memory) -> Policy:
    """One rule as a policy of its scope."""

    def check(resources: Sequence[Resource], given: Mapping[str, object], report: ReportViolation) -> None:
        for finding in rule.check(resources, rule.settings(given)):
            report(finding.message, finding.urn)

    def resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
        check([memory.show(args)], args.get_config(), report)

    def stack(args: StackValidationArgs, report: ReportViolation) -> None:
        check([memory.recall(found) for found in args.resources], args.get_config(), report)

    level = EnforcementLevel(rule.level)
    description = f"{rule.reason} Remedy: {rule.remedy}."
    schema = _schema(rule)
    family = [rule.name.partition("-")[0]]
    if rule.scope == "resource":
        return ResourceValidationPolicy(
            rule.name, description, resource, level, schema, remediation_steps=rule.remedy, tags=family
        )
    return StackValidationPolicy(
        rule.name, description, stack, level, schema, remediation_steps=rule.remedy, tags=family
    )


def _schema(rule: Rule) -> PolicyConfigSchema | None:
    properties = {option.name: {**option.schema, "default": option.default} for option in rule.options}
    return PolicyConfigSchema(properties) if properties else None


def plain_object(props: Mapping[str, object]) -> dict[str, object]:
    """The engine's properties as plain data, with UNKNOWN for what a preview can't know."""
    return {name: _member(props, name) for name in props}


def _member(holder: Mapping[str, object] | Sequence[object], key: str | int) -> object:
    try:
        # a name for a mapping, a position for a sequence: the type of one does not tell that of the other
        value = holder[key]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType]
    except UnknownValueError:
        return UNKNOWN
    if isinstance(value, Mapping):
        return plain_object(cast(Mapping[str, object], value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        listed = cast(Sequence[object], value)
        return [_member(listed, index) for index in range(len(listed))]
    return cast(object, value)
