"""Two pictures of a mesh, compared: what comes, what goes, and what is another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backplane import interruptions, people_changes, segment_changes
from backplane.change import Change, Node, Plane, Port
from backplane.pairing import Json, by_slot, fetching, part, staying
from backplane.roles import EVERYWHERE


def compare(old: Json | None, new: Json, lines: Sequence[str] = ()) -> Change:
    """Compare two pictures.

    Args:
        old: what was last applied, or the branch that is merged into; None for the first time.
        new: what is proposed.
        lines: paths of all that differs in the stack's file, where two files are compared.
    """
    before = old or {}
    nodes, planes = tuple(_nodes(before, new)), tuple(_planes(before, new))
    ports, people = tuple(_ports(before, new)), dict(people_changes.people(before, new))
    change = Change(
        first=not old, nodes=nodes, ports=ports, planes=planes, people=people, lines=tuple(lines)
    )
    if not old:
        return change
    return replace(
        change,
        keys=tuple(interruptions.keys(old, new)),
        settings=tuple(_settings(old, new)),
        interruptions=tuple(interruptions.interruptions(old, new, change)),
        fetch=tuple(fetching(old, new)),
    )


_ANOTHER = {
    "incarnation": "incarnation",
    "key": "id",
    "site": "site",
    "cloud": "cloud",
    "location": "location",
}
"""Fields that make another machine of a node, and what people call them."""

_FIELDS = {
    "type": "type",
    "endpoint_family": "endpoint",
    "ipv6": "public IPv6",
    "bridges": "bridges",
    "uplink": "uplink",
    "mtu": "MTU of its planes, at most",
    "console": "own epoch of the console password",
    "machine": "machine",
    "pools": "pools",
    "offline": "offline",
    "retire": "retire",
    "slot": "gateway slot",
}


def _nodes(old: Json, new: Json) -> Iterator[Node]:
    before, after, same = part(old, "nodes"), part(new, "nodes"), staying(old, new)
    for name in sorted({*before} - {*same.values()}):
        first = [_FIRST.format(name)] if before[name].get("machine") else []
        yield Node(name=name, site=before[name]["site"], what="removed", lines=tuple(first))
    for name, there in sorted(after.items()):
        if name not in same:
            lines = tuple(_described(there))
            yield Node(name=name, site=there["site"], what="added", lines=lines)
            continue
        here = before[same[name]]
        anew = any(here.get(key) != there.get(key) for key in _ANOTHER)
        lines = tuple(_differences(here, there))
        if same[name] != name:
            lines = (f"was called {same[name]}", *lines)
        if lines:
            what = "replaced" if anew else "changed"
            yield Node(name=name, site=there["site"], what=what, lines=lines)


_FIRST = "its machine is given back first, else `up` stops: `backplane release {}`"


def _described(node: Json) -> Iterator[str]:
    yield f"{node['type']}, {node['image']}"
    if machine := node.get("machine"):
        yield f"taken over: {_shown(machine)}"
    own = [role for role in node["roles"] if role not in EVERYWHERE]
    yield f"roles {', '.join(own)}" if own else "no role but those of every node"
    if node.get("slot") is not None:
        yield f"gateway slot {node['slot']}"
    yield from _links({}, node)


def _differences(here: Json, there: Json) -> Iterator[str]:
    for key, text in {**_ANOTHER, **_FIELDS}.items():
        if key in here and here[key] != there.get(key):
            yield f"{text} {_shown(here[key])} → {_shown(there.get(key))}"
    if here.get("image") != there.get("image"):
        yield f"image {here.get('image')} → {there['image']} at its next rebuild"
    old, new = set(here.get("roles", ())), set(there.get("roles", ()))
    yield from (f"role {role} comes" for role in sorted(new - old))
    yield from (f"role {role} goes" for role in sorted(old - new))
    yield from _links(here, there)


def _links(here: Json, there: Json) -> Iterator[str]:
    """What a gateway is linked to that it was not, and no more."""
    before, after = (
        {(link["peer"], link["interface"]) for link in one.get("links", ())}
        for one in (here, there)
    )
    for what, ends in (("come", after - before), ("go", before - after)):
        if ends:
            told = ", ".join(f"{peer} ({interface})" for peer, interface in sorted(ends))
            yield f"links {what}: {told}"
    moved: dict[str, list[str]] = {}
    sizes = {link["peer"]: link.get("mtu") for link in here.get("links", ())}
    for link in there.get("links", ()):
        earlier = sizes.get(link["peer"])
        if earlier is not None and earlier != link["mtu"]:
            moved.setdefault(f"{earlier} → {link['mtu']}", []).append(link["peer"])
    for how, peers in sorted(moved.items()):
        yield f"MTU of links to {', '.join(sorted(peers))}: {how}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _ports(old: Json, new: Json) -> Iterator[Port]:
    same = staying(old, new)
    later = {earlier: name for name, earlier in same.items()}
    before = {
        (later.get(name, name), *_door(one))
        for name, openings in part(old, "openings").items()
        for one in openings
    }
    after = {
        (name, *_door(one)) for name, openings in part(new, "openings").items() for one in openings
    }
    for entry in sorted(before ^ after):
        node, slot, proto, port, role = entry
        yield Port(
            node=node,
            slot=slot,
            proto=proto,
            port=port,
            role=role,
            opens=entry in after,
            stays=node in same,
        )


def _door(opening: Json) -> tuple[str, str, int, str]:
    return opening["slot"], opening["proto"], opening["port"], opening["role"]


_PLANE = {
    "name": "name",
    "port": "UDP port",
    "ipv4": "IPv4 network",
    "ipv6": "IPv6 network",
    "mtu": "MTU",
    "tcp": "TCP ports that roles may open",
    "udp": "UDP ports that roles may open",
}


def _planes(old: Json, new: Json) -> Iterator[Plane]:
    before, after = by_slot(old), by_slot(new)
    for slot in {**before, **after}:
        here, there = before.get(slot, {}), after.get(slot, {})
        lines: list[str] = []
        if old and not here:
            lines.append("comes into use")
        elif not there:
            lines.append("is left out")
        elif here:
            lines += [
                f"{text} {_shown(here[key])} → {_shown(there.get(key))}"
                for key, text in _PLANE.items()
                if key in here and here[key] != there.get(key)
            ]
        pairs, earlier = there.get("pairs", 0), here.get("pairs", 0)
        kept = _kept(old, new, slot) if here and there else 0
        yield Plane(
            slot=slot, lines=tuple(lines), pairs=pairs, gained=pairs - kept, lost=earlier - kept
        )


def _kept(old: Json, new: Json, slot: str) -> int:
    """Pairs of members that can have a session on a plane before and after."""
    same, after = staying(old, new), part(new, "nodes")
    before = part(old, "nodes")
    # Two nodes are peers before and after if neither time their sites keep them apart.
    groups = Counter(
        (_apart(old, before[earlier]), _apart(new, after[name]))
        for name, earlier in same.items()
        if not (after[name]["retire"] or before[earlier]["retire"])
    )
    nodes = groups.total()
    people = sum(
        slot in part(old, "people").get(name, {}).get("addresses", ())
        for name, one in part(new, "people").items()
        if slot in one["addresses"]
    )
    return sum(number * (number - 1) // 2 for number in groups.values()) + nodes * people


def _apart(picture: Json, node: Json) -> str:
    return str(node["site"]) if picture.get("topology") == "routed" else ""


_MESH = {
    "topology": "topology",
    "network": "first number of the addresses",
    "ula": "IPv6 network",
    "protect": "protection from deletion",
    "timer": "seconds until a change undoes itself",
    "console": "epoch of all console passwords",
}


def _settings(old: Json, new: Json) -> Iterator[str]:
    for key, text in _MESH.items():
        if key in old and old[key] != new.get(key):
            yield f"{text}: {_shown(old[key])} → {_shown(new.get(key))}"
    if means := interruptions.topology(old, new):
        yield means
    yield from _owners(old, new)
    yield from segment_changes.lines(old, new)
    for key, text in (("sites", "site"), ("copies", "replication")):
        before, after = part(old, key), part(new, key)
        yield from (f"{text} {name} comes" for name in sorted({*after} - {*before}))
        yield from (f"{text} {name} goes" for name in sorted({*before} - {*after}))
        both = sorted({*before} & {*after})
        yield from (f"{text} {name} is another" for name in both if _but(before, after, name))
    yield from people_changes.entries(old, new)
    yield from _underlays(old, new)


def _but(before: Json, after: Json, name: str) -> bool:
    """Whether something differs that has no line of its own."""
    here, there = ({**of[name], "entry": None, "private": None} for of in (before, after))
    return here != there


def _underlays(old: Json, new: Json) -> Iterator[str]:
    """Sites whose nodes call each other over another network than before."""
    before, after = part(old, "sites"), part(new, "sites")
    for name in sorted({*before} & {*after}):
        there = bool(after[name].get("private"))
        if bool(before[name].get("private")) != there:
            way = "over its private network" if there else "at their public addresses"
            yield f"nodes of site {name} call each other {way}"


def _owners(old: Json, new: Json) -> Iterator[str]:
    """Which gateway carries what by default, of pairs of sites that are linked before and after."""
    before, after = part(old, "owners"), part(new, "owners")
    for site in sorted({*before} & {*after}):
        for remote in sorted({*before[site]} & {*after[site]}):
            here, there = before[site][remote], after[site][remote]
            if here != there:
                yield f"between {site} and {remote}, {site}'s default gateway: {here} → {there}"
