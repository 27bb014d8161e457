"""What becomes of layer-2 segments when one picture of a mesh takes another's place."""

from __future__ import annotations

from collections.abc import Iterator

from backplane.change import Interruption
from backplane.pairing import Json, part, staying


def lines(old: Json, new: Json) -> Iterator[str]:
    """Segments that come, go, or are others, in words."""
    before, after = part(old, "segments"), part(new, "segments")
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"segment {name} comes: {_told(after[name])}"
        elif name not in after:
            yield f"segment {name} goes"
        else:
            here, there = before[name], after[name]
            told = [
                f"{text} {here[key]} → {there[key]}"
                for key, text in _FIELDS.items()
                if here[key] != there[key]
            ]
            were, are = _members(old, new, here), {*there["nodes"]}
            told += [f"{node} joins" for node in sorted(are - were)]
            told += [f"{node} leaves" for node in sorted(were - are)]
            if told:
                yield f"segment {name}: {', '.join(told)}"


_FIELDS = {"id": "id", "plane": "plane", "mtu": "MTU of its guests"}


def _told(one: Json) -> str:
    return f"VXLAN {one['id']} over {one['plane']} between {', '.join(one['nodes'])}"


def _members(old: Json, new: Json, one: Json) -> set[str]:
    """Who was a member, by the names that nodes have now."""
    later = {earlier: name for name, earlier in staying(old, new).items()}
    return {later.get(name, name) for name in one["nodes"]}


def interruptions(old: Json, new: Json) -> Iterator[Interruption]:
    """What stands still of segments; another membership is nothing to those that stay."""
    before, after = part(old, "segments"), part(new, "segments")
    gone = tuple(name for name in sorted(before) if name not in after)
    if gone:
        why = "it is declared no more, and its bridges go"
        yield Interruption(names=gone, what="guests of", lasts="for good", why=why)
    for name in sorted({*before} & {*after}):
        here, there = before[name], after[name]
        if here["id"] != there["id"]:
            yield Interruption(
                names=(name,),
                what="guests of",
                lasts="until they are attached to the new bridge",
                why="its id changes, and its bridges with it",
            )
            continue
        left = sorted(_members(old, new, here) - {*there["nodes"]})
        if left:
            why = "the node leaves it"
            yield Interruption(
                names=tuple(left), what=f"guests of {name} at", lasts="for good", why=why
            )
        if here["plane"] != there["plane"] or old.get("network") != new.get("network"):
            yield Interruption(
                names=(name,),
                what="guests of",
                lasts="seconds, while its members begin to use other addresses",
                why="its plane or the plane's addresses change; guests stay attached",
            )
        if here["mtu"] > there["mtu"]:
            yield Interruption(
                names=(name,),
                what="large packets of guests of",
                lasts="until guests have the new MTU",
                why="it carries less",
            )
