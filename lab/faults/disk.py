"""A disk that is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.inside import must
from lab.machines.disk import DATA
from lab.machines.machine import Machine

_FILL = f"{DATA}/.fault-full"

# fallocate takes most of it at once without writing; what is left goes block by block.
_SCRIPT = f"""
set -e
free=$(stat -f -c %f {DATA}) size=$(stat -f -c %S {DATA})
[ "$free" -lt 1024 ] || fallocate -l $(( (free - 512) * size )) {_FILL}
dd if=/dev/zero bs="$size" of={_FILL} oflag=append conv=notrunc 2>/dev/null || true
sync -f {DATA} || true
! (echo x >{_FILL}.more) 2>/dev/null
rm -f {_FILL}.more
"""


@contextmanager
def full(machine: Machine) -> Iterator[None]:
    """Leave not one free block on /var/lib/backplane of a machine; at the end there is room.

    Raises:
        LabError: It cannot be filled.
    """
    must(machine, _SCRIPT)
    try:
        yield
    finally:
        must(machine, f"rm -f {_FILL} {_FILL}.more")
