"""The process that takes a machine over which is in use and open to the world.

Run as `python -m runner.takeover` with an order (`runner.takeover_order`) on its standard input.
Each step is looked after before the next: the tunnel before sshd moves, sshd on the plane before
the public door is shut, the shut machine before it is kept. One that fails is undone, by this
process or by the machine's own timer, and the last line says which.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

from runner import look, tool
from runner.alone import go_on_alone, holding, tell
from runner.problem import RunnerError
from runner.public import Owner, Silent, knock
from runner.ssh import Place, Refused, Session, Unreachable, bare, private_key, shown_key
from runner.takeover_order import Order

PATIENCE = 30.0
"""Seconds for the machine to answer over the plane after a step; WireGuard calls every 5 s."""

MARGIN = 5.0
"""Seconds that its timer has left when that is over."""

PACKAGES = 620.0
"""Seconds for the first step, which may wait for a package mirror."""

PYTHON = "DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=60 install python3"


class Takeover:
    """One machine's way from open to dark.

    Args:
        order: What is to be taken over.
        say: Takes one line for people.
    """

    def __init__(self, order: Order, say: Callable[[str], None]) -> None:
        self._order = order
        self._say = say
        self._owner: Owner | None = None

    async def run(self) -> str:
        """Take the machine over, or find that it is.

        Returns:
            The host key that it showed at its public address; empty if it is dark already.

        Raises:
            RunnerError: It is what it was, or its timer makes it so, or it is on the plane: the
                text says which.
        """
        order, node = self._order, self._order.door.node
        try:
            owner = self._owner = await knock(order.door)
        except Silent:
            if await self._dark_already():
                self._say(f"{node}: dark already")
                return ""
            raise
        began = False
        try:
            await self._look(owner)
            began = True
            await self._tunnel(owner)
            await self._trial(owner)
            await self._close(owner)
            await self._keep()
        except RunnerError as error:
            if not began:
                raise
            raise RunnerError(f"{error.what}\n  {await self._undone()}", error.fix) from error
        finally:
            owner.close()
        return owner.place.host_key

    async def _look(self, owner: Owner) -> None:
        order, node = self._order, self._order.door.node
        facts = await self._facts(owner)
        if facts.began == "yes" and facts.taken == "no":
            # A reboot has ended the last one, and left what it had written.
            await tool.ensure(owner)
            await owner.call("takeover-undo", seconds=90)
            facts = await self._facts(owner)
        declared = look.Declared(system=order.system, ipv6=order.ipv6, bridges=order.bridges)
        look.require(node, facts, declared)
        if facts.walls:
            self._say(
                f"{node}: {facts.walls} stays beside our firewall, and must let UDP 51820 to 51823 "
                "in, and what comes by wg0 to wg3"
            )
        if not facts.python:
            await owner.run(PYTHON, seconds=PACKAGES)
        await tool.ensure(owner)
        self._say(f"{node}: {facts.name}, reached at {order.door.text}")

    async def _facts(self, owner: Owner) -> look.Facts:
        node, user = self._order.door.node, self._order.door.user
        try:
            return look.Facts.read(await owner.run(look.SCRIPT))
        except (Refused, ValueError) as error:
            what = getattr(error, "what", error)
            if owner.sudo:
                raise RunnerError(
                    f"{node}: {user} may not run commands as root without a password: {what}",
                    f"let sudo ask {user} for none (`NOPASSWD: ALL` in a file below "
                    "/etc/sudoers.d), or log in as root with `user: root`.",
                ) from error
            raise RunnerError(
                f"{node}: what runs on the machine cannot be read: {what}", "see its console."
            ) from error

    async def _tunnel(self, owner: Owner) -> None:
        order = self._order
        await owner.call(
            "takeover-tunnel", {"files": order.files, "seconds": order.timer}, seconds=PACKAGES
        )
        await self._until("wg0", 22, self._shows(owner.place.host_key, 22))
        self._say(f"{order.door.node}: the tunnel is up")

    async def _trial(self, owner: Owner) -> None:
        order = self._order
        told = await owner.call("takeover-trial", {"seconds": order.timer})
        port = int(told["port"])
        await self._until("sshd on the plane", port, self._enters(port))
        self._say(f"{order.door.node}: sshd answers on the plane")

    async def _close(self, owner: Owner) -> None:
        order = self._order
        try:
            await owner.call("takeover-close", {"seconds": order.timer})
        except Unreachable:
            # The door that this came by has been shut: whether all is well shows on the plane.
            self._say(f"{order.door.node}: the public session has ended")
        await self._until("the closed machine", 22, self._enters(22))
        self._say(f"{order.door.node}: closed, and reached over the plane")

    async def _keep(self) -> None:
        session = await self._enter(22)
        try:
            await session.call("takeover-keep")
        finally:
            session.close()
        await self._until("the kept machine", 22, self._enters(22))
        self._say(f"{self._order.door.node}: kept")

    async def _undone(self) -> str:
        """Undo what was done, over whichever way is there; tells what became of it."""
        order, door, left = self._order, self._order.door, ""
        ways: tuple[Callable[[], Awaitable[Session]], ...] = (
            self._by_owner,
            lambda: self._enter(22),
        )
        for way in ways:
            try:
                session = await way()
            except RunnerError:
                continue
            try:
                told = await session.call("takeover-undo", seconds=90)
            except RunnerError as error:
                left = left or error.what
                continue
            finally:
                session.close()
            left = ""
            if told.get("kept"):
                return "It was kept before that: dark, and on the plane; run `pulumi up` again."
            break
        if bare(await shown_key(door.host, door.port) or "") == self._shown():
            if left:
                return f"It is open at {door.text}; its timer undoes what is left: {left}"
            return f"It is what it was before, and open at {door.text}."
        return (
            f"It answers nobody now; its own timer makes it what it was within {order.timer:.0f} s."
        )

    async def _by_owner(self) -> Owner:
        if self._owner is not None:
            try:
                await self._owner.run("true", seconds=5)
            except RunnerError:
                pass
            else:
                return self._owner
        return await knock(self._order.door)

    async def _dark_already(self) -> bool:
        """Whether the machine is one that this stack has taken over, or had closed: that is kept.

        Raises:
            RunnerError: It is closed and will not be kept.
        """
        until = time.monotonic() + PATIENCE / 2
        while time.monotonic() < until:
            shown = await shown_key(self._order.way)
            if shown == bare(self._order.lasting):
                return True
            if shown == bare(self._order.bootstrap):
                await self._keep()
                return True
            await asyncio.sleep(1)
        return False

    def _shown(self) -> str:
        return self._owner.place.host_key if self._owner else ""

    def _shows(self, key: str, port: int) -> Callable[[], Awaitable[bool]]:
        async def look_after() -> bool:
            return await shown_key(self._order.way, port) == key

        return look_after

    def _enters(self, port: int) -> Callable[[], Awaitable[bool]]:
        async def look_after() -> bool:
            try:
                session = await self._enter(port)
                try:
                    return await session.run("id -u", seconds=10) == "0"
                finally:
                    session.close()
            except RunnerError:
                return False

        return look_after

    async def _enter(self, port: int) -> Session:
        order = self._order
        place = Place(
            node=order.door.node, host=order.way, port=port, host_key=bare(order.bootstrap)
        )
        return await Session.open(place, private_key(order.push_key))

    async def _until(self, what: str, port: int, well: Callable[[], Awaitable[bool]]) -> None:
        order = self._order
        patience = min(PATIENCE, order.timer - MARGIN)
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if await well():
                return
            await asyncio.sleep(0.5)
        raise RunnerError(
            f"{order.door.node}: {what} does not answer over the plane ({order.way}, port {port}) "
            f"within {patience:.0f} s.",
            "see that nothing on the way, neither its provider's firewall nor one of its own, "
            "drops UDP 51820 to 51823 or what comes by wg0 to wg3; then run `pulumi up` again.",
        )


def main() -> int:
    """Take over the machine of the order on standard input; prints its public host key."""
    go_on_alone()
    try:
        order = Order.read(sys.stdin.read())
    except ValueError as error:
        tell(f"takeover: {error}; it is started by `pulumi up`")
        return 2
    with holding(order.stack):
        try:
            shown = asyncio.run(Takeover(order, tell).run())
        except RunnerError as error:
            tell(str(error))
            return 1
    print(json.dumps({"taken": order.door.host, "host_key": shown}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
