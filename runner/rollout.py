"""The rollout: every node of the mesh takes its new generation, or none does."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable

from runner import ends, members, moment
from runner.failure import Failed, refuse_lost_keys, unwell
from runner.leases import QUICK, Leases
from runner.member import Member
from runner.order import Order
from runner.problem import RunnerError
from runner.ssh import JSON, Refused, private_key
from runner.staging import REACH, Staging, learn

SLACK = 30
"""Seconds a lease outlives the nodes' timers, for the undoing."""

GIVE_BACK = 20.0
"""Seconds a node gets to take its lease back after all went well: it would hold up the next."""

DIALS = 16
"""Logins at a time: they cost the runner's processor, and all at once would all be late."""

REPAIR = 45
"""Seconds that a flip in place may take."""

PREPARE = 40.0
"""Seconds that a node gets to add what is new: new links wait for their handshakes."""

CHECKS = 0.6
"""Part of the timer within which new sessions and peers must answer; the rest is for confirming."""

Tell = Callable[[str], None]


class Rollout:
    """One run over all nodes of an order.

    Args:
        order: What to do.
        tell: Takes one short line for people.
    """

    def __init__(self, order: Order, tell: Tell) -> None:
        self._key = key = private_key(order.push_key)
        dials = asyncio.Semaphore(DIALS)
        self.members = [Member(target, key, dials) for target in order.targets]
        self.timer = order.timer + len(self.members)
        self.repair = order.repair
        self.stack = order.stack
        self._away = {"not reached": order.absent, "offline": order.offline}
        self.lease = secrets.token_hex(8)
        self._leases = Leases(self.members, self.lease, tell)
        self._tell = tell
        self._armed_at = 0.0
        self._slowest = 0.0
        self._members = ""
        self._confirmed: list[float] = []
        self._confirming = False

    async def run(self) -> None:
        """Bring every node to its generation.

        Raises:
            Failed: A node did not; all are back at the generation they had.
        """
        for why, names in self._away.items():
            if names:
                self._tell(f"left out, {why}: {', '.join(names)}")
        try:
            if not self.repair:
                await self._stage()
            await self._leased()
        finally:
            for member in self.members:
                member.close()

    async def _stage(self) -> None:
        """Let every node take in its bundle, which may take minutes: no lease is held meanwhile."""
        staging = Staging(self._tell)
        with staging.reminding():
            await self._phase("stage", staging.stage)

    async def _leased(self) -> None:
        """Lead all nodes to their generations, with every node's lease."""
        lasts, patience = self.timer + SLACK, QUICK
        try:
            await self._leases.take(lasts, patience=lasts + SLACK, reach=REACH)
        except asyncio.CancelledError:
            await self._leases.release(seconds=patience)
            raise Failed("the rollout was stopped.", "run `pulumi up` again.") from None
        try:
            if await self._phase("status", self._status):
                await self._change()
            patience = GIVE_BACK
        except (RunnerError, asyncio.CancelledError) as error:
            await self._undo()
            if isinstance(error, RunnerError):
                raise
            raise Failed("the rollout was stopped.", "run `pulumi up` again.") from None
        finally:
            await self._leases.release(seconds=patience)

    async def _change(self) -> None:
        refuse_lost_keys(self.members, self._away["not reached"])
        await self._phase("clock", Member.measure)
        await self._phase("arm", self._arm)
        await self._phase("prepare", self._prepare)
        await self._flip()
        await self._phase("check", self._check)
        if any(member.carries for member in self.members):
            # What one gateway tells no more, its neighbours miss only once it has told them so.
            await self._phase("routes", self._check_routes)
        ends.require({m.name: m.ends for m in self.members}, ends.own(self.stack, self.lease))
        self._confirming = True
        if not self.repair:
            # In whole milliseconds, so that two rollouts never share one. A repair of a few nodes
            # knows not everybody, nor who has been declared out since: it says nothing of members.
            self._members = members.line(self._ids(), time.time_ns() // 1_000_000, self._key)
        await self._phase("confirm", self._confirm)
        self._tell(f"confirmed within {max(self._confirmed) - min(self._confirmed):.3f} s")

    def _about(self, member: Member) -> JSON:
        return {"lease": self.lease, "generation": member.target.generation}

    async def _phase(self, name: str, step: Callable[[Member], Awaitable[object]]) -> bool:
        """Run a step on all nodes at once; True when any of them answered with a true value."""
        began = time.monotonic()
        answers = await asyncio.gather(*(step(m) for m in self.members), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in errors:
            if not isinstance(error, RunnerError):
                raise error
        took = time.monotonic() - began
        self._tell(f"{name}: {len(answers) - len(errors)} of {len(answers)} nodes, {took:.2f} s")
        if errors:
            raise Failed.of(name, [e for e in errors if isinstance(e, RunnerError)])
        return any(answers)

    async def _status(self, member: Member) -> bool:
        """Learn where a node stands; True when it has something to do.

        Raises:
            Refused: It was staged another generation since: this rollout outlived its program.
        """
        await learn(member)
        if self.repair:
            return True
        if member.before.get("staged") != member.target.generation:
            raise Refused(
                f"{member.name}: another generation was staged since, by a newer `pulumi up`.",
                "nothing: that one goes on.",
            )
        at = {member.before.get("confirmed"), member.before.get("active")}
        return at != {member.target.generation} or member.before.get("timer") is not None

    async def _arm(self, member: Member) -> None:
        """Start the node's own undoing, and learn which peers answer while nothing has changed."""
        self._armed_at = self._armed_at or time.monotonic()
        wall = time.time() + moment.middle((0.0, *(m.off for m in self.members)))
        clock = {"wall": wall, "clock": moment.now() + member.ahead}
        await member.call("arm", {**self._about(member), "seconds": self.timer, **clock})
        others = [m.name for m in self.members if m is not member]
        request = {"generation": member.before.get("active"), "peers": others}
        answer = await member.call("check", request)
        # A peer that this generation does not know yet is new, and a new one must answer.
        member.silent = frozenset(answer["silent"]) - frozenset(answer.get("unknown", ()))
        member.ways = answer.get("ways", {})

    async def _prepare(self, member: Member) -> None:
        """Add what is new, carrying nothing yet; its time tells how long a flip may take."""
        began = time.monotonic()
        answer = await member.call("prepare", self._about(member), seconds=PREPARE)
        took = time.monotonic() - began - float(answer.get("waited", 0))
        self._slowest = max(self._slowest, took)

    async def _flip(self) -> None:
        """Make the generation live on all nodes at one moment."""
        wait = moment.lead(self._slowest)
        at = moment.now() + int(wait * 1e9)
        began: list[int] = []
        # What has systemd read its units takes as long as systemd does.
        patience = REPAIR if self.repair else 20

        async def flip(member: Member) -> None:
            about = {**self._about(member), "at": at + member.ahead}
            answer = await member.call("flip", about, seconds=wait + patience)
            began.append(answer["began"] - member.ahead)

        await self._phase("flip", flip)
        self._tell(f"flipped within {(max(began) - min(began)) / 1e6:.1f} ms")

    async def _check(self, member: Member) -> None:
        """Reach a node anew on both planes; every peer that answered before must answer.

        What it tells of its sessions' ends is compared when all have told.
        """
        until = self._armed_at + self.timer * CHECKS
        for answer in await member.anew("status", ("wg1", "wg0"), seconds=until - time.monotonic()):
            if answer.get("active") != member.target.generation:
                raise Refused(
                    f"{member.name}: {answer.get('active')} is active there, "
                    f"not {member.target.generation}.",
                    "see the node's journal, then run `pulumi up` again.",
                )
        await self._until_well(member, until)

    async def _check_routes(self, member: Member) -> None:
        """Ask a gateway once more, when every other one has loaded its routes' policies."""
        if member.carries:
            await self._until_well(member, self._armed_at + self.timer * CHECKS)

    async def _until_well(self, member: Member, until: float) -> None:
        peers = sorted({m.name for m in self.members if m is not member} - member.silent)
        while True:
            about = {"generation": member.target.generation, "nonce": self.lease}
            ways = {"ways": member.ways} if member.ways else {}
            answer = await member.call("check", {**about, **ways, "peers": peers})
            if answer.get("ok"):
                member.ends = answer.get("ends", {})
                member.carries = bool(answer.get("ways", {}).get("known"))
                return
            if time.monotonic() > until:
                raise unwell(member.name, answer)
            await asyncio.sleep(0.5)

    async def _confirm(self, member: Member) -> None:
        """Confirm; a lost answer is asked for again, on both planes, until the timer ends."""
        left = self._armed_at + self.timer - time.monotonic()
        told = {"members": self._members} if self._members else {}
        await member.call("confirm", {**self._about(member), **told}, seconds=left)
        self._confirmed.append(time.monotonic())

    def _ids(self) -> set[str]:
        """Everybody that any node is to have for a peer."""
        return {one for member in self.members for one in member.before["members"]}

    async def _undo(self) -> None:
        """Bring all nodes back to the generation they had; one that is silent does so by itself."""
        began = time.monotonic()
        undone = await asyncio.gather(*(self._undo_one(m) for m in self.members))
        late = sorted(name for name in undone if name)
        took = time.monotonic() - began
        self._tell(f"undo: {len(undone) - len(late)} of {len(undone)} nodes, {took:.2f} s")
        if late and self._armed_at:
            left = max(0.0, self._armed_at + self.timer - time.monotonic())
            self._tell(f"undo: {', '.join(late)} by its own timer within {left:.0f} s")

    async def _undo_one(self, member: Member) -> str:
        """Undo one node; its name when it could not be told to."""
        before = str(member.before.get("confirmed") or "")
        try:
            await member.call("rollback", {"lease": self.lease}, seconds=REACH)
            if not self._confirming or before in {"", member.target.generation}:
                return ""
            status = await member.call("status", seconds=REACH)
            if status.get("confirmed") == member.target.generation:
                # It had confirmed before another node refused: lead it back the same way.
                back = {"lease": self.lease, "generation": before}
                await member.call("arm", {**back, "seconds": self.timer})
                for verb in ("prepare", "flip", "confirm"):
                    await member.call(verb, back)
        except RunnerError:
            return member.name
        return ""
