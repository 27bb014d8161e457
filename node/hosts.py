"""Our block of names in /etc/hosts; every other line stays as it is."""

import stat

from node.generations import Generation
from node.machine import Machine

BEGIN = "# backplane: begin (written by backplane-node, edits are lost)"
END = "# backplane: end"


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
    if wanted == present:
        return False
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    machine.disk.replace(path, wanted.encode(), mode)
    return True
