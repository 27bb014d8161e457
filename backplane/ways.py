"""The two ways in change one at a time: the other one carries the change.

A runner knows only the newest keys and PSKs. If those of enrollment and of management were new
together, no node would know them yet, and nobody could tell it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from backplane.plan import Plan
from backplane.planes import REQUIRED


def renewed(plan: Plan, before: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ways in whose keys or PSKs are other than before, as `enrollment: keys 1 -> 2`.

    Args:
        plan: what is declared.
        before: output `plan.planes` of the last `up` that came to its end.

    Returns:
        One line for each of the two planes that changes, none for one that was not there.
    """
    told = {str(plane["slot"]): plane for plane in before}
    lines = []
    for slot in REQUIRED:
        plane, old = plan.plane(slot), told.get(slot)
        changes = [
            f"{what} {old[what]} -> {now}"
            for what, now in (("keys", plane.keys), ("psk", plane.psk))
            if old is not None and old.get(what) != now
        ]
        if changes:
            lines.append(f"{plane.name}: {', '.join(changes)}")
    return lines
