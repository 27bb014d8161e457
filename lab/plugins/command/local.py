"""`command:local:Command`: a process on the machine that runs the engine."""

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from lab.plugins.command.fields import COMMON, TEXTS, new_id, preview, text, texts, variables
from lab.plugins.command.outcome import Outcome, Stream
from lab.plugins.common import Archive, Asset, Context, Field, Kind, Resource, Schema
from lab.plugins.common.resource import Plain

_PIECE = 65536


class LocalCommand(Resource):
    """Runs `create`, `update` (else `create`) and `delete` by a shell or the given interpreter."""

    schema: ClassVar[Schema] = Schema(
        token="command:local:Command",  # noqa: S106  a type's name
        inputs={
            **COMMON,
            "archivePaths": TEXTS,
            "assetPaths": TEXTS,
            "dir": Field(),
            "interpreter": TEXTS,
        },
        outputs={
            "archive": Field(kind=Kind.ASSET),
            "assets": Field(kind=Kind.MAP, item=Field(kind=Kind.ASSET)),
            "stderr": Field(),
            "stdout": Field(),
        },
    )

    def preview(self, olds: Plain | None, news: Plain) -> Plain:
        """Every output is unknown whenever the command would run."""
        return preview(self.schema, olds, news)

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Run `create`, if there is one."""
        resource_id, command = new_id(context), text(inputs, "create")
        if command is None:
            return resource_id, {"stdout": "", "stderr": ""}
        return resource_id, await _run(context, command, inputs, {})

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Run `update`, else `create`, whichever input changed."""
        del resource_id
        command = text(news, "update")
        if command is None:
            command = text(news, "create")
        return {} if command is None else await _run(context, command, news, olds)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Run `delete`, if there is one, with the inputs that the state holds."""
        del resource_id
        command = text(state, "delete")
        if command is not None:
            await _run(context, command, state, state)


async def _run(context: Context, command: str, inputs: Plain, previous: Plain) -> Plain:
    arguments = [*(texts(inputs, "interpreter") or ["/bin/sh", "-c"]), command]
    directory = text(inputs, "dir") or str(Path.cwd())
    outcome = Outcome()
    stdin = (text(inputs, "stdin") or "").encode()
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=directory,
            env={**os.environ, **variables(inputs, previous)},
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise outcome.failure(command, str(error)) from error
    logging = text(inputs, "logging")
    try:
        await asyncio.gather(
            _feed(process, stdin),
            _follow(process.stdout, Stream(outcome, "stdout", logging, context.log)),
            _follow(process.stderr, Stream(outcome, "stderr", logging, context.log)),
        )
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    if code != 0:
        reason = f"exit status {code}" if code > 0 else f"signal: {-code}"
        raise outcome.failure(command, reason)
    return {**outcome.outputs(), **await asyncio.to_thread(_files, directory, inputs)}


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(data)
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended without reading; whether that is an error its exit code says
    finally:
        process.stdin.close()


async def _follow(reader: asyncio.StreamReader | None, stream: Stream) -> None:
    while reader is not None and (data := await reader.read(_PIECE)):
        await stream.feed(data)
    await stream.end()


def _files(directory: str, inputs: Plain) -> Plain:
    """The files that the command left and the program asked for."""
    found: Plain = {}
    if "assetPaths" in inputs:
        found["assets"] = dict(_glob(directory, texts(inputs, "assetPaths")))
    if "archivePaths" in inputs:
        members: dict[str, Asset | Archive] = dict(_glob(directory, texts(inputs, "archivePaths")))
        found["archive"] = Archive(assets=members)
    return found


def _glob(directory: str, patterns: Sequence[str]) -> Iterator[tuple[str, Asset]]:
    """Files below `directory` whose last matching pattern does not begin with `!`."""
    rules = [(p.startswith("!"), _expression(p.removeprefix("!"))) for p in patterns]
    for path in sorted(Path(directory).rglob("*")):
        name = path.relative_to(directory).as_posix()
        matching = [exclude for exclude, rule in rules if rule.fullmatch(name)]
        if path.is_file() and matching and not matching[-1]:
            yield name, Asset.of_path(str(path))


def _expression(pattern: str) -> re.Pattern[str]:
    """A glob as the official provider reads it: `*` and `?` stop at `/`, `**` does not."""
    parts = re.split(r"(\*\*|\*|\?|\[[^\]]+\]|\{[^}]+\})", pattern)
    return re.compile("".join(_part(part) for part in parts))


def _part(part: str) -> str:
    wild = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    if part in wild:
        return wild[part]
    if part.startswith("[") and part.endswith("]"):
        return part.replace("[!", "[^", 1)
    if part.startswith("{") and part.endswith("}"):
        return "(?:" + "|".join(map(re.escape, part[1:-1].split(","))) + ")"
    return re.escape(part)
