"""What a process needs that is started by the program and may outlive it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

from runner.hold import Hold
from runner.tunnel import sweep


def tell(line: str) -> None:
    """Write a line to standard error, if anybody still reads it."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def go_on_alone() -> None:
    """Outlive the program that started this: half a change is worse than a late one."""
    for name in ("SIGHUP", "SIGINT", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)


@contextlib.contextmanager
def holding(stack: str) -> Iterator[None]:
    """Keep a stack's tunnel up meanwhile."""
    hold = Hold(stack)
    try:
        yield
    finally:
        if hold.release():
            # The program that made the tunnel has died; this was its last user.
            sweep(stack)
