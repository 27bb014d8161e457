"""Where each node stands, asked over both ways in at once, and whether that is as declared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.credentials import Credentials
from runner.problem import RunnerError, printable
from runner.ssh import Refused, Session
from scripts import _answers
from scripts._held import Held

Json = dict[str, Any]
Tell = Callable[[str], None]

WAYS = {"management": "wg1", "enrollment": "wg0"}
"""The planes by which a node is reached and their interfaces, the first one first."""

PATIENCE = 20.0
"""Seconds for one answer of a node that is reached."""


@dataclass(slots=True, kw_only=True)
class Standing:
    """What one node said of itself.

    Attributes:
        told: the answer of the node tool's `status`, checked and fit for a terminal, as all of
            them are; empty when there was none.
        offset: the node's clock less this machine's, seconds; None when it told no time.
        reached: the interfaces over which it answered.
        trouble: why it did not answer over the others, by interface.
        ways: the answer of its `routing`, in a routed mesh.
        live: the WireGuard interfaces of its `inspect`, where it was asked for them.
    """

    told: Json = field(default_factory=dict)
    offset: float | None = None
    reached: set[str] = field(default_factory=set)
    trouble: dict[str, str] = field(default_factory=dict)
    ways: Json = field(default_factory=dict)
    live: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is asked beside `status`, until when a node is tried, and over which sessions."""

    until: float
    held: Held
    routed: bool
    live: bool


async def _over(
    credentials: Credentials, node: str, slot: str, standing: Standing, wish: _Wish
) -> None:
    interface = WAYS[slot]

    async def talk(session: Session) -> tuple[Json, float]:
        answer = await session.call("status", seconds=PATIENCE)
        # A node reads its clock last, so its answer is as old as its way here.
        now = time.time()
        told = _answers.plain(_answers.Status, answer)
        if wish.routed and (slot == "management" or not standing.ways):
            standing.ways = await ways(session) or standing.ways
        if wish.live and (slot == "management" or not standing.live):
            inspected = await session.call("inspect", seconds=PATIENCE)
            standing.live = _answers.plain(_answers.Interfaces, inspected)["interfaces"]
        return told, now

    try:
        told, now = await wish.held.talk(credentials, (node, slot), wish.until, talk)
    except RunnerError as error:
        standing.trouble[interface] = printable(error.what)
        return
    standing.reached.add(interface)
    if not standing.told or slot == "management":
        standing.told = told
        wall = told.get("wall")
        standing.offset = round(wall - now, 2) if wall is not None else None


async def ways(session: Session) -> Json:
    """What a node of a routed mesh says of its ways to other sites, or why it does not."""
    try:
        return _answers.plain(_answers.Routing, await session.call("routing", seconds=PATIENCE))
    except (Refused, _answers.IllFormed) as error:
        return {"routed": True, "running": False, "troubles": [printable(error.what)]}


async def ask(
    credentials: Credentials,
    wait: float,
    tell: Tell,
    *,
    routed: bool = False,
    live: bool = False,
    held: Held | None = None,
) -> dict[str, Standing]:
    """Ask every node over wg1 and wg0; the tunnel must be up.

    Args:
        credentials: how to reach the nodes.
        wait: seconds to go on trying to reach a node over either.
        tell: takes one short line for each node that is done.
        routed: also ask for the ways to other sites.
        live: also ask for the WireGuard interfaces.
        held: sessions of an earlier look, which stay open; without them each look has its own.
    """
    until = time.monotonic() + wait
    wish = _Wish(until=until, held=held or Held(keep=False), routed=routed, live=live)
    standings = {name: Standing() for name in credentials.nodes}
    done = 0

    async def one(name: str) -> None:
        nonlocal done
        await asyncio.gather(
            *(_over(credentials, name, slot, standings[name], wish) for slot in WAYS)
        )
        done += 1
        tell(f"asked {done} of {len(standings)} nodes")

    await asyncio.gather(*(one(name) for name in standings))
    return standings


def judge(declared: Mapping[str, Json], standings: Mapping[str, Standing]) -> Json:
    """What `backplane status --json` prints.

    Args:
        declared: the stack's output `nodes`.
        standings: what the nodes said, by name.

    Returns:
        ``ok``: whether every node that is neither offline nor retired has confirmed the declared
        generation, runs it, has no timer armed and answers over both ways; ``nodes``: where each
        one stands, with ``findings`` in words.
    """
    nodes = {
        name: _node(declared[name], standings.get(name, Standing())) for name in sorted(declared)
    }
    return {
        "ok": not any(node["findings"] for node in nodes.values()),
        "nodes": nodes,
    }


def _node(declared: Json, standing: Standing) -> Json:
    told = standing.told
    lease, undone = told.get("lease"), told.get("rolled_back")
    node = {
        "declared": declared["generation"],
        "confirmed": told.get("confirmed"),
        "active": told.get("active"),
        "staged": told.get("staged"),
        "timer": told.get("timer"),
        "lease": {"id": lease["id"], "seconds": lease["expires"]} if lease else None,
        "rolled_back": undone,
        "clock_offset": standing.offset,
        "wg1": "wg1" in standing.reached,
        "wg0": "wg0" in standing.reached,
        "unreachable": dict(sorted(standing.trouble.items())),
        "offline": bool(declared.get("offline")),
        "retire": bool(declared.get("retire")),
    }
    marked = node["offline"] or node["retire"]
    return {**node, "findings": [] if marked else _findings(node, reached=bool(told))}


def _findings(node: Json, *, reached: bool) -> list[str]:
    if not reached:
        return ["answers over no way in"]
    wanted = node["declared"]
    found = [
        f"{kind} is {node[kind] or 'none'}, declared is {wanted}"
        for kind in ("confirmed", "active")
        if node[kind] != wanted
    ]
    if node["timer"] is not None:
        found.append(f"a timer undoes the active generation in {node['timer']:.0f} s")
    found += [f"no answer over {way}" for way in ("wg1", "wg0") if not node[way]]
    return found
