"""Asking every node at once what is live there, with this checkout's tool whatever lies there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from runner import tool
from runner.credentials import Credentials
from runner.problem import RunnerError
from runner.ssh import Session
from scripts import _survey

Tell = Callable[[str], None]
Json = dict[str, Any]

PATIENCE = 45.0
"""Seconds for one node's answer."""

OWN = f"/usr/bin/python3 {tool.TOOL} drift"
"""The tool that lies there, whatever its mode."""

LENT = (
    "sh -c 'umask 077; t=$(mktemp /run/backplane-drift.XXXXXX) && cat >$t && "
    "/usr/bin/python3 $t $0 </dev/null; c=$?; rm -f $t; exit $c' drift"
)
"""A tool from standard input, gone when it has answered: a damaged one is not asked of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the nodes said, and why some said nothing.

    Attributes:
        told: the node tool's answer by node.
        tools: version of the tool that lies there by node; empty where there is none.
        unreachable: reason by node.
    """

    told: dict[str, Json] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)


async def _ask(session: Session) -> tuple[str, Json]:
    there = (await session.run(f"sha256sum {tool.TOOL} 2>/dev/null || true"))[:12]
    lent = there != tool.version(tool.build())
    command, feed = (LENT, tool.build()) if lent else (OWN, b"{}")
    answer: Json = json.loads(await session.run(command, feed, seconds=PATIENCE))
    return there, answer


async def ask(credentials: Credentials, nodes: Iterable[str], tell: Tell, wait: float) -> Answers:
    """Ask nodes; the tunnel must be up.

    Args:
        credentials: how to reach them.
        nodes: their names.
        tell: takes one short line for each node that is done.
        wait: seconds to go on trying to reach a node.
    """
    result, names = Answers(), list(nodes)

    async def one(name: str) -> None:
        try:
            session = await _survey.session(credentials, name, wait)
            try:
                result.tools[name], result.told[name] = await _ask(session)
            finally:
                session.close()
        except RunnerError as error:
            result.unreachable[name] = error.what
        except (ValueError, RecursionError):
            result.unreachable[name] = "what it answers is no JSON"
        tell(f"asked {len(result.told) + len(result.unreachable)} of {len(names)} nodes")

    await asyncio.gather(*(one(name) for name in names))
    return result


async def equip(credentials: Credentials, nodes: Iterable[str], wait: float) -> None:
    """Put this checkout's tool on nodes, with its mode; it has no effect before it is called.

    Raises:
        RunnerError: A node did not take it.
    """

    async def one(name: str) -> None:
        session = await _survey.session(credentials, name, wait)
        try:
            await session.run(tool.INSTALL, tool.build())
        finally:
            session.close()

    await asyncio.gather(*(one(name) for name in nodes))
