"""Asking every node at once, over SSH through the runner's tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.credentials import Credentials
from runner.problem import RunnerError, printable
from runner.ssh import Session, Unreachable, private_key
from scripts import _answers
from scripts._standing import ways
from scripts._verdict import Cell, Facts, Mesh, cells

Tell = Callable[[str], None]

ROUNDS = 3
"""How often a silent address is asked: a tunnel that slept wakes at the first packet."""

PATIENCE = 45.0
"""Seconds for one answer of a node, and a second more for every hundred doors it tries."""

AGAIN = 1.0
"""Seconds between two attempts to reach a node."""

WAYS = ("management", "enrollment")
"""The planes by which a node is reached, the first one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the nodes said, and why some said nothing.

    Attributes:
        facts: by node.
        unreachable: reason by node.
    """

    facts: dict[str, Facts] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)


async def session(credentials: Credentials, node: str, wait: float) -> Session:
    """A session to a node over the first way in that answers; the tunnel must be up.

    Raises:
        Unreachable: neither answers within `wait` seconds.
    """
    key = private_key(credentials.push_key)
    until = asyncio.get_running_loop().time() + wait
    while True:
        first: Unreachable | None = None
        for slot in WAYS:
            try:
                return await Session.open(credentials.place(node, slot), key)
            except Unreachable as error:
                first = first or error
        if first is not None and asyncio.get_running_loop().time() >= until:
            raise first
        await asyncio.sleep(AGAIN)


async def _reach(session: Session, wanted: Iterable[Cell]) -> dict[str, float | None]:
    answers: dict[str, float | None] = dict.fromkeys(cell.address for cell in wanted)
    for _ in range(ROUNDS):
        silent = [address for address, answer in answers.items() if answer is None]
        if not silent:
            break
        told = await session.call("probe", {"pings": silent}, seconds=PATIENCE)
        answers |= _answers.read(_answers.Pings, told).pings
    return answers


async def _ask(session: Session, declared: Mesh, node: str) -> Facts:
    own = [cell for cell in cells(declared) if cell.source == node]
    pings = await _reach(session, own)
    doors = [[cell.address, port] for cell in own for port in declared.tcp]
    told = await session.call("probe", {"tcp": doors}, seconds=PATIENCE + len(doors) / 100)
    tried = _answers.read(_answers.Doors, told).tcp
    live = _answers.plain(_answers.Inspect, await session.call("inspect", seconds=PATIENCE))
    told_ways = await ways(session) if declared.routed else {}
    return Facts(
        pings=pings,
        tcp={(address, port): result for address, port, result in tried},
        interfaces=live["interfaces"],
        listeners=tuple(live["listeners"]),
        failed=tuple(live["failed"]),
        ways=told_ways,
    )


async def survey(credentials: Credentials, declared: Mesh, tell: Tell, wait: float) -> Survey:
    """Ask every node of the mesh; the tunnel must be up.

    Args:
        credentials: how to reach the nodes.
        declared: which nodes, and what to try from each.
        tell: takes one short line for each node that is done.
        wait: seconds to go on trying to reach a node.
    """
    result = Survey()

    async def one(name: str) -> None:
        try:
            opened = await session(credentials, name, wait)
            try:
                result.facts[name] = await _ask(opened, declared, name)
            finally:
                opened.close()
        except RunnerError as error:
            result.unreachable[name] = printable(error.what)
        done: Mapping[str, Any] = {**result.facts, **result.unreachable}
        tell(f"asked {len(done)} of {len(declared.nodes)} nodes")

    await asyncio.gather(*(one(node.name) for node in declared.nodes))
    return result
