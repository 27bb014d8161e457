"""`status` again and again: over the same sessions, through silent nodes and a lost tunnel."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from runner.problem import RunnerError
from runner.tunnel import Tunnel
from scripts import _ways
from scripts._held import Held
from scripts._keys import quitting
from scripts._problem import describe
from scripts._stack import Stack
from scripts._standing import Standing, ask, judge
from scripts._verdict import Mesh, mesh
from scripts._watch_show import Show, shows
from scripts._watched import Cells, changed, planes, sites

EVERY = 5.0
"""Seconds between the beginnings of two looks, where nobody says another figure."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often is looked.

    Attributes:
        every: seconds from the beginning of a look to that of the next, at least.
        wait: seconds to go on trying to reach a node.
        looks: after how many it ends; None for when somebody says so.
    """

    every: float
    wait: float
    looks: int | None = None


class Watcher:
    """Looks at one mesh; holds the tunnel and the sessions between looks."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._held = Held()
        self._tunnel: asyncio.Future[Tunnel] | None = None
        self._routed = _ways.is_routed(stack.outputs)
        self._declared: Mesh = mesh(stack.outputs, ())

    async def look(self, wait: float) -> Json:
        """One look; a tunnel that cannot be had is told in it, and no failure."""
        at, begin = dt.datetime.now(dt.UTC), time.monotonic()
        self._held.opened = self._held.kept = 0
        standings: Mapping[str, Standing] = {}
        trouble = ""
        try:
            if self._tunnel is None:
                open_it = self._stack.credentials.tunnel
                opening = asyncio.to_thread(open_it, self._stack.runner)
                self._tunnel = asyncio.ensure_future(opening)
            # A thread cannot be called off: who ends the look leaves the tunnel to `drop`.
            await asyncio.shield(self._tunnel)
            standings = await ask(
                self._stack.credentials,
                wait,
                lambda _: None,
                routed=self._routed,
                live=True,
                held=self._held,
            )
        except (RunnerError, OSError) as error:
            trouble = "; ".join(text for _, text in describe(error))
        if not any(one.reached for one in standings.values()):
            # Nobody answers: perhaps it is our own end, so the next look has a new one.
            await self.drop()
        return {
            "at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(time.monotonic() - begin, 2),
            "trouble": trouble,
            **self._document(standings, trouble),
            "sessions": {"opened": self._held.opened, "kept": self._held.kept},
        }

    def _document(self, standings: Mapping[str, Standing], trouble: str) -> Json:
        outputs = self._stack.outputs
        verdict = judge(outputs["nodes"], standings)
        live = {name: one.live for name, one in standings.items() if one.reached}
        heard = planes(self._declared, live)
        quiet = any(plane["fresh"] != plane["expected"] for plane in heard.values())
        ok = verdict["ok"] and not quiet and not trouble
        nodes = verdict["nodes"]
        told = {"ok": ok, "sites": sites(outputs["nodes"], nodes), "nodes": nodes, "planes": heard}
        if not self._routed:
            return told
        ways = {name: one.ways for name, one in standings.items() if one.ways}
        routing = _ways.judge(outputs, ways)
        return {**told, "ok": ok and routing["ok"], "routing": routing}

    async def drop(self) -> None:
        """Let sessions and tunnel go; one that is coming up is waited for."""
        self._held.close()
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            with contextlib.suppress(RunnerError, OSError):
                await asyncio.to_thread((await tunnel).close)


async def looks(
    look: Callable[[float], Any], pace: Pace, quit_: asyncio.Event
) -> AsyncIterator[tuple[Json, Cells]]:
    """Looks until somebody says so: each with what changed since the last, and in which cells."""
    before: Json | None = None
    count = 0
    stopping = asyncio.ensure_future(quit_.wait())
    try:
        while pace.looks is None or count < pace.looks:
            begin = time.monotonic()
            looking = asyncio.ensure_future(look(pace.wait))
            await asyncio.wait({looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not looking.done():
                looking.cancel()
                await asyncio.wait({looking})
                return
            told = looking.result()
            lines, cells = changed(before, told)
            yield {**told, "changes": lines}, cells
            before, count = told, count + 1
            left = max(0.0, begin + pace.every - time.monotonic())
            if count != pace.looks:
                await asyncio.wait({stopping}, timeout=left)
            if stopping.done():
                return
    finally:
        stopping.cancel()


async def _run(stack: Stack, pace: Pace, show: Show) -> bool:
    watcher = Watcher(stack)
    ok = False
    with quitting() as wanted:
        try:
            async for told, cells in looks(watcher.look, pace, wanted):
                ok = bool(told["ok"])
                show(told, cells)
        finally:
            await watcher.drop()
    return ok


def watch(stack: Stack, pace: Pace, *, as_json: bool) -> bool:
    """Look until somebody ends it; returns whether all was well at the last look."""
    if as_json:
        return asyncio.run(_run(stack, pace, lambda told, _: print(json.dumps(told), flush=True)))
    with shows(Console(), pace.every) as show:
        return asyncio.run(_run(stack, pace, show))
