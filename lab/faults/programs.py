"""Programs of a machine that fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from lab.faults.inside import must
from lab.machines.machine import Machine

REASON = "broken by the lab"
"""What a failing program says."""


@contextmanager
def failing(machine: Machine, program: str) -> Iterator[None]:
    """Let a program (`nft`, `wg-quick`) fail whatever it is asked; at the end it works again.

    A script is mounted over it, so that it is found by whatever path, and a reboot mends it too.
    """
    script = f"/run/fault-{program}"
    try:
        must(
            machine,
            f"set -e; path=$(readlink -f $(command -v {quote(program)}))\n"
            f"printf '#!/bin/sh\\necho %s >&2\\nexit 1\\n' {quote(quote(f'{program}: {REASON}'))} "
            f">{script}; chmod 755 {script}; mount --bind {script} $path",
        )
        yield
    finally:
        must(
            machine,
            f"path=$(readlink -f $(command -v {quote(program)}))\n"
            f"! mountpoint -q $path || umount $path; rm -f {script}",
        )
