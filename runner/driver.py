"""The process that carries a rollout out, started by the program and able to outlive it.

Run as `python -m runner.driver` with a recipe (see `backplane.recipe`) on its standard input. It
tells one short line a phase on its standard error, and when all is done the generation of every
node as JSON on its standard output. It ends with 1 when the mesh stayed as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time

from backplane.recipe import Recipe
from runner.hold import Hold
from runner.order import Order, ordered
from runner.problem import RunnerError
from runner.rollout import Rollout
from runner.tunnel import sweep


def tell(line: str) -> None:
    """Write a line to standard error, if anybody still reads it."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


async def _run(order: Order) -> int:
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(Rollout(order, tell).run())
    loop.add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        await work
    except RunnerError as error:
        tell(str(error))
        tell("The mesh is as it was before; a plain `pulumi up` tries again.")
        return 1
    except asyncio.CancelledError:
        tell("stopped before anything changed")
        return 1
    tell(f"done: {len(order.targets)} nodes")
    return 0


def go_on_alone() -> None:
    """Outlive the program that started this: half a rollout is worse than a late one."""
    for name in ("SIGHUP", "SIGINT", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)


def carry_out(order: Order) -> int:
    """Carry an order out while holding the stack's tunnel; 0 when every node confirmed."""
    hold = Hold(order.stack)
    try:
        return asyncio.run(_run(order))
    finally:
        if hold.release():
            # The program that made the tunnel has died; this was its last user.
            sweep(order.stack)


def main() -> int:
    """Make the bundles of the recipe on standard input, and lead the mesh to them."""
    go_on_alone()
    try:
        recipe = Recipe.decode(sys.stdin.read())
    except ValueError as error:
        tell(f"rollout: {error}; it is started by `pulumi up`")
        return 2
    began = time.monotonic()
    order, generations = ordered(recipe)
    tell(f"bundles: {len(generations)} nodes, {time.monotonic() - began:.2f} s")
    code = carry_out(order)
    if code == 0:
        with contextlib.suppress(OSError):
            print(json.dumps(generations, sort_keys=True), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
