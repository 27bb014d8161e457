"""AWS's own client, made asynchronous: threads, errors for people."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from lab.plugins.common import PluginError
from lab.plugins.common.threads import Threads

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


class Api(Threads[Any]):
    """EC2 in one region. Calls run in threads, which share one client."""

    def __init__(self) -> None:
        super().__init__("aws", _THREADS)
        self._region: str | None = None
        self._made: Any = None
        self._once = threading.Lock()

    def configure(self, region: str | None) -> None:
        """Take the region; without one, the vendor's client looks for it as always."""
        self._region, self._made = region, None

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
