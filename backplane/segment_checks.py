"""The rules about layer-2 segments, read as `backplane.checks` reads."""

from collections.abc import Iterator

from backplane import planes
from backplane.breach import breach
from backplane.mistakes import Mistake
from backplane.raw import Raw
from backplane.roles import Role
from backplane.segments import NAME, PORT

_FEWEST = 2


def segments(view: Raw) -> Iterator[Mistake]:
    """Segments: each with an id of its own, over a plane in use, between nodes that stay."""
    in_use, names = view.plane_names()
    nodes = {path.rsplit(".", 1)[1]: node for path, node in view.nodes()}
    taken: dict[int, str] = {}
    for path, one in view.members(NAME):
        number = one.number("id")
        if number is not None and taken.setdefault(number, path) != path:
            what = f"{number} is already the id of {taken[number]}"
            yield breach(f"{path}.id", what, "segments.*.id")
        plane = one.text("plane") if one.has("plane") else planes.STORAGE.slot
        slot = names.get(plane) if plane is not None else None
        at = f"{path}.plane" if one.has("plane") else path
        if plane is not None and slot is None:
            rule = f"the planes are {', '.join(names)}"
            what = f"unknown plane `{plane}`"
            yield Mistake(path=at, what=what, rule=rule, fix="correct its name")
        elif slot == planes.ENROLLMENT.slot:
            what = f"{plane} is the way in for pushes, and carries nothing of anybody's guests"
            yield breach(at, what, "segments.*.plane")
        elif slot is not None and slot not in in_use:
            fix = "use the plane, or name another one"
            yield breach(at, f"{plane} is left out of the mesh", "segments.*.plane", fix=fix)
        yield from _members(path, one, nodes)


def _members(path: str, one: Raw, nodes: dict[str, Raw]) -> Iterator[Mistake]:
    key, listed = "segments.*.nodes", one.list("nodes")
    if one.has("nodes") and len({*map(str, listed)}) < _FEWEST:
        what = "joins less than two nodes"
        yield breach(f"{path}.nodes", what, key, fix="list two nodes, or remove the segment")
    for position, name in enumerate(listed):
        at = f"{path}.nodes.{position}"
        if not isinstance(name, str):
            continue
        if name in listed[:position]:
            yield breach(at, f"`{name}` is there twice", key, fix="remove one")
        elif name not in nodes or nodes[name].switch("retire") is True:
            fix = "correct its name, or take it off this list"
            yield breach(at, f"`{name}` is no node that stays", key, fix=fix)


def ours(view: Raw) -> set[str]:
    """What the interfaces of segments are called: none of them is a container bridge."""
    numbers = [one.number("id") for _, one in view.members(NAME)]
    return {f"{kind}{number}" for number in numbers if number for kind in ("vx", "vb")}


def listening(view: Raw) -> dict[str, Role]:
    """By node, what it listens on for its segments, as far as that can be read."""
    _, names = view.plane_names()
    found: dict[str, set[str]] = {}
    for _, one in view.members(NAME):
        plane = one.text("plane") if one.has("plane") else planes.STORAGE.slot
        slot = names.get(plane or "")
        for name in one.list("nodes"):
            if isinstance(name, str) and slot is not None:
                found.setdefault(name, set()).add(slot)
    return {
        name: Role(name=NAME, listens=tuple((slot, "udp", PORT) for slot in sorted(slots)))
        for name, slots in found.items()
    }
