"""`command:remote:Command`: a command on another machine, over SSH."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import asyncssh

from lab.plugins.command.connection import CONNECTION, connected
from lab.plugins.command.fields import COMMON, STDERR, STDOUT, new_id, preview, text, variables
from lab.plugins.command.outcome import Outcome, Stream
from lab.plugins.common import Context, Field, PluginError, Resource, Schema
from lab.plugins.common.resource import Plain

_PIECE = 65536


class RemoteCommand(Resource):
    """Runs `create`, `update` (else `create`) and `delete` in the login shell of the user."""

    schema: ClassVar[Schema] = Schema(
        token="command:remote:Command",  # noqa: S106  a type's name
        inputs={**COMMON, "connection": CONNECTION},
        outputs={"stderr": Field(), "stdout": Field()},
    )

    def preview(self, olds: Plain | None, news: Plain) -> Plain:
        """Every output is unknown whenever the command would run."""
        return preview(self.schema, olds, news)

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Run `create`, if there is one; without one nothing is dialled."""
        resource_id, command = new_id(context), text(inputs, "create")
        if command is None:
            return resource_id, {"stdout": "", "stderr": ""}
        return resource_id, await _run(context, command, inputs, {})

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Run `update`, else `create`, whichever input changed, the connection included."""
        del resource_id
        command = text(news, "update")
        if command is None:
            command = text(news, "create")
        return {} if command is None else await _run(context, command, news, olds)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Run `delete`, if there is one, over the connection that the state holds."""
        del resource_id
        command = text(state, "delete")
        if command is not None:
            await _run(context, command, state, state)


async def _run(context: Context, command: str, inputs: Plain, previous: Plain) -> Plain:
    wanted = variables(inputs, previous)
    outcome = Outcome()
    async with connected(context, inputs) as connection:
        accepted = await _accepted(context, connection, wanted)
        logging = text(inputs, "logging")
        try:
            process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(
                command, encoding=None, env={k: wanted[k] for k in accepted}
            )
            await asyncio.gather(
                _feed(process, (text(inputs, "stdin") or "").encode()),
                _follow(process.stdout, Stream(outcome, "stdout", logging, context.log)),
                _follow(process.stderr, Stream(outcome, "stderr", logging, context.log)),
            )
            await process.wait_closed()
        except (OSError, asyncssh.Error) as error:
            raise outcome.failure(command, str(error) or type(error).__name__) from error
    if process.exit_signal is not None:
        reason = f"Process exited with signal {process.exit_signal[0]}"
        raise outcome.failure(command, reason)
    if process.exit_status is None:
        reason = "wait: remote command exited without exit status or exit signal"
        raise outcome.failure(command, reason)
    if process.exit_status != 0:
        raise outcome.failure(command, f"Process exited with status {process.exit_status}")
    return {**outcome.outputs()}


async def _accepted(
    context: Context, connection: asyncssh.SSHClientConnection, wanted: dict[str, str]
) -> list[str]:
    """The names that the server's AcceptEnv lets in.

    The protocol lets a server refuse in silence, so a first session looks which have arrived.

    Raises:
        PluginError: one that the program declared was refused.
    """
    if not wanted:
        return []
    names = [name for name in sorted(wanted) if name.replace("_", "a").isalnum()]
    look = f'for n in {" ".join(names)}; do printenv "$n" >/dev/null && echo "$n"; done; true'
    seen = await connection.run(look, env={name: wanted[name] for name in names})
    arrived = str(seen.stdout).split()
    for name in sorted(set(wanted) - set(arrived)):
        if name not in (STDOUT, STDERR):
            raise PluginError(
                f"could not set environment variable '{name}': the server refused it. "
                "Fix: AcceptEnv in its sshd_config, or pass the value on stdin"
            )
        await context.log("warning", f"the server refused {name}; see addPreviousOutputInEnv")
    return arrived


async def _feed(process: asyncssh.SSHClientProcess[bytes], data: bytes) -> None:
    try:
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.write_eof()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended without reading; whether that is an error its exit status says


async def _follow(reader: asyncssh.SSHReader[bytes], stream: Stream) -> None:
    while data := await reader.read(_PIECE):
        await stream.feed(data)
    await stream.end()
