"""First contact: wait for a node, learn which of its two identities is live, bring the tool.

A node that was born a minute ago shows its one-time host key; one whose enrollment was cut short
may show either. The answer decides which key the enrollment pins, and nothing else is accepted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from runner import tool
from runner.problem import RunnerError
from runner.ssh import Place, Refused, Session, Unreachable, bare, shown_key
from runner.tunnel import Tunnel

if TYPE_CHECKING:
    import asyncssh

    from runner.farewell import Farewell

BOOT = 600.0
"""Seconds a first boot may take: packages come from a mirror that may be down for minutes."""

TELL = 30.0
"""Seconds between two lines about a node that has not answered yet."""

Tell = Callable[[str], None]
"""Takes one line for people."""

SECOND_WAY = 8.0
"""Seconds that wg1 gets before a node is reached over wg0 instead."""


class Contact:
    """Reaches nodes through the tunnel.

    Args:
        tunnel: The runner's tunnel, open.
        key: The key that opens root's session on every node.
        farewell: What enrolled nodes are asked first: to hold out who has left.
        tell: Told one line at a time about what is being waited for.
    """

    def __init__(
        self, tunnel: Tunnel, key: asyncssh.SSHKey, farewell: Farewell, tell: Tell
    ) -> None:
        self._tunnel = tunnel
        self._key = key
        self._farewell = farewell
        self._tell = tell
        self._waiting: set[str] = set()

    async def first(
        self, node: str, host: str, *, bootstrap: str, lasting: str, limit: float = BOOT
    ) -> str:
        """Wait until a node answers on wg0 and return the host key to pin.

        The node tool is on the node when this returns.

        Args:
            node: Name of the node.
            host: Its wg0 address.
            bootstrap: The one-time host key of its user-data.
            lasting: The host key that its first bundle brings.
            limit: Seconds to wait in all.

        Raises:
            RunnerError: It did not answer in time, or showed a key that is none of its own.
        """
        until = time.monotonic() + limit
        self._waiting.add(node)
        teller = asyncio.create_task(self._remind(node, until))
        try:
            while time.monotonic() < until:
                left = until - time.monotonic()
                if not await self._tunnel.answered(node, ("enrollment", "management"), left):
                    break
                shown = await shown_key(host)
                if self._tunnel.opened(node, "management"):
                    # Enrolled before: `meet` equips it, and a silent wg0 is the rollout's to name.
                    return shown or bare(lasting)
                if shown in {bare(bootstrap), bare(lasting)}:
                    if await self._equip(node, host, shown):
                        return shown
                elif shown is not None:
                    raise RunnerError(
                        f"{node} shows an SSH host key at {host} that is none of its own.",
                        "somebody else may hold its address: look at the machine in the cloud's "
                        "console, then raise its `incarnation` to build it anew.",
                    )
                await asyncio.sleep(1)
        finally:
            teller.cancel()
            self._waiting.discard(node)
        others = sorted(self._waiting)
        also = f" (still waiting for {', '.join(others)} too)" if others else ""
        raise RunnerError(
            f"{node} did not answer over wg0 ({host}) within {limit:.0f} s{also}.",
            "look at its console: `cloud-init status --long` there says what its first boot waits "
            "for. Then run `pulumi up` again, or raise its `incarnation` to start it anew; a node "
            "that is meant to be down gets `offline: true`.",
        )

    async def _equip(self, node: str, host: str, host_key: str, *, enrolled: bool = False) -> bool:
        place = Place(node=node, host=host, host_key=host_key)
        try:
            session = await Session.open(place, self._key)
        except Unreachable:
            return False
        try:
            await tool.ensure(session)
            if enrolled:
                await self._farewell.meet(session)
        except Unreachable:
            return False
        except Refused as error:
            # The rollout brings what is refused here, or fails and says why.
            self._tell(str(error))
        finally:
            session.close()
        return True

    async def meet(
        self, node: str, first: str, second: str, host_key: str, *, limit: float = BOOT
    ) -> None:
        """Wait for an enrolled node over wg1, or over wg0 while wg1 is silent; bring the tool.

        Args:
            node: Name of the node.
            first: Its wg1 address.
            second: Its wg0 address.
            host_key: Its lasting host key.
            limit: Seconds to wait in all.

        Raises:
            RunnerError: Neither answered in time.
        """
        until = time.monotonic() + limit
        patience = time.monotonic() + SECOND_WAY
        while time.monotonic() < until:
            if await self._tunnel.answered(node, ("management",), 1) and await self._equip(
                node, first, host_key, enrolled=True
            ):
                return
            if time.monotonic() > patience and await self._equip(
                node, second, host_key, enrolled=True
            ):
                self._tell(f"{node}: wg1 is silent, this run goes over wg0")
                return
            await asyncio.sleep(0.5)
        raise RunnerError(
            f"{node} answers neither over wg1 ({first}) nor over wg0 ({second}).",
            "see that it runs; a node that is meant to be down gets `offline: true`, a lost one "
            "is built anew by raising its `incarnation`.",
        )

    async def _remind(self, node: str, until: float) -> None:
        while True:
            await asyncio.sleep(TELL)
            self._tell(f"{node}: no answer over wg0 yet, {until - time.monotonic():.0f} s left")
