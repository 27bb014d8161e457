"""The end of a stand-in's event loop: what still runs ends first, but not for ever."""

import asyncio
import time

from lab.plugins.ending import settled


def test_a_call_that_was_taken_back_ends_before_the_loop() -> None:
    """It needs a few turns of the loop to notice; the loop's own end would cut it off."""
    seen: list[str] = []

    async def call() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            seen.append("noticed")

    async def serve() -> None:
        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        await settled(5)

    asyncio.run(serve())
    assert seen == ["noticed"]


def test_what_does_not_end_is_not_waited_for() -> None:
    """A call that hangs delays the end by the patience given, and with none there is no delay."""

    async def serve(*, hangs: bool) -> float:
        task = asyncio.create_task(asyncio.sleep(60 if hangs else 0))
        await asyncio.sleep(0.01)
        start = time.monotonic()
        await settled(0.2)
        taken = time.monotonic() - start
        task.cancel()
        return taken

    assert 0.2 <= asyncio.run(serve(hangs=True)) < 5
    assert asyncio.run(serve(hangs=False)) < 0.2
