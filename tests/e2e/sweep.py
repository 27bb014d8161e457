"""Deleting whatever carries a run's label, until nothing does; it asks no state and no Pulumi."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.e2e.offer import LABEL, LIMITS, STACK, Account, Thing

PAUSE = 5.0
"""Seconds from one round to the next: clouds let go of things late."""

LOOKS = 2
"""How often in a row nothing must be found."""

Say = Callable[[str], None]


class NotOursError(Exception):
    """The name is no run's, so nothing of it is looked at."""


def sweep(
    account: Account,
    stack: str,
    say: Say,
    *,
    limit: float = LIMITS["sweep"],
    pause: float = PAUSE,
) -> list[Thing]:
    """Delete everything that carries the run's label; what is left when time is up.

    Two looks in a row must find nothing: what was ordered just before may turn up late.
    A thing that cannot go yet, since another one holds it, is tried again, and so is a cloud that
    does not answer; at the end its error is raised.

    Raises:
        NotOursError: The stack is no run of ours.
    """
    if not STACK.fullmatch(stack):
        raise NotOursError(
            f"{stack!r} is no run's name (e2e-, then eight of 0-9 and a-f): its stack may be "
            "somebody's, and nothing of it is touched"
        )
    end, empty = time.monotonic() + limit, 0
    while True:
        left = _found(account, stack, say, end, pause)
        say(f"{len(left)} with the label {LABEL}={stack}")
        empty = 0 if left else empty + 1
        if empty == LOOKS or (left and time.monotonic() >= end):
            return left
        for thing in left:
            _delete(account, thing, say)
        time.sleep(pause)


def _found(account: Account, stack: str, say: Say, end: float, pause: float) -> list[Thing]:
    while True:
        try:
            return account.found(stack)
        except Exception as error:
            say(f"the cloud does not answer: {str(error)[:200]}")
            if time.monotonic() >= end:
                raise
            time.sleep(pause)


def _delete(account: Account, thing: Thing, say: Say) -> None:
    try:
        account.delete(thing)
    except Exception as error:  # noqa: BLE001 - each vendor has its own, and the rest must go too
        say(f"not yet: {thing}: {str(error)[:200]}")
    else:
        say(f"deleted: {thing}")
