"""What changes for people: who comes and goes, what they may, and by which nodes they come in."""

from __future__ import annotations

from collections.abc import Iterator

from backplane.pairing import Json, part


def entries(old: Json, new: Json) -> Iterator[str]:
    """A line for each site whose nodes people reach another way."""
    before, after = part(old, "sites"), part(new, "sites")
    for name in sorted({*before} & {*after}):
        here, there = before[name].get("entry", []), after[name].get("entry", [])
        if here != there:
            yield (
                f"people reach {name} by {', '.join(there)}, with direct files each node"
                if there
                else f"people reach each node of {name} for itself"
            )


def people(old: Json, new: Json) -> Iterator[tuple[str, tuple[str, ...]]]:
    """By name, lines on everybody for whom something changes."""
    before, after = part(old, "people"), part(new, "people")
    for name in sorted({*before, *after}):
        if name not in before:
            yield name, (f"comes: {_person(after[name])}",)
        elif name not in after:
            yield name, (f"goes: {_person(before[name])}",)
        elif lines := tuple(_moves(before[name], after[name])):
            yield name, lines


def _person(one: Json) -> str:
    day = f", up to {one['expires']}" if one.get("expires") else ""
    login = f", logs in as {_login(one)}" if one.get("user") else ""
    return f"{one['kind']}, on {', '.join(one['addresses'])}{day}{login}"


def _moves(here: Json, there: Json) -> Iterator[str]:
    old, new = set(here["addresses"]), set(there["addresses"])
    yield from (f"joins {slot}" for slot in sorted(new - old))
    yield from (f"leaves {slot}" for slot in sorted(old - new))
    if here.get("public_keys", {}) != there.get("public_keys", {}):
        yield "brings another WireGuard key"
    if "ssh_key" in here and here["ssh_key"] != there["ssh_key"]:
        whose = "as root " if not there.get("user") else ""
        yield f"logs in {whose}with another SSH key, or no more, or from now on"
    if _login(here) != _login(there):
        yield f"logs in as {_login(there)}, before as {_login(here)}"
    if here.get("expires") != (day := there.get("expires")):
        yield f"may come in up to {day}" if day else "has no last day any more"
    if here["key"] != there["key"]:
        yield "has another id, and so other addresses"


def _login(one: Json) -> str:
    """Whose account a device opens, and what may be done from there by sudo."""
    if not one.get("user"):
        return "root"
    return f"{one['user']} (as root: {', '.join(one['sudo']) or 'nothing'})"
