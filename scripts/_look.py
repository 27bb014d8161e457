"""What a map shows of a mesh that runs: asked as `status`, `doctor` and `drift` ask."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any

from backplane.map import Look
from backplane.planes import PLANES
from scripts import _standing
from scripts._examination import Examination, examine
from scripts._sessions import FRESH
from scripts._stack import Stack
from scripts._standing import Standing
from scripts._verdict import Facts, mesh

Tell = Callable[[str], None]
Ages = dict[str, dict[str, dict[str, float | None]]]


def ages(facts: Mapping[str, Facts]) -> Ages:
    """By node, interface and peer: seconds since the handshake, None for never. Names, no keys."""
    return {
        name: {
            interface: {peer["name"]: peer["handshake_age"] for peer in live.get("peers", ())}
            for interface, live in told.interfaces.items()
        }
        for name, told in sorted(facts.items())
    }


def gathered(
    outputs: Mapping[str, Any],
    standings: Mapping[str, Standing],
    examined: Examination,
    at: dt.datetime,
    seconds: float,
) -> Look:
    """What was seen, in the shape that a map wants; pure.

    Args:
        outputs: the stack's plain outputs.
        standings: where each node stands.
        examined: what else was found.
        at: when it was begun, UTC.
        seconds: how long it took.
    """
    verdict = _standing.judge(outputs["nodes"], standings)
    return Look(
        at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        seconds=seconds,
        fresh=FRESH,
        standing=verdict["nodes"],
        sessions=ages(examined.seen.facts),
        routing=examined.routing,
        doctor=[one.document() for one in examined.diagnoses],
        drift=examined.drift,
    )


async def look(stack: Stack, tell: Tell, wait: float) -> Look:
    """Look at everything once; the tunnel must be up.

    Args:
        stack: the stack.
        tell: takes one short line for each node that is done.
        wait: seconds to go on trying to reach a node.
    """
    declared = mesh(stack.outputs, (port for plane in PLANES for port in plane.tcp))
    at, begin = dt.datetime.now(dt.UTC), time.monotonic()
    standings, examined = await asyncio.gather(
        _standing.ask(stack.credentials, wait, lambda _: None),
        examine(stack, declared, tell, wait),
    )
    return gathered(stack.outputs, standings, examined, at, time.monotonic() - begin)
