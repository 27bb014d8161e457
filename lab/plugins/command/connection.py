"""SSH connections with the official provider's options: pinned host key, dial limits, jump host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncssh

from lab.plugins.command.fields import text
from lab.plugins.common import Context, Field, Kind, PluginError
from lab.plugins.common.resource import Plain

# How the official provider waits between dials: 100 ms, times 1.5, at most 5 s
# (pulumi/sdk, util/retry).
_FIRST_WAIT, _GROWTH, _LONGEST_WAIT = 0.1, 1.5, 5.0
_DIALS, _DIAL_SECONDS, _PORT, _USER = 10, 15, 22, "root"

_ENDPOINT = {
    "agentSocketPath": Field(),
    "dialErrorLimit": Field(kind=Kind.INTEGER),
    "host": Field(required=True),
    "hostKey": Field(),
    "password": Field(secret=True),
    "perDialTimeout": Field(kind=Kind.INTEGER),
    "port": Field(kind=Kind.NUMBER),
    "privateKey": Field(secret=True),
    "privateKeyPassword": Field(secret=True),
    "user": Field(),
}

CONNECTION = Field(
    kind=Kind.OBJECT,
    required=True,
    secret=True,
    fields={**_ENDPOINT, "proxy": Field(kind=Kind.OBJECT, fields=_ENDPOINT)},
)


@asynccontextmanager
async def connected(context: Context, inputs: Plain) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection as `inputs["connection"]` says, through its proxy if it has one.

    Raises:
        PluginError: a key that is none, or more failed dials than `dialErrorLimit` allows.
    """
    connection = inputs["connection"]
    if not isinstance(connection, dict):
        raise PluginError("connection: not an object")
    async with AsyncExitStack() as stack:
        tunnel = None
        proxy = connection.get("proxy")
        if isinstance(proxy, dict):
            tunnel = await stack.enter_async_context(await _dial(context, stack, proxy, None))
        yield await stack.enter_async_context(await _dial(context, stack, connection, tunnel))


async def _dial(
    context: Context,
    stack: AsyncExitStack,
    endpoint: Plain,
    tunnel: asyncssh.SSHClientConnection | None,
) -> asyncssh.SSHClientConnection:
    """Dial until it answers; every error counts, a refused login or wrong host key included."""
    options = await _options(stack, endpoint)
    limit = _number(endpoint, "dialErrorLimit", _DIALS)
    seconds = _number(endpoint, "perDialTimeout", _DIAL_SECONDS)
    host, port = text(endpoint, "host") or "", _number(endpoint, "port", _PORT)
    dials, wait = 0, _FIRST_WAIT
    while True:
        dials += 1
        try:
            async with asyncio.timeout(seconds or None):
                return await asyncssh.connect(host, port, tunnel=tunnel, options=options)
        except TimeoutError:
            reason = f"no answer within {seconds} s"
        except (OSError, asyncssh.Error) as error:
            reason = str(error) or type(error).__name__
        if 0 <= limit < dials:
            raise PluginError(f"dial {host} port {port}: after {dials} failed attempts: {reason}")
        allowed = "unlimited" if limit < 0 else str(limit)
        await context.log("status", f"dial {dials} of {allowed} failed, retrying: {reason}")
        await asyncio.sleep(wait)
        wait = min(wait * _GROWTH, _LONGEST_WAIT)


async def _options(stack: AsyncExitStack, endpoint: Plain) -> asyncssh.SSHClientConnectionOptions:
    keys = [*_own_key(endpoint), *await _agent_keys(stack, endpoint)]
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        username=text(endpoint, "user") or _USER,
        password=text(endpoint, "password"),
        client_keys=keys or None,
        agent_path=None,
        known_hosts=_trusted(endpoint),
        gss_auth=False,
    )


def _trusted(
    endpoint: Plain,
) -> tuple[list[asyncssh.SSHKey], list[asyncssh.SSHKey], list[asyncssh.SSHKey]] | None:
    """The pinned host key as the only trusted one; None, which accepts any, without a pin."""
    line = text(endpoint, "hostKey")
    if not line:
        return None
    try:
        return [asyncssh.import_public_key(line)], [], []
    except asyncssh.KeyImportError as error:
        raise PluginError(f"connection.hostKey: {error}; it must be one public key line") from error


def _own_key(endpoint: Plain) -> list[asyncssh.SSHKey]:
    pem = text(endpoint, "privateKey")
    if not pem:
        return []
    try:
        return [asyncssh.import_private_key(pem, text(endpoint, "privateKeyPassword"))]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise PluginError(f"connection.privateKey: {error}") from error


async def _agent_keys(stack: AsyncExitStack, endpoint: Plain) -> list[asyncssh.SSHKeyPair]:
    """Keys of the agent at `agentSocketPath`, else of the one in the environment, if any."""
    path = text(endpoint, "agentSocketPath") or os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return []
    try:
        agent = await stack.enter_async_context(asyncssh.connect_agent(path))
        return list(await agent.get_keys())
    except (OSError, asyncssh.Error) as error:
        raise PluginError(f"connection.agentSocketPath: {path}: {error}") from error


def _number(endpoint: Plain, name: str, default: int) -> int:
    value = endpoint.get(name)
    return int(value) if isinstance(value, int | float) else default
