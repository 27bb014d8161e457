"""What stands still when one picture of a mesh takes another's place, and whose keys are new."""

from __future__ import annotations

from collections.abc import Iterator

from backplane import segment_changes
from backplane.change import Change, Interruption, NewKeys, Node
from backplane.pairing import Json, own, part, rotated, staying
from backplane.segments import NAME as SEGMENTS

PAUSE = 250
"""Milliseconds that a plane pauses at most while its keys change (`make bench-change`)."""

_ONCE = f"once, at most {PAUSE} ms"


def keys(old: Json, new: Json) -> Iterator[NewKeys]:
    """Whose keys are new."""
    for what, text, links in (
        ("keys", "every private key on it that the stack makes, people's too", "private keys"),
        ("psk", "every PSK on it, which interrupts nothing", "PSKs"),
    ):
        if slots := tuple(slot for slot, kind in rotated(old, new) if kind == what):
            yield NewKeys(names=slots, what=text)
        if _LINKS in slots and linked(old, new):
            drawn = f"{links}, with those of {_LINKS}"
            yield NewKeys(names=("links between gateways",), what=drawn)
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
        what = "private keys and host key, as it is another machine"
        yield NewKeys(names=anew, what=what)


def _machine(node: Json) -> tuple[object, object]:
    """What the keys of a node follow from, but for its seed, which stays with its name."""
    return node.get("incarnation"), node.get("key")


def interruptions(old: Json, new: Json, change: Change) -> Iterator[Interruption]:
    """What stands still, for how long and why; the worst first.

    Args:
        old: the picture before.
        new: the picture after.
        change: what happens to nodes, planes, ports and people.
    """
    yield from _machines(change.nodes)
    yield from _for_good(old, new, change)
    if any(old.get(key) != new.get(key) for key in ("network", "ula")):
        yield Interruption(
            names=("every connection inside the planes",),
            lasts="until it is made again, to the new address",
            why="all addresses change",
        )
    yield from _ways(old, new)
    if slots := tuple(slot for slot, what in rotated(old, new) if what == "keys"):
        why = "its keys change, on all nodes at one moment; connections stay open"
        yield Interruption(names=slots, what="everything on", lasts=_ONCE, why=why)
        if _LINKS in slots and linked(old, new):
            why = "their keys change with management's; connections stay open"
            yield Interruption(
                names=("links between gateways",), what="everything on", lasts="once", why=why
            )
    if alone := tuple(f"{name} on {slot}" for name, slot in own(old, new)):
        why = "its key changes; connections stay open"
        yield Interruption(names=alone, lasts=_ONCE, why=why)
    yield from segment_changes.interruptions(old, new)
    yield from _restarts(old, new, change.nodes)


BETWEEN = "some seconds at most; inside a site nothing stops"
"""How long traffic between sites stands still when the topology changes."""

_MOVED = "until another gateway carries them, or the new links are up; inside a site nothing stops"

_LINKS = "management"
"""The plane by whose epochs links draw their keys."""

_TOPOLOGY = {
    ("mesh", "routed"): "gateways get links to each other, and every other node loses its direct "
    "peers at other sites; no port opens towards the internet",
    ("routed", "mesh"): "every node gets direct peers at all sites, and gateways lose their links",
}


def topology(old: Json, new: Json) -> str | None:
    """What another topology means; None where it stays."""
    return _TOPOLOGY.get((str(old.get("topology")), str(new.get("topology"))))


def linked(old: Json, new: Json) -> bool:
    """Whether sites are joined by links before and after."""
    return old.get("topology") == new.get("topology") == "routed"


def _ways(old: Json, new: Json) -> Iterator[Interruption]:
    """Traffic between sites, when gateways come into use, go, or are others."""
    if topology(old, new):
        yield Interruption(
            names=("connections between sites",), lasts=BETWEEN, why="the topology changes"
        )
        return
    before, after, same = part(old, "nodes"), part(new, "nodes"), staying(old, new)
    later = {earlier: after[name].get("slot") for name, earlier in same.items()}
    moved = tuple(
        name
        for name, node in sorted(before.items())
        if node.get("slot") not in {None, later.get(name)}
    )
    if moved:
        yield Interruption(
            names=moved,
            what="connections between sites through",
            lasts=_MOVED,
            why="it is a gateway no more, or one with another slot and so other links",
        )


