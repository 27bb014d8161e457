"""Keys of a terminal while a verb shows something that changes; afterwards it is as it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator

QUIT = b"qQ\x03\x04"
"""q, Ctrl-C and Ctrl-D, for terminals that send the letter and no signal."""


@contextlib.contextmanager
def quitting() -> Iterator[asyncio.Event]:
    """An event that is set by q, Ctrl-C, or a request to end; in a running loop.

    Where standard input is no terminal, or we are in its background, signals alone set it.
    """
    loop, wanted = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, wanted.set)
    try:
        with _unbuffered(loop, wanted):
            yield wanted
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _unbuffered(loop: asyncio.AbstractEventLoop, wanted: asyncio.Event) -> Iterator[None]:
    descriptor = _terminal()
    if descriptor is None:
        yield
        return
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        pressed = os.read(descriptor, 64)
        if not pressed:
            loop.remove_reader(descriptor)
        if set(pressed) & set(QUIT):
            wanted.set()

    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        loop.add_reader(descriptor, read)
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _terminal() -> int | None:
    """Standard input, if it is a terminal that is ours to set."""
    try:
        descriptor = sys.stdin.fileno()
        ours = os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return None
    return descriptor if ours else None
