"""The two ways in change one at a time: the other one carries the change.

A runner knows only the newest keys and PSKs. If those of enrollment and of management were new
together, no node would know them yet, and nobody could tell it.
"""

from collections.abc import Mapping
from typing import Any

from backplane.plan import Plan
from backplane.planes import REQUIRED


def renewed(plan: Plan, before: Mapping[str, Any]) -> dict[str, list[str]]:
    """The nodes whose two ways in would both have other keys or PSKs than before, and how.

    Args:
        plan: what is declared.
        before: output `plan` of the last `up` that came to its end; empty when there was none.

    Returns:
        By node, a line for each way in, as `enrollment: keys 1 -> 2`; nodes that were not there
        are born with what is declared and never among them.
    """
    planes = _planes(plan, before)
    told = before.get("epochs")
    found = {}
    for node in plan.nodes:
        # The outputs of an older version tell of no epochs: then the planes' numbers are compared.
        epochs = node.epochs if told is None else told.get(node.was or node.name, {})
        lines = []
        for slot in REQUIRED:
            changes = list(planes[slot])
            if slot in epochs and node.epochs[slot] != epochs[slot]:
                changes.append(f"own epoch {epochs[slot]} -> {node.epochs[slot]}")
            if epochs and changes:
                lines.append(f"{plan.plane(slot).name}: {', '.join(changes)}")
        if len(lines) == len(REQUIRED):
            found[node.name] = lines
    return found


def _planes(plan: Plan, before: Mapping[str, Any]) -> dict[str, list[str]]:
    """What changes on each way in for all nodes."""
    told = {str(plane["slot"]): plane for plane in before.get("planes", ())}
    found: dict[str, list[str]] = {}
    for slot in REQUIRED:
        plane, old = plan.plane(slot), told.get(slot, {})
        found[slot] = [
            f"{what} {old[what]} -> {now}"
            for what, now in (("keys", plane.keys), ("psk", plane.psk))
            if old.get(what, now) != now
        ]
    return found
