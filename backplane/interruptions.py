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
    for what, text in (
        ("keys", "every member's private key on it"),
        ("psk", "every PSK on it, which interrupts nothing"),
    ):
        if slots := tuple(slot for slot, kind in rotated(old, new) if kind == what):
            yield NewKeys(names=slots, what=text)
    by_slot: dict[str, list[str]] = {}
    for name, slot in own(old, new):
        by_slot.setdefault(slot, []).append(name)
    for slot, names in by_slot.items():
        yield NewKeys(names=tuple(names), what=f"the private key on {slot}")
    before, after, same = part(old, "nodes"), part(new, "nodes"), staying(old, new)
    if fresh := tuple(sorted({*after} - {*same})):
        yield NewKeys(names=fresh, what="private keys, PSKs and host key, as the node is new")
    if anew := tuple(
        name for name in sorted(same) if _machine(before[same[name]]) != _machine(after[name])
    ):
        what = "private keys and host key, as it is another machine; its PSKs stay"
        yield NewKeys(names=anew, what=what)


def _machine(node: Json) -> tuple[object, object]:
    return node.get("incarnation"), node.get("key")


def interruptions(old: Json, new: Json, nodes: tuple[Node, ...]) -> Iterator[Interruption]:
    """What stands still, for how long and why.

    Args:
        old: the picture before.
        new: the picture after.
        nodes: what happens to each node.
    """
    for what, lasts, why in (
        ("replaced", "until its first boot has ended, some minutes; **what is on disk is lost**",
         "it is built anew"),
        ("removed", "for good; **what is on disk is lost**", "it is removed"),
    ):  # fmt: skip
        if names := tuple(node.name for node in nodes if node.what == what):
            yield Interruption(names=names, lasts=lasts, why=why)
    if names := tuple(
        node.name
        for node in nodes
        if node.what == "changed" and any(line.startswith(_RESIZED) for line in node.lines)
    ):
        lasts = "while it is off, some minutes"
        yield Interruption(names=names, lasts=lasts, why="its server type changes")
    if any(old.get(key) != new.get(key) for key in ("network", "ula")):
        yield Interruption(
            names=("every connection inside the planes",),
            lasts="until it is made again, to the new address",
            why="all addresses change",
        )
    if old.get("topology") != new.get("topology"):
        yield Interruption(
            names=("connections between nodes that are no more peers",),
            lasts="until the new ways are there",
            why="the topology changes",
        )
    if slots := tuple(slot for slot, what in rotated(old, new) if what == "keys"):
        why = "its keys change, on all nodes at one moment; connections stay open"
        yield Interruption(names=slots, what="everything on", lasts=_ONCE, why=why)
    if alone := tuple(f"{name} on {slot}" for name, slot in own(old, new)):
        why = "its key changes; connections stay open"
        yield Interruption(names=alone, lasts=_ONCE, why=why)
    yield from _restarts(old, new, nodes)


_FOLLOWS = {
    "dns": "the names that it serves change; the hosts files have them meanwhile",
    "grafana": "its dashboards or its data sources change",
    "prometheus": "its targets or its alert rules change; nothing is measured meanwhile",
}
"""Why daemons start anew whose settings follow from the mesh, and what that means."""


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
            why=_FOLLOWS.get(role, "its settings or its units change"),
        )
