"""A vendor's client whose calls block, for operations that must not: each call in a thread."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Client = TypeVar("Client")
T = TypeVar("T")


class Threads(ABC, Generic[Client]):
    """Runs what is done with a client in threads.

    Args:
        name: What the threads are called.
        count: Calls in flight at once; each blocks one thread. The engine runs 16 steps in parallel
            by default.
    """

    def __init__(self, name: str, count: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @abstractmethod
    def _run(self, what: str, function: Callable[[Client], T]) -> T:
        """Call `function` with a client, in the calling thread; what it raises is for people."""

    async def call(self, what: str, function: Callable[[Client], T]) -> T:
        """Run `function` with a client; `what` says in errors what was tried.

        The call is never abandoned half way: when the operation is cancelled, it is let finish, and
        the cancellation goes on after it.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._pool, self._run, what, function))

    async def finish(self, what: str, function: Callable[[Client], T]) -> tuple[T, bool]:
        """As `call`, but with the result even when cancelled meanwhile; the bool says whether."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._pool, self._run, what, function)
        try:
            return await asyncio.shield(running), False
        except asyncio.CancelledError:
            return await running, True
