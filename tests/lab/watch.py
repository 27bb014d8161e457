"""Twenty looks a second at every process's command line and environment, nodes included.

The nodes' processes are processes of this computer too, in PID namespaces below its own, so one
pair of eyes sees the runner and all machines.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PERIOD = 0.05


@dataclass(slots=True)
class Watch:
    """What was seen.

    Attributes:
        seen: every different command line and environment.
        looks: how often all of /proc was looked at.
        seconds: for how long.
    """

    seen: set[bytes] = field(default_factory=set)
    looks: int = 0
    seconds: float = 0.0
    _known: dict[str, bytes] = field(default_factory=dict)

    def look(self) -> None:
        """Look once at every process."""
        present: dict[str, bytes] = {}
        for name in os.listdir("/proc"):  # noqa: PTH208 - twenty times a second
            if not name.isdigit():
                continue
            with suppress(OSError):
                line = Path(f"/proc/{name}/cmdline").read_bytes()
                present[name] = line
                # An environment is fixed from exec on, and an exec changes the command line.
                if self._known.get(name) != line:
                    self.seen.add(line)
                    self.seen.add(Path(f"/proc/{name}/environ").read_bytes())
        self._known = present
        self.looks += 1

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look twenty times a second while the block runs."""
        ended = threading.Event()

        def watch() -> None:
            due = time.monotonic()
            while not ended.is_set():
                self.look()
                due = max(due + PERIOD, time.monotonic())
                ended.wait(max(0.0, due - time.monotonic()))

        thread = threading.Thread(target=watch, name="watch", daemon=True)
        begin = time.monotonic()
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.seconds += time.monotonic() - begin
