"""Runs a policy pack for the engine, which asks the language host for it as for any plugin."""

import asyncio
from collections.abc import AsyncIterator

from lab.plugins.wire import Message, raw, whole

_AT_ONCE = 64 * 1024
_OUT, _ERR, _CODE = 1, 2, 3
"""Fields of what the engine hears: standard output, standard error, exit code."""


async def served(
    python: str, request: Message, children: set[asyncio.subprocess.Process]
) -> AsyncIterator[bytes]:
    """What a pack says, message by message; it ends when the pack or the engine's call does.

    Args:
        python: The interpreter.
        request: The engine's `RunPluginRequest`; field numbers from the SDK's `language.proto`.
        children: Where the process is kept while it runs.
    """
    arguments = [one.decode() for one in request.parts(3)]
    pairs = (one.decode().partition("=") for one in request.parts(4))
    child = await asyncio.create_subprocess_exec(
        python, "-u", "-m", "pulumi.policy", arguments[0], request.message(5).text(2),
        cwd=request.text(1), env={name: value for name, _, value in pairs},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    children.add(child)
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(field: int, stream: asyncio.StreamReader) -> None:
        while part := await stream.read(_AT_ONCE):
            await said.put(raw(field, part))
        await said.put(b"")

    assert child.stdout is not None  # noqa: S101 - asked for above
    assert child.stderr is not None  # noqa: S101 - likewise
    streams = {_OUT: child.stdout, _ERR: child.stderr}
    tasks = [asyncio.create_task(hear(field, stream)) for field, stream in streams.items()]
    try:
        ended = 0
        while ended < len(tasks):
            part = await said.get()
            ended += not part
            if part:
                yield part
        yield whole(_CODE, abs(await child.wait()))
    finally:
        for task in tasks:
            task.cancel()
        children.discard(child)
        if child.returncode is None:
            child.terminate()
