"""How the parts of two pictures belong together: nodes by name, planes by slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def part(picture: Json, key: str) -> dict[str, Any]:
    """A mapping of a picture; an empty one where an older version had none."""
    found = picture.get(key, {})
    return dict(found) if isinstance(found, Mapping) else {}


def by_slot(picture: Json) -> dict[str, Any]:
    """The planes of a picture by slot."""
    return {plane["slot"]: plane for plane in picture.get("planes", ())}


def staying(old: Json, new: Json) -> dict[str, str]:
    """By name afterwards, the name before, of every node that stays."""
    before = part(old, "nodes")
    told = {name: node.get("was") or name for name, node in part(new, "nodes").items()}
    return {
        name: earlier if earlier in before else name
        for name, earlier in told.items()
        if earlier in before or name in before
    }


def rotated(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    """Plane and `keys` or `psk`, of each whose epoch has changed."""
    before, after = by_slot(old), by_slot(new)
    for slot in after:
        if slot in before:
            for what in ("keys", "psk"):
                if before[slot].get(what) != after[slot].get(what):
                    yield slot, what


def own(old: Json, new: Json) -> Iterator[tuple[str, str]]:
    """Node and plane, of each key that is new by the node's own epoch."""
    before, same = part(old, "epochs"), staying(old, new)
    for name, epochs in part(new, "epochs").items():
        for slot, epoch in epochs.items():
            earlier = before.get(same.get(name, ""), {}).get(slot, epoch)
            if earlier != epoch:
                yield name, slot


def fetching(old: Json, new: Json) -> Iterator[str]:
    """Operators whose files for `wg-quick` are others: all that stands in one is looked at."""
    for name, person in part(new, "people").items():
        if person["kind"] == "operator":
            before = part(old, "people").get(name)
            slots = set(person["addresses"])
            if before is None or _file(old, before, slots) != _file(new, person, slots):
                yield name


_PLANE = ("name", "interface", "port", "ipv4", "ipv6", "mtu", "keys", "psk")
_PEER = ("key", "incarnation", "endpoint_family")


def _file(picture: Json, person: Json, slots: set[str]) -> object:
    """What a person's files say, as far as a picture tells it, on planes that are theirs."""
    nodes, epochs = part(picture, "nodes"), part(picture, "epochs")
    entry = {name: site.get("entry", []) for name, site in part(picture, "sites").items()}
    peers = sorted(
        (
            *(str(node.get(key)) for key in _PEER),
            *(f"{slot} {epochs.get(name, {}).get(slot)}" for slot in sorted(slots)),
        )
        for name, node in nodes.items()
        if not node.get("retire")
        # Who is reached by an entry node stands in no file.
        if not entry.get(node.get("site")) or name in entry[node["site"]]
    )
    planes = by_slot(picture)
    told = [[planes.get(slot, {}).get(key) for key in _PLANE] for slot in sorted(slots)]
    own = {slot: at for slot, at in person["addresses"].items() if slot in slots}
    return peers, entry, told, own, person.get("public_keys")
