"""`command:remote:CopyToRemote`: files to another machine, over SFTP."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import asyncssh

from lab.plugins.command.connection import CONNECTION, connected
from lab.plugins.command.fields import TRIGGERS, new_id, text
from lab.plugins.common import Archive, Asset, Context, Field, Kind, PluginError, Resource, Schema
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.common.values import Value


class CopyToRemote(Resource):
    """Copies a file, a directory or a text; sets no mode or owner and deletes nothing, ever."""

    schema: ClassVar[Schema] = Schema(
        token="command:remote:CopyToRemote",  # noqa: S106  a type's name
        inputs={
            "connection": CONNECTION,
            "remotePath": Field(required=True),
            "source": Field(kind=Kind.ASSET, required=True),
            "triggers": TRIGGERS,
        },
    )

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse the kinds of source that the official provider cannot copy."""
        source = inputs.get("source")
        if isinstance(source, Asset) and source.path is None and source.text is None:
            return [Failure("asset", "asset must be a path-based file asset or a text asset")]
        if isinstance(source, Archive) and source.path is None:
            return [Failure("archive", "archive must be a path to a file or directory")]
        return ()

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Copy."""
        await _copy(context, inputs)
        return new_id(context), {}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Copy again if the content or the path changed; a new connection alone copies nothing."""
        del resource_id
        if any(olds.get(name) != news.get(name) for name in ("source", "remotePath")):
            await _copy(context, news)
        return {}


async def _copy(context: Context, inputs: Plain) -> None:
    target = text(inputs, "remotePath") or ""
    async with connected(context, inputs) as connection:
        try:
            async with connection.start_sftp_client() as sftp:
                await _source(sftp, inputs["source"], target)
        except (OSError, asyncssh.Error) as error:
            raise PluginError(f"copy to {target}: {error}") from error


async def _source(sftp: asyncssh.SFTPClient, source: Value, target: str) -> None:
    if isinstance(source, Asset) and source.text is not None:
        if await sftp.isdir(target):
            raise PluginError(f"{target} is a directory; a text asset needs the path of a file")
        async with sftp.open(target, "wb") as remote:
            await remote.write(source.text.encode())
        return
    if not isinstance(source, Asset | Archive) or source.path is None:
        raise PluginError(f"copy to {target}: nothing that can be copied")
    path = Path(source.path)
    # Files keep their name inside an existing directory; a directory does so always, unless its
    # path ends with a slash, which means its content.
    entries = await asyncio.to_thread(_entries, path)
    if entries is None:
        inside = posixpath.join(target, path.name)
        await sftp.put(str(path), inside if await sftp.isdir(target) else target)
        return
    await _directory(sftp, target)
    if not source.path.endswith("/"):
        target = posixpath.join(target, path.name)
        await _directory(sftp, target)
    for entry, is_directory in entries:
        remote_path = posixpath.join(target, entry.relative_to(path).as_posix())
        if is_directory:
            await _directory(sftp, remote_path)
        else:
            await sftp.put(str(entry), remote_path)


def _entries(path: Path) -> list[tuple[Path, bool]] | None:
    """All below a directory, parents first, and whether each is one; None for a file."""
    if not path.is_dir():
        return None
    return [(entry, entry.is_dir()) for entry in sorted(path.rglob("*"))]


async def _directory(sftp: asyncssh.SFTPClient, path: str) -> None:
    if await sftp.isdir(path):
        return
    if await sftp.exists(path):
        raise PluginError(f"remote path {path} exists but is not a directory")
    await sftp.mkdir(path)
