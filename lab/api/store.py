"""Files: the state, replaced whole and atomically, and the journal, only ever appended to.

The journal says which firewall rules were posted and which were in force in front of which
server, from when on. It is one JSON object a line and stays after the servers are gone:

* `{"event": "posted", "time", "firewall", "name", "rules": [...]}`: a set of rules came in;
* `{"event": "in_force", "time", "server", "name", "rules": [...] | null}`: these rules were
  handed to the machine's firewall. Null means that no firewall stands before the server.
* `{"event": "gone", "time", "server", "name"}`: the server was deleted.

`read_journal` reads it without the server.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lab.api.state import Pool, State, dump, load

PRIVATE = 0o600
"""The state holds user-data, and with it each machine's one-time keys."""


class Store:
    """Keeps one state in one file, and the journal beside it.

    Saves that are asked for while one is being written are written together by the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal_path = journal_path(path)
        self._writing = asyncio.Lock()
        self._wanted = 0
        self._written = 0

    def read(self, pool: Pool) -> State:
        """The state on disk, or a fresh one with this pool when there is none."""
        if not self.path.exists():
            return State(pool=pool)
        try:
            return load(self.path.read_bytes())
        except ValueError as fault:
            message = (
                f"{self.path}: this is not a state file of this version ({fault}).\n"
                f"End the lab with `backplane lab down` and delete the file to start afresh."
            )
            raise SystemExit(message) from fault

    async def save(self, state: Callable[[], State]) -> None:
        """Return when the state as it is now, or newer, is on disk."""
        self._wanted += 1
        await self.settle(state)

    async def settle(self, state: Callable[[], State]) -> None:
        """Return when every save that was asked for until now is done."""
        mine = self._wanted
        if self._written >= mine:
            return
        async with self._writing:
            if self._written >= mine:
                return
            covers = self._wanted
            text = dump(state())
            await asyncio.to_thread(self._replace, text)
            self._written = covers

    def _replace(self, text: bytes) -> None:
        beside = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def note(self, entry: dict[str, Any]) -> None:
        """Append one entry to the journal."""
        descriptor = os.open(self.journal_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(entry, sort_keys=True).encode() + b"\n")


def journal_path(state: Path) -> Path:
    """Where the journal of this state file is."""
    return state.with_name(f"{state.name}.journal")


def read_journal(state: Path) -> Iterator[dict[str, Any]]:
    """The journal's entries, oldest first; none when there is no journal yet."""
    path = journal_path(state)
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
