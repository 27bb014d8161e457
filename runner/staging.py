"""Staging: each node takes in its next generation, without any live effect, ahead of the lease."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runner import tool
from runner.member import Member
from runner.ssh import Refused, Unreachable

REACH = 15.0
"""Seconds a node has to answer before the rollout gives up on it; nothing has changed by then."""

LIMIT = 600.0
"""Seconds for a bundle: packages of a new role come from a mirror that may be slow for minutes."""

REMIND = 30.0
"""Seconds between two lines about nodes that are still at it."""

Tell = Callable[[str], None]


class Staging:
    """The phase ahead of a rollout's lease.

    Args:
        tell: Takes one short line for people.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._busy: set[str] = set()

    async def stage(self, member: Member) -> bool:
        """Bring a node its tool, and its bundle unless it has it; True when it got one.

        Raises:
            Refused: Some program of the node refuses what is in the bundle.
            Unreachable: The node does not answer, or not in time.
        """
        await learn(member)
        if _stands(member):
            return False
        self._busy.add(member.name)
        try:
            await _send(member)
        except Refused as error:
            # At once, since others may be at it for minutes.
            self._tell(str(error.what))
            raise
        finally:
            self._busy.discard(member.name)
        return True

    @contextmanager
    def reminding(self) -> Iterator[None]:
        """Say from time to time who is still at it."""
        teller = asyncio.ensure_future(self._remind())
        try:
            yield
        finally:
            teller.cancel()

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(REMIND)
            if self._busy:
                self._tell(f"stage: still at work: {', '.join(sorted(self._busy))}")


async def _send(member: Member) -> None:
    """Stage; a node that is lost on the way must answer again as soon as any other must."""
    until = time.monotonic() + LIMIT
    while True:
        try:
            session = await member.session()
            await session.call("stage", member.target.bundle, seconds=until - time.monotonic())
        except Unreachable:
            if time.monotonic() >= until:
                raise
            member.close()
            await member.call("status", seconds=REACH)
        else:
            return


async def learn(member: Member) -> None:
    """Ask a node where it stands; bring it this program's tool first if it has another.

    Raises:
        Refused: This program's tool, once it is there, refuses to say.
        Unreachable: The node does not answer, or not in time.
    """
    request = {"generation": member.target.generation}
    try:
        member.before = await member.call("status", request, seconds=REACH)
    except Refused:
        # An older tool cannot read what a newer one wrote; this program's may.
        member.before = {}
    if member.before.get("tool") != tool.version(tool.build()):
        await tool.ensure(await member.session())
        member.before = await member.call("status", request, seconds=REACH)


def _stands(member: Member) -> bool:
    """Whether a node runs its generation, would boot it, was staged it last, and has it whole."""
    named = {member.before.get(link) for link in ("confirmed", "active", "staged")}
    return named == {member.target.generation} and member.before.get("whole") is True
