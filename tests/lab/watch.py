"""Twenty looks a second at every process's command line and environment, nodes included.

The nodes' processes are processes of this computer too, in PID namespaces below its own, so one
pair of eyes sees the runner and all machines.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.lab import wildcards

PERIOD, SOCKETS = 0.05, 0.5  # seconds from look to look
_MOST = 1 << 21  # octets; more than all arguments and variables of a process can be


def _read(path: str) -> bytes:
    """Read a file of /proc, without what makes `Path` slow."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, _MOST)
    finally:
        os.close(handle)


@dataclass(slots=True)
class Watch:
    """What was seen.

    Attributes:
        seen: every different command line and environment.
        wild: protocol and port of every socket that waited on all addresses of some machine.
        looks: how often all of /proc was looked at.
        seconds: for how long.
    """

    seen: set[bytes] = field(default_factory=set, repr=False)
    wild: set[tuple[str, int]] = field(default_factory=set)
    looks: int = 0
    seconds: float = 0.0
    _known: dict[str, bytes] = field(default_factory=dict, repr=False)
    _networks: dict[str, int] = field(default_factory=dict, repr=False)

    def look(self) -> None:
        """Look once at every process."""
        present: dict[str, bytes] = {}
        for name in os.listdir("/proc"):  # noqa: PTH208 - twenty times a second
            if not name.isdigit():
                continue
            with suppress(OSError):
                line = _read(f"/proc/{name}/cmdline")
                present[name] = line
                # An environment is fixed from exec on, and an exec changes the command line.
                if self._known.get(name) != line:
                    self.seen.add(line)
                    self.seen.add(_read(f"/proc/{name}/environ"))
                    self._networks[name] = wildcards.network(name)
        self._known = present
        self.looks += 1

    def look_at_sockets(self) -> None:
        """One process of each network shows all of its sockets; this computer's own is left out."""
        known, own = self._known, wildcards.network("self")
        witnesses = {one: name for name, one in list(self._networks.items()) if name in known}
        for network, name in witnesses.items():
            if network != own:
                self.wild.update(wildcards.waiting(name))

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look twenty times a second while the block runs."""
        ended = threading.Event()

        def watch(look: Callable[[], None], period: float) -> None:
            # On a busy machine the looks must not wait behind what they look at.
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -15)
            due = time.monotonic()
            while not ended.is_set():
                look()
                due = max(due + period, time.monotonic())
                ended.wait(max(0.0, due - time.monotonic()))

        # A look at sockets takes as long as several at processes: none waits for the other.
        threads = [
            threading.Thread(target=watch, args=about, name="watch", daemon=True)
            for about in ((self.look, PERIOD), (self.look_at_sockets, SOCKETS))
        ]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()
            self.seconds += time.monotonic() - begin
