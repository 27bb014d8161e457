"""How the program leaves when the engine ends it by a signal."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType


def leave_by(close: Callable[[], None]) -> None:
    """Let the engine end the program by a signal: the tunnel is left, and nothing is said.

    An exception out of a handler would come up in whatever runs just then, and Pulumi would show it
    as a failure of the program's own, with a traceback, below the one that really happened. A
    handler itself waits for the main thread, which may just have gone to sleep in a system call;
    so a thread listens at the descriptor where Python puts every signal at once.

    Args:
        close: Leaves the tunnel.
    """
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGINT)
        if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}
    ]
    told, tells = socket.socketpair()
    tells.settimeout(0)

    def listen() -> None:
        with told, tells:
            while told.recv(1)[0] not in numbers:
                pass
            close()
            os._exit(1)

    threading.Thread(target=listen, name="leave", daemon=True).start()
    signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _nothing)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Take the place of what would end the program at once; the thread does that."""
