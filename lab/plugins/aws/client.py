"""AWS's own client, made asynchronous: threads, errors for people."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lab.plugins.common import PluginError

# Calls in flight at once; each blocks one thread. The engine runs 16 steps in parallel by default.
_THREADS = 32
_LOOKS = 60
_PAUSE = 1.0
_HELD = frozenset({"DependencyViolation", "InvalidIPAddress.InUse", "InvalidParameterValue"})
_FIX = "Fix: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and see the region"

T = TypeVar("T")


class AwsError(PluginError):
    """AWS refused; `code` is its error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def gone(self) -> bool:
        """Whether it says that the object is not there."""
        return ".NotFound" in self.code or self.code.endswith("NotFound")


class Api:
    """EC2 in one region. Calls run in threads, which share one client."""

    def __init__(self) -> None:
        self._region: str | None = None
        self._made: Any = None
        self._once = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="aws")

    def configure(self, region: str | None) -> None:
        """Take the region; without one, the vendor's client looks for it as always."""
        self._region, self._made = region, None

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _client(self) -> Any:  # noqa: ANN401 - made from descriptions at run time
        with self._once:
            if self._made is None:
                import boto3  # noqa: PLC0415 - a preview asks the cloud nothing

                self._made = boto3.client("ec2", region_name=self._region)
            return self._made

    def _run(self, what: str, function: Callable[[Any], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return function(self._client())
        except ClientError as error:
            told = error.response.get("Error", {})
            code = str(told.get("Code", "unknown"))
            raise AwsError(f"{what}: {told.get('Message')} ({code})", code) from error
        except (BotoCoreError, ValueError) as error:
            raise PluginError(f"{what}: AWS does not answer: {error}. {_FIX}") from error

    async def call(self, what: str, function: Callable[[Any], T]) -> T:
        """Run `function` with the client; `what` says in errors what was tried.

        The call is never abandoned half way: when the operation is cancelled, it is let finish, and
        the cancellation goes on after it.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._pool, self._run, what, function))

    async def finish(self, what: str, function: Callable[[Any], T]) -> tuple[T, bool]:
        """As `call`, but with the result even when cancelled meanwhile; the bool says whether."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._pool, self._run, what, function)
        try:
            return await asyncio.shield(running), False
        except asyncio.CancelledError:
            return await running, True

    async def gone(self, what: str, function: Callable[[Any], object]) -> None:
        """Delete something: again while another thing still holds it; being gone is no error."""
        for look in range(_LOOKS):
            try:
                await self.call(what, function)
            except AwsError as error:
                if error.gone:
                    return
                if error.code not in _HELD or look == _LOOKS - 1:
                    raise
                await asyncio.sleep(_PAUSE)
            else:
                return


def until(look: Callable[[], bool], what: str) -> None:
    """Look until it is so; blocks.

    Raises:
        PluginError: it was not so within about a minute and a half.
    """
    for attempt in range(_LOOKS):
        if look():
            return
        time.sleep(min(_PAUSE * attempt / 10, 2.0))
    raise PluginError(f"{what} was not done in time")
