"""When BFD sessions change, to a fiftieth of a second, seen from the machine itself.

It runs by itself on a gateway (standard library only) and asks bfdd on the socket that vtysh uses,
without a program started for each look. It says ``ready`` on standard output after the first look,
looks until standard input ends, and prints one JSON line: ``[[moment, peer, status], …]``, what
each session was at first and then each change, in seconds since 1970.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from typing import Any

SOCKET = "/run/frr/bfdd.vty"
PERIOD = 0.02
"""Seconds between two looks."""

_END = b"\0\0\0"
_SECONDS = 5.0


class Daemon:
    """One of FRR's daemons, asked as vtysh does: a command and a NUL; three NULs and a status."""

    def __init__(self, path: str = SOCKET) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_SECONDS)
        self._socket.connect(path)
        self.ask("enable")

    def ask(self, command: str) -> str:
        """Run a command; what it prints.

        Raises:
            OSError: The daemon has ended or does not answer.
        """
        self._socket.sendall(command.encode() + b"\0")
        answer = b""
        while _END not in answer[:-1]:
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionResetError("the daemon has ended")
            answer += piece
        return answer.partition(_END)[0].decode()


def changes(before: dict[str, str], now: dict[str, str]) -> list[tuple[str, str]]:
    """Which sessions are not as they were; one that is not there any more is `gone`."""
    fresh = [(peer, status) for peer, status in now.items() if before.get(peer) != status]
    return fresh + [(peer, "gone") for peer in before if peer not in now and before[peer] != "gone"]


def statuses(told: str) -> dict[str, str]:
    """The status of each session by its peer, from `show bfd peers json`."""
    peers: list[dict[str, Any]] = json.loads(told)
    return {one["peer"]: one["status"] for one in peers}


def main() -> int:
    """Look until told to stop, and say what changed."""
    daemon = Daemon()
    seen: dict[str, str] = {}
    found: list[tuple[float, str, str]] = []
    ready = False
    while True:
        now = time.time()
        fresh = changes(seen, statuses(daemon.ask("show bfd peers json")))
        found += [(now, peer, status) for peer, status in fresh]
        seen |= dict(fresh)
        if not ready:
            print("ready", flush=True)
            ready = True
        waits, _, _ = select.select([sys.stdin], [], [], PERIOD)
        if waits:
            break
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
