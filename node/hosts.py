"""Our block of names in /etc/hosts; every other line stays as it is."""

import os
import stat
from pathlib import Path

from node.generations import Generation
from node.machine import Machine

BEGIN = "# backplane: begin (written by backplane-node, edits are lost)"
END = "# backplane: end"
MODE = 0o644


def merge(present: str, block: str) -> str:
    """Put ``block`` in the place of the one in ``present``, or behind everything else.

    A block whose end is missing reaches to its last line that we could have written, the first
    empty line, so that a file cut by hand loses nothing of others.
    """
    before: list[str] = []
    after: list[str] = []
    inside = found = False
    for line in present.splitlines():
        if line == BEGIN and not found:
            inside = found = True
        elif inside and line == END:
            inside = False
        elif inside and not line.strip():
            inside = False
            after.append(line)
        elif not inside:
            (after if found else before).append(line)
    return "\n".join([*before, BEGIN, *block.strip().splitlines(), END, *after, ""])


def write(machine: Machine, generation: Generation) -> bool:
    """Write the generation's names. /etc/hosts outlives a reboot, so only for a confirmed one.

    Returns:
        Whether anything had to be changed.
    """
    source = generation.file("hosts")
    path = machine.layout.hosts
    if not source.exists():
        return False
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    wanted = merge(present, source.read_text(encoding="utf-8"))
    if wanted == present and _is_plain(path):
        return False
    machine.disk.replace(path, wanted.encode(), MODE)
    return True


def clear(machine: Machine) -> None:
    """Take our block out; nothing without one."""
    path = machine.layout.hosts
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    if BEGIN in present.splitlines():
        left = merge(present, "").replace(f"{BEGIN}\n{END}\n", "")
        machine.disk.replace(path, left.encode(), MODE)


def _is_plain(path: Path) -> bool:
    """Whether everybody may read the file and root alone may write it."""
    state = path.stat()
    mine = (os.geteuid(), os.getegid())
    return stat.S_IMODE(state.st_mode) == MODE and (state.st_uid, state.st_gid) == mine
