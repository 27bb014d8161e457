"""The vendor's client, made asynchronous: threads, errors for people, waiting for actions."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from lab.plugins.common import PluginError
from lab.plugins.common.threads import Threads
from lab.plugins.hcloud import vendor

TOKEN_LENGTH = 64
_THREADS = 64
_MAX_POLL = 5.0
_ATTEMPTS = 10
_TIMEOUT = 60.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}

T = TypeVar("T")


class ApiError(PluginError):
    """The API refused; `code` is Hetzner's error code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to reach the API.

    Attributes:
        token: The project's API token, 64 characters; the repr does not tell it.
        endpoint: Base address with `/v1`; None for the real cloud, as the vendor's client has it.
        poll: Seconds between two looks at a running action.
        exponential: Whether that time doubles from look to look, up to 5 s.
    """

    token: str
    endpoint: str | None
    poll: float
    exponential: bool

    def __repr__(self) -> str:
        return f"Settings(endpoint={self.endpoint!r})"


def settings(config: dict[str, str]) -> Settings:
    """The settings out of the provider's own config and the vendor's environment variables.

    Raises:
        PluginError: no token, or one that cannot be right.
    """
    token = config.get("token") or os.environ.get("HCLOUD_TOKEN", "")
    if len(token) != TOKEN_LENGTH:
        state = f"has {len(token)} characters" if token else "is missing"
        raise PluginError(
            f"hcloud: the API token {state}; a token has exactly {TOKEN_LENGTH}. Fix: set "
            "HCLOUD_TOKEN, or `pulumi config set --secret hcloud:token`"
        )
    text = config.get("pollInterval", "500ms")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if match is None:
        raise PluginError(f"hcloud: pollInterval '{text}' is no duration such as 500ms or 2s")
    return Settings(
        token=token,
        endpoint=config.get("endpoint") or os.environ.get("HCLOUD_ENDPOINT") or None,
        poll=float(match[1]) * _UNITS[match[2]],
        exponential=config.get("pollFunction", "exponential") == "exponential",
    )


def _look(key: int) -> Callable[[vendor.Client], vendor.BoundAction]:
    return lambda client: client.actions.get_by_id(key)


class Api(Threads["vendor.Client"]):
    """The API of one project. Calls run in threads, one client in each."""

    def __init__(self) -> None:
        super().__init__("hcloud", _THREADS)
        self._settings: Settings | None = None
        self._local = threading.local()

    def configure(self, wanted: Settings) -> None:
        """Take the settings; calls before that are refused."""
        self._settings = wanted
        self._local = threading.local()

    def _client(self) -> vendor.Client:
        if self._settings is None:
            raise PluginError("hcloud: the provider's settings are not known yet")
        client: vendor.Client | None = getattr(self._local, "client", None)
        if client is None:
            name, timeout = "backplane-stand-in", _TIMEOUT
            if self._settings.endpoint is None:
                client = vendor.Client(self._settings.token, application_name=name, timeout=timeout)
            else:
                client = vendor.Client(
                    self._settings.token,
                    api_endpoint=self._settings.endpoint.rstrip("/"),
                    application_name=name,
                    timeout=timeout,
                )
            self._local.client = client
        return client

    def _run(self, what: str, function: Callable[[vendor.Client], T]) -> T:
        try:
            return function(self._client())
        except vendor.APIException as error:
            raise ApiError(f"{what}: {error.message} ({error.code})", str(error.code)) from error
        except vendor.RequestException as error:
            where = self._settings.endpoint if self._settings else None
            raise PluginError(
                f"{what}: no answer from {where or 'the Hetzner Cloud API'}: "
                f"{type(error).__name__}. Fix: check the endpoint and that it is up"
            ) from error

    async def find(self, what: str, function: Callable[[vendor.Client], T]) -> T | None:
        """As `call`, with None for what is not there."""
        try:
            return await self.call(what, function)
        except ApiError as error:
            if error.code == "not_found":
                return None
            raise

    async def insist(
        self,
        what: str,
        function: Callable[[vendor.Client], T],
        codes: Collection[str] = ("locked",),
    ) -> T:
        """As `call`, repeated while the API answers with one of these codes."""
        for attempt in range(_ATTEMPTS):
            try:
                return await self.call(what, function)
            except ApiError as error:
                if error.code not in codes or attempt == _ATTEMPTS - 1:
                    raise
            await asyncio.sleep(self._pause(attempt))
        raise AssertionError("the last attempt raises")

    def _pause(self, looks: int) -> float:
        if self._settings is None:
            return _MAX_POLL
        factor = 2**looks if self._settings.exponential else 1
        return min(_MAX_POLL, self._settings.poll * factor)

    async def wait(self, what: str, actions: Iterable[vendor.Action]) -> None:
        """Return when every action has succeeded.

        Raises:
            PluginError: one failed; the text says which and why.
        """
        for action in actions:
            await self._wait_one(what, action)

    async def _wait_one(self, what: str, action: vendor.Action) -> None:
        looks = 0
        status, error = action.status, action.error
        while status == vendor.Action.STATUS_RUNNING:
            key = action.id
            if key is None:
                raise PluginError(f"{what}: the API named no action to wait for")
            if looks:
                await asyncio.sleep(self._pause(looks - 1))
            seen = await self.call(what, _look(key))
            status, error = seen.status, seen.error
            looks += 1
        if status == vendor.Action.STATUS_ERROR:
            reason = f"{error['message']} ({error['code']})" if error else "no reason given"
            raise PluginError(f"{what}: action {action.command} failed: {reason}")
