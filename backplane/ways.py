"""The two ways in change one at a time: the other one carries the change.

A runner knows only the newest keys and PSKs. If those of enrollment and of management were new
together, no node would know them yet, and nobody could tell it. What nodes know is what the last
rollout confirmed: neither what was declared since, nor what was drawn for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backplane.plan import Plan
from backplane.planes import REQUIRED

EPOCHS = "BACKPLANE_EPOCHS"
"""In the rollout's environment, what `numbers` tells: recorded when the mesh has confirmed."""

ROLLOUT = "mesh-command"
"""Name of the rollout's resource."""

_EPOCHS = ("keys", "psk")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What nodes know, as a state tells it.

    Attributes:
        planes: by slot, `keys` and `psk`: the epoch that each was last drawn for.
        late: by slot, what of it was drawn after nodes were last told.
        epochs: each node's own epochs by slot, as it was last told; None if nobody was.
    """

    planes: Mapping[str, Mapping[str, int]]
    late: Mapping[str, tuple[str, ...]]
    epochs: Mapping[str, Mapping[str, int]] | None


def numbers(plan: Plan) -> dict[str, dict[str, int]]:
    """Each node's own epochs by slot: what `Standing.epochs` is read from."""
    return {node.name: dict(node.epochs) for node in plan.nodes}


def standing(document: Json) -> Standing:
    """What nodes know, of what `pulumi stack export` writes.

    Nodes are told when they are enrolled, and by each rollout that came through: a later one that
    failed is in no state. Where nobody was ever told, there is nothing that could change.
    """
    deployment = document.get("deployment") or {}
    # What was replaced stands beside its successor until it is deleted, which a failure puts off.
    found = {
        str(one["urn"]).rpartition("::")[2]: one
        for one in deployment.get("resources", ())
        if not one.get("delete")
    }
    rollout = found.get(ROLLOUT)
    told = [_time(rollout, "modified")] if rollout else []
    told = told or [
        _time(one, "created") for name, one in found.items() if name.endswith("-enroll")
    ]
    if not told:
        return Standing(planes={}, late={}, epochs=None)
    last = min(told)
    planes: dict[str, dict[str, int]] = {}
    late: dict[str, tuple[str, ...]] = {}
    for slot in REQUIRED:
        drawn = {what: found[name] for what in _EPOCHS if (name := f"{slot}-{what}") in found}
        planes[slot] = {what: int(one["inputs"]["keepers"]["epoch"]) for what, one in drawn.items()}
        late[slot] = tuple(what for what, one in drawn.items() if _time(one, "created") > last)
    recorded = (rollout or {}).get("inputs", {}).get("environment", {}).get(EPOCHS)
    return Standing(planes=planes, late=late, epochs=json.loads(recorded) if recorded else None)


def renewed(plan: Plan, before: Standing) -> dict[str, list[str]]:
    """The nodes that would know neither way in any more, and why.

    Args:
        plan: what is declared.
        before: what they know.

    Returns:
        By node, a line for each way in, as `enrollment: keys 1 -> 2`; nodes that were not there
        are born with what is declared and never among them.
    """
    planes = {slot: [*_changes(plan, slot, before)] for slot in REQUIRED}
    found = {}
    for node in plan.nodes:
        # A state of an older version tells of no node's epochs: then the planes' numbers count.
        known = before.epochs
        epochs = node.epochs if known is None else known.get(node.was or node.name, {})
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


def _changes(plan: Plan, slot: str, before: Standing) -> Iterator[str]:
    """What changes on a way in for all nodes."""
    plane, old = plan.plane(slot), before.planes.get(slot, {})
    for what, now in (("keys", plane.keys), ("psk", plane.psk)):
        if old.get(what, now) != now:
            yield f"{what} {old[what]} -> {now}"
        elif what in before.late.get(slot, ()):
            yield f"{what} drawn anew by a run that failed"


def _time(resource: Json, which: str) -> tuple[str, str]:
    """When the engine wrote it, for comparing: RFC 3339 in UTC, with as many digits as it likes.

    States of old engines do not say, and count as ever so old.
    """
    seconds, _, fraction = str(resource.get(which, "")).removesuffix("Z").partition(".")
    return seconds, fraction.ljust(9, "0")
