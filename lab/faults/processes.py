"""Sudden death of processes: one, or everything it started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

from lab.layout import LabError
from lab.process import Process, wait_until

_SECONDS = 30.0


def descendants(process: Process) -> Iterator[Process]:
    """Everything a process started that still hangs on it; what became a daemon does not."""
    for pid in process.children:
        child = Process.of(pid)
        if child is not None:
            yield child
            yield from descendants(child)


def kill(process: Process) -> None:
    """Kill one process with SIGKILL; what it started lives on."""
    process.signal(signal.SIGKILL)
    _gone(process)


def kill_all(process: Process) -> tuple[Process, ...]:
    """Kill a process and everything it started, with SIGKILL, and return what was killed.

    Pulumi gives each plugin a process group of its own, so one signal to a group is not enough.
    All are stopped first: none may start another, or tell another of a death, in between.
    """
    known: tuple[Process, ...] = ()
    while known != (found := (process, *descendants(process))):
        for one in found:
            one.signal(signal.SIGSTOP)
        known = found
    for one in known:
        one.signal(signal.SIGKILL)
    for one in known:
        _gone(one)
    return known


def below(process: Process, word: str) -> Process:
    """The process below another whose command line holds `word`, the topmost of them.

    Raises:
        LabError: There is none.
    """
    for one in descendants(process):
        if word in command(one):
            return one
    message = f"no process below {process.pid} has {word!r} in its command line"
    raise LabError(message)


def command(process: Process) -> str:
    """A process's command line; empty for one that is gone."""
    try:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return words.replace(b"\0", b" ").decode(errors="replace").strip()


def _gone(process: Process) -> None:
    wait_until(f"the end of process {process.pid}", lambda: not process.alive, seconds=_SECONDS)
