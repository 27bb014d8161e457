"""Clocks that are off.

All machines share this computer's clocks, so skew is given to the one program that must notice:
Python shifts every clock that it reads while it runs the node tool. Everything else on the
machine, systemd's timers among it, keeps the true time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from lab.faults.inside import must
from lab.machines.machine import Machine

_NAME = "backplane_fault_clock"

_MODULE = """\
import sys
import time

if any(word.endswith("/backplane-node") for word in sys.orig_argv):
    shift = {seconds!r}
    shift_ns = round(shift * 1_000_000_000)

    def _seconds(clock):
        return lambda *which: clock(*which) + shift

    def _nanoseconds(clock):
        return lambda *which: clock(*which) + shift_ns

    for name in ("time", "monotonic", "clock_gettime"):
        setattr(time, name, _seconds(getattr(time, name)))
        setattr(time, name + "_ns", _nanoseconds(getattr(time, name + "_ns")))
"""


@contextmanager
def skewed(machine: Machine, seconds: float) -> Iterator[None]:
    """Set the node tool's clocks ahead of the true ones, or behind when `seconds` is negative.

    Wall clock, monotonic clock and time since boot are shifted alike.
    """
    folder = must(machine, 'python3 -c "import site; print(site.getsitepackages()[0])"').strip()
    module = quote(_MODULE.format(seconds=seconds))
    files = f"{folder}/{_NAME}.py {folder}/{_NAME}.pth"
    try:
        must(
            machine,
            f"set -e; mkdir -p {folder}; printf %s {module} >{folder}/{_NAME}.py\n"
            f"echo 'import {_NAME}' >{folder}/{_NAME}.pth; chmod 644 {files}",
        )
        yield
    finally:
        must(machine, f"rm -f {files}")
