"""Signals that want the run to end: the first one interrupts it, where it may be interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


class Interrupt(BaseException):
    """Somebody wants the run to end; no step may take it for an error of its own.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(slots=True)
class Attention:
    """What becomes of signals.

    Attributes:
        say: told of those that are not heard.
    """

    say: Say = print
    _deaf: bool = False
    _held: bool = False
    _waiting: int | None = None

    def deafen(self) -> None:
        """From here on none interrupts: the sweep is not cut short by who is in a hurry."""
        self._deaf = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """What comes meanwhile interrupts at the end of the block, and not within."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._waiting is not None:
                self._interrupt(self._waiting)

    def heard(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self._held and self._waiting is None:
            self._waiting = number
        else:
            self._interrupt(number)

    def _interrupt(self, number: int) -> None:
        if self._deaf:
            self.say(f"{signal.Signals(number).name}: not before what was made is gone")
            return
        self._deaf = True
        raise Interrupt(number)


@contextmanager
def interruptible(say: Say) -> Iterator[Attention]:
    """Within, the first signal raises `Interrupt`, and no later one does."""
    attention = Attention(say)
    before = {number: signal.signal(number, attention.heard) for number in SIGNALS}
    try:
        yield attention
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
