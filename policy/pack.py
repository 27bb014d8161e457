"""Policies out of the rules: each judges one resource, and once more the stack as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from backplane.policy import RULES, Finding, Mark, Rule, Seen, World, judge
from backplane.policy.documents import told

CARRIED: tuple[Rule, ...] = tuple(rule for rule in RULES if not rule.marks)
"""The library takes secrets' marks off, so what needs them is for `backplane policy` alone."""

Resource = ResourceValidationArgs | PolicyResource


def policies() -> list[Policy]:
    """Every policy of the pack, all of them mandatory."""
    made: list[Policy] = [
        ResourceValidationPolicy(
            name=rule.id,
            description=_says(rule),
            validate=partial(_one, rule),
            enforcement_level=EnforcementLevel.MANDATORY,
        )
        for rule in CARRIED
        if rule.alone
    ]
    made += [
        StackValidationPolicy(
            name=f"stack-{rule.id}",
            description=_says(rule),
            validate=partial(_all, rule),
            enforcement_level=EnforcementLevel.MANDATORY,
        )
        for rule in CARRIED
    ]
    return made


def _says(rule: Rule) -> str:
    return f"{rule.says}: {rule.why}"


def _one(rule: Rule, args: ResourceValidationArgs, report: ReportViolation) -> None:
    parent = getattr(args.opts, "parent", None) or ""
    world = World(stack=_stack(args.urn), resources=(_seen(args, parent),), whole=False)
    for one in _violations(rule, world):
        report(f"{one.name}: {one.what}. Fix: {rule.fix}", None)


def _all(rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
    seen = tuple(_seen(one, one.parent.urn if one.parent else "") for one in args.resources)
    if not seen:
        return
    protect, retired = told(seen)
    world = World(
        stack=_stack(seen[0].urn),
        resources=seen,
        # Ids are not told here, so a server's firewall cannot be looked up.
        whole=False,
        protect=protect,
        retired=retired,
    )
    for one in _violations(rule, world):
        report(f"{one.name}: {one.what}. Fix: {rule.fix}", one.urn or None)


def _violations(rule: Rule, world: World) -> list[Finding]:
    """What is against a rule; what is not known yet is judged by the run that knows it."""
    return [one for one in judge(world, [rule]) if one.kind == "violation"]


def _seen(told_of: Resource, parent: str) -> Seen:
    props = _read(told_of.props)
    return Seen(
        urn=told_of.urn,
        type=told_of.resource_type,
        inputs=props,
        outputs=props,
        parent=parent,
        protect=bool(told_of.opts.protect),
    )


def _stack(urn: str) -> str:
    return urn.partition("::")[0].removeprefix("urn:pulumi:")


def _read(value: Any) -> Any:  # noqa: ANN401 - any property
    """A property without the wrapping that raises where a value is not known."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_item(value, number) for number in range(len(value))]
    return value


def _item(holder: Any, key: Any) -> Any:  # noqa: ANN401 - a mapping and its key, or a list and its
    try:
        return _read(holder[key])
    except UnknownValueError:
        return Mark.UNKNOWN
