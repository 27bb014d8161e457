"""Names for /etc/hosts: they resolve on every node, also while no DNS node lives."""

from collections.abc import Iterable

from backplane import planes
from backplane.names import Record


def block(records: Iterable[Record]) -> str:
    """One line per name and family; a node's bare name is its management address.

    Without blank lines: the node tool keeps this text as one block of the file.
    """
    lines: list[str] = []
    for record in records:
        names = record.name
        if record.owner and record.zone == planes.MANAGEMENT.zone:
            names += f" {record.node}"
        lines += [f"{record.address.v4} {names}", f"{record.address.v6} {names}"]
    return "".join(f"{line}\n" for line in lines)
