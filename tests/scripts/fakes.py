"""A verb among fake nodes: real SSH on loopback, no tunnel, no stack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from runner.credentials import VERSION, Credentials
from runner.ssh import Place
from tests.runner.fleet import FakeNode, Fleet

Told = TypeVar("Told")


class OfFleet(Credentials):
    """The credentials of a fleet of fake nodes."""

    fleet: Fleet

    def place(self, node: str, slot: str = "management") -> Place:
        """Where a fake node listens."""
        target = next(one for one in self.fleet.order().targets if one.name == node)
        host = target.wg1 if slot == "management" else target.wg0
        return Place(node=node, host=host, port=target.port, host_key=target.host_key)


def among(
    size: int,
    prepare: Callable[[list[FakeNode]], object],
    act: Callable[[Credentials], Coroutine[Any, Any, Told]],
) -> Told:
    """What is done among so many nodes, which are prepared before."""
    fleet = Fleet(size)
    order = fleet.order()
    names: dict[str, dict[str, str]] = {target.name: {} for target in order.targets}
    credentials = OfFleet({"version": VERSION, "nodes": names, "push_key": order.push_key})
    OfFleet.fleet = fleet

    async def run() -> Told:
        await fleet.start()
        try:
            prepare(fleet.nodes)
            return await act(credentials)
        finally:
            await fleet.stop()

    return asyncio.run(run())
