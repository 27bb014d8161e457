"""Somebody is held out at once by every node that is reached, entry nodes first, before any `up`.

What is in the declaration but not deployed, or the other way round, stays as it is: that is for the
next rollout. Whoever was held out before stays so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runner.farewell import Base, called
from runner.problem import RunnerError

if TYPE_CHECKING:
    import asyncssh

    from runner.ssh import Session

PATIENCE = 20.0
"""Seconds for a node to hold somebody out: it ends their sessions too."""

Open = Callable[[str], Awaitable["Session"]]
"""Opens a session to a node by its name."""


@dataclass(slots=True, kw_only=True)
class Revoked:
    """What became of it.

    Attributes:
        known: nodes that knew the person.
        held: by node that holds them out now, the seconds from the start until it did.
        silent: by node that does not, why.
    """

    known: list[str] = field(default_factory=list)
    held: dict[str, float] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


async def revoke(
    name: str,
    *,
    key: asyncssh.SSHKey,
    nodes: Collection[str],
    first: Collection[str],
    reach: Open,
    tell: Callable[[str], None],
) -> Revoked:
    """Hold an operator out on every node that is reached.

    Args:
        name: of the operator, as nodes know them.
        key: the push key.
        nodes: whom to tell.
        first: those of them that are told before the others: people come in by them.
        reach: opens a session to a node.
        tell: takes one short line at a time.
    """
    began = time.monotonic()
    result = Revoked()
    sessions: dict[str, Session] = {}
    told: dict[str, Mapping[str, Any]] = {}

    async def learn(node: str) -> None:
        try:
            sessions[node] = await reach(node)
            told[node] = await sessions[node].call("peers")
        except RunnerError as error:
            result.silent[node] = error.what
        tell(f"asked {len(told) + len(result.silent)} of {len(nodes)} nodes")

    async def hold(node: str, line: str) -> None:
        try:
            answer = await sessions[node].call("hold", {"members": line}, seconds=PATIENCE)
        except RunnerError as error:
            result.silent[node] = error.what
            return
        if name in answer["held"] or name not in told[node]["peers"]:
            result.held[node] = time.monotonic() - began
        else:
            result.silent[node] = "it has a newer list of members, and lets them in by that"

    try:
        await asyncio.gather(*(learn(node) for node in nodes))
        result.known = sorted(node for node, one in told.items() if name in one["peers"])
        line = _line(name, list(told.values()), key)
        if line is None:
            return result
        tell(f"holding {name} out")
        for group in (set(first) & set(told), set(told) - set(first)):
            await asyncio.gather(*(hold(node, line) for node in sorted(group)))
    finally:
        for session in sessions.values():
            session.close()
    return result


def _line(name: str, told: Collection[Mapping[str, Any]], key: asyncssh.SSHKey) -> str | None:
    """The newest list without the person; None where no list has them."""
    base = max(
        (Base.read(one["members"], key) for one in told), key=lambda one: one.serial, default=Base()
    )
    ids = called([one["peers"] for one in told], lambda one: one == name) & base.ids
    return base.without(base.gone | ids, key) if ids else None
