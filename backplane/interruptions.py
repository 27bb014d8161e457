"""What stands still when one picture of a mesh takes another's place, and whose keys are new."""

from __future__ import annotations

from collections.abc import Iterator

from backplane.change import Interruption, NewKeys, Node
from backplane.pairing import Json, own, part, rotated, staying

PAUSE = 250
"""Milliseconds that a plane pauses at most while its keys change (`make bench-change`)."""

_ONCE = f"once, at most {PAUSE} ms"
_RESIZED = "type "


def keys(old: Json, new: Json) -> Iterator[NewKeys]:
    """Whose keys are new."""
    for what, text in (("keys", "the keys of every node"), ("psk", "every PSK")):
        if slots := tuple(slot for slot, kind in rotated(old, new) if kind == what):
            yield NewKeys(names=slots, what=text)
    by_slot: dict[str, list[str]] = {}
    for name, slot in own(old, new):
        by_slot.setdefault(slot, []).append(name)
    for slot, names in by_slot.items():
        yield NewKeys(names=tuple(names), what=f"the node's own key on {slot}")
    before, after, same = part(old, "nodes"), part(new, "nodes"), staying(old, new)
    if fresh := tuple(sorted({*after} - {*same})):
        yield NewKeys(names=fresh, what="every key, as the node is new")
    if anew := tuple(
        name for name in sorted(same) if _machine(before[same[name]]) != _machine(after[name])
    ):
        yield NewKeys(names=anew, what="every key and the host key, as it is another machine")


def _machine(node: Json) -> tuple[object, object]:
    return node.get("incarnation"), node.get("key")


def interruptions(old: Json, new: Json, nodes: tuple[Node, ...]) -> Iterator[Interruption]:
    """What stands still, for how long and why.

    Args:
        old: the picture before.
        new: the picture after.
        nodes: what happens to each node.
    """
    if any(old.get(key) != new.get(key) for key in ("network", "ula")):
        yield Interruption(
            names=("every connection inside the planes",),
            lasts="until it is made again, to the new address",
            why="all addresses change",
        )
    if slots := tuple(slot for slot, what in rotated(old, new) if what == "keys"):
        why = "its keys change on all nodes at one moment"
        yield Interruption(names=slots, what="everything on", lasts=_ONCE, why=why)
    if alone := tuple(f"{name} on {slot}" for name, slot in own(old, new)):
        yield Interruption(names=alone, lasts=_ONCE, why="its key changes")
    for what, lasts, why in (
        ("replaced", "until its first boot has ended, some minutes", "its disk is lost"),
        ("removed", "for good", "it is removed"),
    ):
        if names := tuple(node.name for node in nodes if node.what == what):
            yield Interruption(names=names, lasts=lasts, why=why)
    if names := tuple(
        node.name
        for node in nodes
        if node.what == "changed" and any(line.startswith(_RESIZED) for line in node.lines)
    ):
        lasts = "while it is off, some minutes"
        yield Interruption(names=names, lasts=lasts, why="its server type changes")
    yield from _restarts(old, new, nodes)


def _restarts(old: Json, new: Json, nodes: tuple[Node, ...]) -> Iterator[Interruption]:
    before, after, same = part(old, "nodes"), part(new, "nodes"), staying(old, new)
    anew = {node.name for node in nodes if node.what == "replaced"}
    found: dict[str, list[str]] = {}
    for name in sorted(set(same) - anew):
        here, there = (one.get("daemons", {}) for one in (before[same[name]], after[name]))
        for role in sorted(set(here) & set(there)):
            if here[role] != there[role]:
                found.setdefault(role, []).append(name)
    for role, names in sorted(found.items()):
        yield Interruption(
            names=tuple(names),
            what=f"{role} on",
            lasts="seconds, while it starts anew",
            why="its settings or its units change",
        )
