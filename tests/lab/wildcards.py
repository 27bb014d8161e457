"""Sockets that wait on every address, as /proc shows them in each network of this computer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Linux: include/net/tcp_states.h; a UDP socket that is connected to nobody is in state CLOSE.
_WAITS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def network(pid: str) -> int:
    """The network namespace of a process."""
    return os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116 - twenty times a second


def waiting(pid: str) -> Iterator[tuple[str, int]]:
    """Protocol and port of each socket that waits on every address in a process's network."""
    for table, state in _WAITS.items():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()
            for line in lines[1:]:
                fields = line.split(None, 4)
                address, _, port = fields[1].partition(":")
                if fields[3] == state and not address.strip("0"):
                    yield table.rstrip("6"), int(port, 16)
