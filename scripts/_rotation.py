"""What a rotation changes in a declaration, who is left out of it, and who must be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from backplane import planes
from backplane.declaration import Declaration, Node
from scripts._declared import Changes, place
from scripts._problem import Problem

CARRIES = {"management": "enrollment"}
"""The plane by which a change of a plane is led and checked; management for all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One rotation as it is written into the declaration.

    Attributes:
        what: `keys`, `psk` or `everything`.
        slot: the plane.
        name: what the stack calls it.
        interface: its interface.
        carrier: the plane that carries the change.
        node: the only node whose key changes, if it is one node's.
        changes: new values by path.
        before: old values by path, None where nothing was written.
        fetch: operators whose files change.
        behind: nodes that are left behind.
    """

    what: str
    slot: str
    name: str
    interface: str
    carrier: str
    node: str | None
    changes: Changes
    before: dict[tuple[str, ...], Any] = field(default_factory=dict)
    fetch: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()


def rotation(
    declared: Declaration,
    what: str,
    plane: str,
    *,
    node: str | None = None,
    leave_behind: Iterable[str] = (),
    today: str,
) -> Rotation:
    """Work out a rotation.

    Args:
        declared: the declaration as it is.
        what: `keys`, `psk` or `everything`.
        plane: the plane's slot, or the name the stack gives it.
        node: the only node to draw a new key for; with `keys` only.
        leave_behind: the offline nodes that may be left behind.
        today: the date to write, ISO 8601.

    Raises:
        Problem: No such plane or node, or a node is offline and not left behind.
    """
    slot = _slot(declared, plane)
    settings = declared.settings(slot)
    behind = _behind(declared, slot, frozenset(leave_behind))
    changes: dict[tuple[str, ...], int | str] = {}
    before: dict[tuple[str, ...], Any] = {}
    if node is not None:
        at = (*place(declared, node), "epochs", slot)
        own = _nodes(declared)[node]
        _present(node, own)
        epoch = next((number for name, number in own.epochs.items() if name == slot), 1)
        before[at], changes[at] = epoch, epoch + 1
    else:
        for kind in ("keys", "psk") if what == "everything" else (what,):
            at, day = ("planes", slot, kind), ("planes", slot, "rotated", kind)
            before[at] = getattr(settings, kind)
            changes[at] = before[at] + 1
            before[day], changes[day] = getattr(settings.rotated, kind), today
    return Rotation(
        what=what,
        slot=slot,
        name=settings.name or slot,
        interface=planes.by_slot(slot).interface,
        carrier=CARRIES.get(slot, "management"),
        node=node,
        changes=changes,
        before=before,
        fetch=tuple(
            sorted(
                name
                for name, operator in declared.operators.items()
                if slot in {declared.slot_named(one) for one in operator.planes}
            )
        ),
        behind=behind,
    )


def _slot(declared: Declaration, plane: str) -> str:
    in_use = [slot for slot in planes.SLOTS if declared.settings(slot).use]
    try:
        slot = declared.slot_named(plane)
    except KeyError:
        slot = ""
    if slot in in_use:
        return slot
    raise Problem(
        where=f"plane {plane}",
        what="there is no such plane" if not slot else "this plane is not in use",
        why=f"the planes are {', '.join(declared.settings(one).name or one for one in in_use)}",
        fix="name one of them",
    )


def _nodes(declared: Declaration) -> dict[str, Node]:
    return {name: node for site in declared.sites.values() for name, node in site.nodes.items()}


def _present(name: str, node: Node) -> None:
    if node.offline or node.retire:
        raise Problem(
            where=f"node {name}",
            what="it cannot take a new key",
            why="it is marked `offline: true`" if node.offline else "it is marked `retire: true`",
            fix=f"a rebuilt machine has new keys anyway: backplane replace {name}",
        )


def _behind(declared: Declaration, slot: str, named: frozenset[str]) -> tuple[str, ...]:
    nodes = _nodes(declared)
    away = {name for name, node in nodes.items() if node.offline and not node.retire}
    if strange := sorted(named - away):
        raise Problem(
            where=f"node {strange[0]}",
            what="it cannot be left behind",
            why="there is no such node" if strange[0] not in nodes else "it is not offline",
            fix="leave that --leave-behind out",
        )
    if missing := sorted(away - named):
        raise Problem(
            where=", ".join(f"node {name}" for name in missing),
            what="nothing is rotated while a node is offline",
            why=f"it would keep its old keys and not reach {slot} any more",
            fix="bring it back first and take `offline: true` away, or give it up: "
            + " ".join(f"--leave-behind {name}" for name in missing)
            + ", and rebuild it with `backplane replace` afterwards",
        )
    return tuple(sorted(away))
