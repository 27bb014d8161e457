"""All rules, and one pass of them."""

from __future__ import annotations

from collections.abc import Iterable

from backplane.policy import inbound, kinds, machines, plain
from backplane.policy.rule import Finding, Rule
from backplane.policy.seen import World

RULES: tuple[Rule, ...] = (
    kinds.KNOWN,
    inbound.ONLY_FOUR,
    inbound.NO_TCP,
    machines.BEHIND,
    machines.METADATA,
    machines.ENCRYPTED,
    machines.PROTECTED,
    plain.SECRET_INPUTS,
    plain.NO_PLAIN,
    plain.QUIET,
)
"""There is no way to leave one out: no key of a declaration, no option, no list of exceptions."""


def judge(world: World, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """What is against the rules, and what they cannot judge yet; by rule, then as it is listed."""
    return [
        Finding(
            rule=rule,
            kind=one.kind,
            urn=one.where.urn if one.where else "",
            name=one.where.name if one.where else f"stack {world.stack}",
            what=one.what,
        )
        for rule in rules
        for one in rule.look(world)
    ]
