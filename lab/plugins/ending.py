"""The end of a stand-in's event loop."""

import asyncio


async def settled(seconds: float) -> None:
    """Wait up to `seconds` for what still runs in this loop.

    A server has stopped for gRPC as soon as the engine takes its calls back, a moment before the
    calls themselves have noticed. The end of the loop would cut them off there, and gRPC would tell
    that with a traceback, which the engine shows among its messages.
    """
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=seconds)
