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


# Linux: Documentation/networking/ip-sysctl.rst, ip_local_port_range. A UDP socket that asks others
# looks like one that waits, but for the port that it was given.
_GIVEN = range(32768, 61000)
_TUNNELS = range(51820, 51824)


def waiting(pid: str) -> Iterator[tuple[str, int]]:
    """Protocol and port of each socket that waits on every address in a process's network."""
    for table, state in _WAITS.items():
        with suppress(OSError):
            lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()
            for line in lines[1:]:
                fields = line.split(None, 4)
                address, _, number = fields[1].partition(":")
                protocol, port = table.rstrip("6"), int(number, 16)
                asks = protocol == "udp" and port in _GIVEN and port not in _TUNNELS
                if fields[3] == state and not address.strip("0") and not asks:
                    yield protocol, port
