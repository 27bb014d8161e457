"""Power that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.machines.machine import Machine


@contextmanager
def cut(machine: Machine) -> Iterator[None]:
    """Cut a machine's power, what it had not synced is lost; at the end it is switched on."""
    machine.cut()
    try:
        yield
    finally:
        machine.start()
