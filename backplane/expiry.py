"""How long people may still come in. Pure: what day it is, whoever asks says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from backplane.days import DAY, end_of

if TYPE_CHECKING:
    from backplane.plan import Plan

WARNED = 7 * DAY
"""Seconds before the end of an operator's last day from which on people are told."""

State = Literal["", "soon", "over"]


def state(day: str | None, now: float) -> State:
    """Whether somebody's last day is near or over.

    Args:
        day: ISO 8601; None for no end.
        now: seconds since 1970.
    """
    if day is None:
        return ""
    left = end_of(day) - now
    return "over" if left <= 0 else "soon" if left < WARNED else ""


def warnings(plan: Plan, now: float) -> Iterator[str]:
    """A line for each operator whose last day is near or over, by name.

    Args:
        plan: the mesh.
        now: seconds since 1970.
    """
    for person in plan.people:
        match state(person.expires, now):
            case "over":
                yield (
                    f"operator {person.name}: {person.expires} is over, every node refuses them; "
                    f"write a later day, or run `backplane operator revoke {person.name}`"
                )
            case "soon":
                yield (
                    f"operator {person.name}: the last day is {person.expires}; write a later one "
                    "if they are to stay"
                )
            case _:
                pass
