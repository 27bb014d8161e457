"""One node of a rollout: two ways to reach it, and calls that survive the loss of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner import ends
from runner.order import Target
from runner.ssh import JSON, Place, Session, Unreachable

if TYPE_CHECKING:
    import asyncssh

WAYS = ("wg1", "wg0")
"""The two ways to a node, the main one first."""

AGAIN = 0.5
"""Seconds between two tries to reach a node that does not answer."""


class Member:
    """A node, its sessions by plane, what it said about itself and its peers, and its clocks.

    `ahead` is ns that its monotonic clock is ahead of the runner's, `off` seconds that its wall
    clock is; both are known once measured. `ways` is what BGP brought it before the change, and
    `carries` whether it has such after.

    Args:
        target: The node and what it must become.
        key: The key that opens root's session.
        dials: Bounds how many nodes are dialled at a time.
    """

    def __init__(self, target: Target, key: asyncssh.SSHKey, dials: asyncio.Semaphore) -> None:
        self.target = target
        self.before: JSON = {}
        self.silent: frozenset[str] = frozenset()
        self.ends: ends.Told = {}
        self.ways: JSON = {}
        self.carries = False
        self.ahead = 0
        self.off = 0.0
        self._key = key
        self._dials = dials
        self._sessions: dict[str, Session] = {}

    @property
    def name(self) -> str:
        """Name of the node."""
        return self.target.name

    async def open(self, plane: str) -> Session:
        """A new session over `wg1` or `wg0`, in place of an old one there."""
        host = self.target.wg1 if plane == "wg1" else self.target.wg0
        place = Place(
            node=self.name, host=host, port=self.target.port, host_key=self.target.host_key
        )
        async with self._dials:
            session = await Session.open(place, self._key)
        old = self._sessions.pop(plane, None)
        if old is not None:
            old.close()
        self._sessions[plane] = session
        return session

    async def call(self, verb: str, request: JSON | None = None, *, seconds: float = 20.0) -> JSON:
        """Run a verb over a session that is there, else over a new one, wg1 first.

        Every verb may be repeated: a lost answer is asked for again on the other plane.

        Args:
            verb: The node tool's verb.
            request: Its JSON.
            seconds: How long to go on trying.

        Raises:
            Refused: The node said no.
            Unreachable: No way led to an answer in time.
        """
        until = time.monotonic() + seconds
        while True:
            trouble: Unreachable | None = None
            for plane in self._ways():
                left = max(until - time.monotonic(), 1.0)
                try:
                    session = self._sessions.get(plane) or await self.open(plane)
                    return await session.call(verb, request, seconds=left)
                except Unreachable as error:
                    # The words of the main plane say more than those of the second way.
                    trouble = error if trouble is None or plane == WAYS[0] else trouble
                    self.drop(plane)
            if time.monotonic() >= until and trouble is not None:
                raise trouble
            await asyncio.sleep(AGAIN)

    async def session(self) -> Session:
        """A session that is there, else a new one, wg1 first.

        Raises:
            Unreachable: Neither way leads to it.
        """
        trouble: Unreachable | None = None
        for plane in self._ways():
            try:
                return self._sessions.get(plane) or await self.open(plane)
            except Unreachable as error:
                trouble = trouble or error
        assert trouble is not None  # noqa: S101 - there are two ways
        raise trouble

    async def measure(self) -> None:
        """Learn how far the node's clocks are ahead.

        It told its wall clock and its monotonic one together, so however long that answer took,
        the distance of the one follows from that of the other.
        """
        self.ahead = await (await self.session()).ahead()
        apart = self.before["wall"] - self.before["clock"] / 1e9
        self.off = apart + self.ahead / 1e9 - (time.time() - time.monotonic())

    def _ways(self) -> list[str]:
        """The planes to try: first those with a session, since the others may be silent."""
        return sorted(WAYS, key=lambda plane: plane not in self._sessions)

    async def anew(self, verb: str, planes: Sequence[str], *, seconds: float) -> list[JSON]:
        """Run a verb over a new session on each of the planes; each must answer in time."""
        until = time.monotonic() + seconds

        async def over(plane: str) -> JSON:
            while True:
                try:
                    session = await self.open(plane)
                    return await session.call(verb, seconds=10)
                except Unreachable:
                    if time.monotonic() >= until:
                        raise
                    await asyncio.sleep(AGAIN)

        return list(await asyncio.gather(*(over(plane) for plane in planes)))

    def drop(self, plane: str) -> None:
        """End the session of one plane, if there is one."""
        session = self._sessions.pop(plane, None)
        if session is not None:
            session.close()

    def close(self) -> None:
        """End all sessions."""
        for plane in tuple(self._sessions):
            self.drop(plane)