_DARK = ("type ", "public IPv6 ")
"""Changes of a machine for which the cloud switches it off."""


def _machines(nodes: tuple[Node, ...]) -> Iterator[Interruption]:
    for what, lasts, why in (
        (
            "replaced",
            "until its first boot has ended, some minutes; **what is on disk is lost**",
            "it is built anew",
        ),
        ("removed", "for good; **what is on disk is lost**", "it is removed"),
    ):
        if names := tuple(node.name for node in nodes if node.what == what):
            yield Interruption(names=names, lasts=lasts, why=why)
    changed = [node for node in nodes if node.what == "changed"]
    if names := tuple(
        node.name for node in changed if any(line.startswith(_DARK) for line in node.lines)
    ):
        lasts = "while it is off, some minutes"
        yield Interruption(names=names, lasts=lasts, why="the cloud changes its machine")
    if names := tuple(node.name for node in changed if "retire no → yes" in node.lines):
        yield Interruption(names=names, lasts="for good", why="nobody is its peer any more")


def _for_good(old: Json, new: Json, change: Change) -> Iterator[Interruption]:
    """What ends: planes, roles, ports and people that go or move."""
    if slots := tuple(plane.slot for plane in change.planes if "is left out" in plane.lines):
        yield Interruption(
            names=slots, what="everything on", lasts="for good", why="it is left out"
        )
    same, before, after = staying(old, new), part(old, "nodes"), part(new, "nodes")
    roles: dict[str, list[str]] = {}
    for name in sorted(same):
        daemons = set(before[same[name]].get("daemons", ())) - {SEGMENTS}
        for role in daemons - set(after[name]["daemons"]):
            roles.setdefault(role, []).append(name)
    for role, names in sorted(roles.items()):
        yield Interruption(names=tuple(names), what=f"{role} on", lasts="for good", why="it goes")
    shut: dict[str, list[str]] = {}
    for port in change.ports:
        if port.stays and not port.opens and port.role != SEGMENTS:
            what = f"{port.proto.upper()} {port.port} on {port.slot} at"
            shut.setdefault(what, []).append(port.node)
    for what, at in shut.items():
        yield Interruption(names=tuple(at), what=what, lasts="for good", why="the port shuts")
    people, there = part(old, "people"), part(new, "people")
    moved = tuple(
        name
        for name, person in people.items()
        if name not in there
        or person["key"] != there[name]["key"]
        or set(person["addresses"]) - set(there[name]["addresses"])
        or person.get("public_keys", {}) != there[name]["public_keys"]
    )
    if moved:
        why = "they go, leave a plane, or come with another id or key"
        yield Interruption(names=moved, what="sessions of", lasts="until a new way in", why=why)


_FOLLOWS = {
    "dns": "the names that it serves change; the hosts files have them meanwhile",
    "gateway": "FRR is told of other links; the sessions of those that stay are not reset",
    "grafana": "its dashboards or its data sources change",
    "prometheus": "its targets or its alert rules change; nothing is measured meanwhile",
    "routes": "sites or gateways are others; the ways that are there stay meanwhile",
}
"""Why daemons start anew whose settings follow from the mesh, and what that means."""


def _restarts(old: Json, new: Json, nodes: tuple[Node, ...]) -> Iterator[Interruption]:
    before, after, same = part(old, "nodes"), part(new, "nodes"), staying(old, new)
    anew = {node.name for node in nodes if node.what == "replaced"}
    found: dict[str, list[str]] = {}
    for name in sorted(set(same) - anew):
        here, there = (one.get("daemons", {}) for one in (before[same[name]], after[name]))
        for role in sorted(set(here) & set(there)):
            # What a segment's guests feel of it is told with the segment.
            if here[role] != there[role] and role != SEGMENTS:
                found.setdefault(role, []).append(name)
    for role, names in sorted(found.items()):
        yield Interruption(
            names=tuple(names),
            what=f"{role} on",
            lasts="seconds, while it starts anew",
            why=_FOLLOWS.get(role, "its settings or its units change"),
        )
