"""A rule, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from backplane.policy.seen import Mark, Seen, World

Kind = Literal["violation", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What a rule says of one resource.

    Attributes:
        kind: `violation`, or `unknown` where a value that decides is not known yet.
        where: The resource, None for the stack itself.
        what: One clause; names of properties, ports and networks, never another value.
    """

    kind: Kind
    where: Seen | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: Its stable name.
        says: What must be.
        why: What goes wrong otherwise.
        fix: How to keep to it.
        look: Finds what is against it, and what it cannot judge.
        marks: Whether it needs to know which values are secret.
        alone: Whether it can judge a resource without the rest of its stack.
    """

    id: str
    says: str
    why: str
    fix: str
    look: Callable[[World], Iterator[Trouble]]
    marks: bool = False
    alone: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What people and machines are told.

    Attributes:
        rule: The rule.
        kind: As in `Trouble`.
        urn: The resource's URN, empty for the stack.
        name: Its name.
        what: As in `Trouble`.
    """

    rule: Rule
    kind: Kind
    urn: str
    name: str
    what: str


def wrong(where: Seen | None, what: str) -> Trouble:
    """A violation."""
    return Trouble(kind="violation", where=where, what=what)


def hidden(where: Seen, key: str, mark: Mark) -> Trouble:
    """A value that decides and cannot be read: secret for good, or not known before `up`."""
    if mark is Mark.SECRET:
        return wrong(where, f"{key} is secret, so nobody can judge it")
    return Trouble(kind="unknown", where=where, what=f"{key} is not known yet")
