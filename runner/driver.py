"""The process that carries a rollout out, started by the program and able to outlive it.

Run as `python -m runner.driver` with a recipe (see `backplane.recipe`) on its standard input. It
tells one short line a phase on its standard error, and ends with 1 when the mesh stayed as it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from backplane.recipe import Recipe
from runner.alone import go_on_alone, holding, tell
from runner.order import Order, ordered
from runner.problem import RunnerError
from runner.receipt import RECEIPT
from runner.rollout import Rollout


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


def carry_out(order: Order) -> int:
    """Carry an order out; 0 when every node confirmed."""
    return asyncio.run(_run(order))


def main() -> int:
    """Make the bundles of the recipe on standard input, and lead the mesh to them."""
    go_on_alone()
    try:
        recipe = Recipe.decode(sys.stdin.read())
    except ValueError as error:
        tell(f"rollout: {error}; it is started by `pulumi up`")
        return 2
    if os.environ.get(RECEIPT, "").partition(" ")[0] != recipe.digest():
        tell("rollout: its receipt is for another declaration; run `pulumi up` without --target")
        return 2
    # Held from now on: the program that started this may end while bundles are made.
    with holding(recipe.stack):
        began = time.monotonic()
        try:
            order = ordered(recipe)
        except Exception as error:  # noqa: BLE001 - what it says may hold a secret
            tell(f"rollout: a defect: the bundles cannot be made ({type(error).__name__})")
            return 2
        took = time.monotonic() - began
        tell(f"bundles: {len(order.targets)} nodes, {took:.2f} s")
        return carry_out(order)


if __name__ == "__main__":
    sys.exit(main())
