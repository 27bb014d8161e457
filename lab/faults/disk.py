"""A disk that is full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.inside import must
from lab.machines.disk import DATA
from lab.machines.machine import Machine

_FILL = f"{DATA}/.fault-full"

# fallocate takes most of it at once without writing. What is left goes block by block, again
# after each sync, which sets free what ext4 had put aside. ext4 keeps some back.
_SCRIPT = f"""
free=$(stat -f -c %f {DATA}) size=$(stat -f -c %S {DATA})
[ "$free" -lt 16384 ] || fallocate -l $(( (free - 8192) * size )) {_FILL}
for _ in 1 2 3 4 5; do
    dd if=/dev/zero bs="$size" of={_FILL} oflag=append conv=notrunc 2>/dev/null
    sync -f {DATA}
    (echo x >{_FILL}.more) 2>/dev/null || exit 0
    rm -f {_FILL}.more
done
echo "{DATA} takes more and more" >&2
exit 1
"""


@contextmanager
def full(machine: Machine) -> Iterator[None]:
    """Leave not one free block on /var/lib/backplane of a machine; at the end there is room.

    Raises:
        LabError: It cannot be filled.
    """
    try:
        must(machine, _SCRIPT)
        yield
    finally:
        must(machine, f"rm -f {_FILL} {_FILL}.more")
