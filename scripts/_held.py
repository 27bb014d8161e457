"""SSH sessions to nodes that one look leaves open for the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from runner.credentials import Credentials
from runner.ssh import Session, Unreachable, private_key

AGAIN = 0.5
"""Seconds between two attempts to reach a node."""

Told = TypeVar("Told")


class Held:
    """Sessions by node and plane.

    Attributes:
        opened: how many sessions were made since this was last set.
        kept: how many talks found theirs open.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._open: dict[tuple[str, str], Session] = {}
        self.opened = self.kept = 0

    async def talk(
        self,
        credentials: Credentials,
        way: tuple[str, str],
        until: float,
        ask: Callable[[Session], Awaitable[Told]],
    ) -> Told:
        """Ask a node over a plane; a session that died meanwhile is made anew, once.

        Args:
            credentials: how to reach it; the tunnel must be up.
            way: the node's name, and the plane's slot.
            until: when it is given up, monotonic seconds.
            ask: what is asked.

        Raises:
            Unreachable: it does not answer.
            Refused: it does, and says no.
        """
        if (there := self._open.pop(way, None)) is not None:
            try:
                told = await self._talk(way, there, ask)
            except Unreachable:
                pass
            else:
                self.kept += 1
                return told
        session = await _reach(credentials, way, until)
        self.opened += 1
        return await self._talk(way, session, ask)

    async def _talk(
        self, way: tuple[str, str], session: Session, ask: Callable[[Session], Awaitable[Told]]
    ) -> Told:
        try:
            told = await ask(session)
        except BaseException:
            # What was cut off in the middle of an answer is used no more.
            session.close()
            raise
        if self._keep:
            self._open[way] = session
        else:
            session.close()
        return told

    def close(self) -> None:
        """End all sessions."""
        for session in self._open.values():
            session.close()
        self._open.clear()


async def _reach(credentials: Credentials, way: tuple[str, str], until: float) -> Session:
    key = private_key(credentials.push_key)
    while True:
        try:
            return await Session.open(credentials.place(*way), key)
        except Unreachable:
            if time.monotonic() >= until:
                raise
        await asyncio.sleep(AGAIN)
