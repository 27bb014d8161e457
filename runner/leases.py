"""The lease of every node or of none: one rollout at a time changes a mesh."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence

from runner.failure import Failed
from runner.member import Member
from runner.problem import RunnerError
from runner.ssh import Refused

TRIES = 3
"""How often a lease may be refused without a holder before that counts as the answer."""

QUICK = 2.0
"""Seconds a node gets to take its lease back when something went wrong anyway."""

Tell = Callable[[str], None]


class Leases:
    """One rollout's hold on its nodes.

    Args:
        members: The nodes.
        lease: Id of this rollout.
        tell: Takes one short line for people.
    """

    def __init__(self, members: Sequence[Member], lease: str, tell: Tell) -> None:
        self._members = members
        self._lease = lease
        self._tell = tell

    async def take(self, seconds: float, *, patience: float, reach: float) -> None:
        """Take the lease of every node or of none; wait while another rollout holds one.

        Args:
            seconds: How long the lease lasts.
            patience: How long to wait for another rollout.
            reach: How long a node may take to answer.

        Raises:
            Failed: A node is not reached, or says no for another reason.
        """
        until = time.monotonic() + patience
        told, unexplained = False, 0
        while True:
            request = {"id": self._lease, "seconds": seconds}
            asked = (m.call("lease", request, seconds=reach) for m in self._members)
            answers = await asyncio.gather(*asked, return_exceptions=True)
            errors = [answer for answer in answers if isinstance(answer, BaseException)]
            if not errors:
                self._tell(f"lease: {len(answers)} of {len(answers)} nodes")
                return
            await self.release()
            strange = [error for error in errors if not isinstance(error, RunnerError)]
            if strange:
                raise strange[0]
            refused = [error for error in errors if isinstance(error, RunnerError)]
            # A holder may let go between its refusal and the question who holds the lease.
            unexplained = 0 if await self._held(answers, reach) else unexplained + 1
            unreachable = not all(isinstance(error, Refused) for error in refused)
            if unreachable or unexplained >= TRIES or time.monotonic() > until:
                raise Failed.of("lease", refused)
            if not told:
                self._tell("lease: another rollout is at work, waiting for it")
                told = True
            # Two rollouts that meet must not step on each other for ever.
            await asyncio.sleep(random.uniform(0.5, 2.0))  # noqa: S311

    async def release(self, *, seconds: float = QUICK) -> None:
        """Give all leases back; one that cannot be given back ends by itself.

        Args:
            seconds: How long a node may take to answer.
        """
        await asyncio.gather(*(self._release(member, seconds) for member in self._members))

    async def _release(self, member: Member, seconds: float) -> None:
        with contextlib.suppress(RunnerError):
            await member.call("release", {"id": self._lease}, seconds=seconds)

    async def _held(self, answers: Sequence[object], reach: float) -> bool:
        """Whether every node that said no did so because another rollout holds it."""
        for member, answer in zip(self._members, answers, strict=True):
            if not isinstance(answer, BaseException):
                continue
            try:
                status = await member.call("status", seconds=reach)
            except RunnerError:
                return False
            if not status.get("lease"):
                return False
        return True
