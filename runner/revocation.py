"""Somebody is held out at once by every node that is reached, entry nodes first, before any `up`.

What is in the declaration but not deployed, or the other way round, stays as it is: that is for the
next rollout. Whoever was held out before stays so. No node keeps the others waiting or spoils what
they do: one that answers nothing of use, or late, is named, and the others go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner import farewell
from runner.farewell import Base, Told, called
from runner.problem import RunnerError

if TYPE_CHECKING:
    import asyncssh

    from runner.ssh import Session

QUICK = 10.0
"""Seconds for a node to say whom it knows."""

PATIENCE = 20.0
"""Seconds for a node to hold somebody out: it ends their sessions too."""

Asking = set[asyncio.Task[None]]
"""One task a node."""

Open = Callable[[str], Awaitable["Session"]]
"""Opens a session to a node by its name."""


@dataclass(slots=True, kw_only=True)
class Revoked:
    """What became of it.

    Attributes:
        held: by node that holds them out now, the seconds from the start until it did.
        silent: by node that does not, why.
    """

    held: dict[str, float] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


class Revocation:
    """One operator's.

    Args:
        name: of the operator, as nodes know them.
        key: the push key.
        nodes: whom to tell.
        first: those of them that are told before the others: people come in by them.
        reach: opens a session to a node.
        tell: takes one short line at a time.
    """

    def __init__(
        self,
        name: str,
        *,
        key: asyncssh.SSHKey,
        nodes: Collection[str],
        first: Collection[str],
        reach: Open,
        tell: Callable[[str], None],
    ) -> None:
        self._name, self._key, self._nodes, self._first = name, key, nodes, set(first)
        self._reach, self._tell = reach, tell
        self._began = time.monotonic()
        self._sessions: dict[str, Session] = {}
        self._told: dict[str, Told] = {}
        self._line: str | None = None
        self._result = Revoked()

    async def run(self) -> Revoked:
        """Hold them out on every node that is reached."""
        asking: Asking = {asyncio.ensure_future(self._learn(node)) for node in self._nodes}
        try:
            asking = await self._enough(asking)
            self._line = self._newest()
            early = [*self._told]
            await self._hold(node for node in early if node in self._first)
            await self._hold(node for node in early if node not in self._first)
            if asking:
                await asyncio.wait(asking)
                if self._line is None:
                    self._line, early = self._newest(), []
                await self._hold(node for node in self._told if node not in early)
        finally:
            for one in asking:
                one.cancel()
            for session in self._sessions.values():
                session.close()
        return self._result

    async def _enough(self, asking: Asking) -> Asking:
        """Wait for all, or for a while longer once most have answered; those that have not."""
        until: float | None = None
        while asking:
            left = None if until is None else max(0.0, until - time.monotonic())
            done, asking = await asyncio.wait(
                asking, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            if until is None and 2 * len(self._told) > len(self._nodes):
                until = time.monotonic() + farewell.GRACE
        return asking

    async def _learn(self, node: str) -> None:
        try:
            self._sessions[node] = session = await self._reach(node)
            self._told[node] = farewell.told(node, await session.call("peers", seconds=QUICK))
        except RunnerError as error:
            self._result.silent[node] = error.what
        done = len(self._told) + len(self._result.silent)
        self._tell(f"asked {done} of {len(self._nodes)} nodes")

    def _newest(self) -> str | None:
        """The newest list without them; None where none that most nodes agree on has them."""
        bases = (Base.read(one.members, self._key) for one in self._told.values())
        base = max(bases, key=lambda one: one.serial, default=Base())
        known = [one.peers for one in self._told.values()]
        ids = called(known, lambda one: one == self._name) & base.ids
        return base.without(base.gone | ids, self._key) if ids else None

    async def _hold(self, nodes: Iterable[str]) -> None:
        await asyncio.gather(*(self._one(node) for node in sorted(nodes)))

    async def _one(self, node: str) -> None:
        name, knows = self._name, self._name in self._told[node].peers
        if self._line is None:
            if knows:
                said = "nodes do not agree on whose keys are theirs, or have no signed list"
                self._result.silent[node] = said
            return
        try:
            answer = await self._sessions[node].call(
                "hold", {"members": self._line}, seconds=PATIENCE
            )
            out = farewell.held(node, answer)
        except RunnerError as error:
            self._result.silent[node] = error.what
            return
        if name in out or not knows:
            self._result.held[node] = time.monotonic() - self._began
        else:
            said = "it has a newer list of members, and lets them in by that"
            self._result.silent[node] = said
