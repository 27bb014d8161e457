"""Names for /etc/hosts: they resolve on every node, also while no DNS node lives."""

from collections.abc import Iterable

from backplane import planes
from backplane.plan import PlanNode, PlanPlane


def block(nodes: Iterable[PlanNode], up: Iterable[PlanPlane]) -> str:
    """One line per node, plane with a zone, and family; the bare name is the management address.

    Without blank lines: the node tool keeps this text as one block of the file.

    Args:
        nodes: whose names, retired ones apart.
        up: the planes that are up.
    """
    alive = [node for node in nodes if not node.retire]
    lines: list[str] = []
    for plane in up:
        if plane.zone is None:
            continue
        for node in alive:
            names = f"{node.name}.{plane.zone}"
            if plane.slot == planes.MANAGEMENT.slot:
                names += f" {node.name}"
            address = node.addresses[plane.slot]
            lines += [f"{address.v4} {names}", f"{address.v6} {names}"]
    return "".join(f"{line}\n" for line in lines)
