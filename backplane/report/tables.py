"""The tables of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from backplane.change import Change, Interruption, Plane, Port
from backplane.preview import Preview
from backplane.report.markdown import fenced, folded, several, some, table

OPEN = 12
"""Rows of a table that is seen at once; a longer one is folded."""

_WHATS = ("added", "removed", "replaced", "changed")


def section(title: str, text: str, rows: int) -> str:
    """A table under its title, folded if it is long."""
    if rows > OPEN:
        return folded(f"{title} ({rows})", text)
    return f"### {title}\n\n{text}"


def whose(one: Interruption) -> str:
    """What stands still, in a line."""
    return f"{one.what} {some(one.names)}".strip()


def sites(change: Change) -> str:
    """How many nodes come, go, or are others, by site."""
    found: dict[str, Counter[str]] = {}
    for node in change.nodes:
        found.setdefault(node.site, Counter())[node.what] += 1
    rows = [
        (site, *(str(counts[what] or "") for what in _WHATS))
        for site, counts in sorted(found.items())
    ]
    return section("Nodes, by site", table(("site", *_WHATS), rows), len(rows))


def nodes(change: Change) -> str:
    """Each node that comes, goes, or is another."""
    rows = [(node.name, node.site, node.what, "; ".join(node.lines)) for node in change.nodes]
    return section("Nodes", table(("node", "site", "what", "how"), rows), len(rows))


def ports(change: Change) -> str:
    """What opens and shuts inside planes, the nodes of one port in one row."""
    rows = [
        ("opens" if opens else "shuts", slot, f"{proto.upper()} {port}", role, some(names))
        for (opens, slot, proto, port, role), names in _grouped(change.ports)
    ]
    head = ("", "plane", "port", "role", "on")
    return section("Ports inside planes", table(head, rows), len(rows))


def alike(found: Iterable[Port]) -> list[str]:
    """The same in words, a line for the nodes of one port."""
    lines: list[str] = []
    for (opens, slot, proto, port, role), names in _grouped(found):
        what = f"{'opens' if opens else 'shuts'} {proto.upper()} {port}"
        lines.append(f"{what} on {slot} at {some(names)} ({role})")
    return lines


def _grouped(found: Iterable[Port]) -> list[tuple[tuple[bool, str, str, int, str], list[str]]]:
    groups: dict[tuple[bool, str, str, int, str], list[str]] = {}
    for one in found:
        key = one.opens, one.slot, one.proto, one.port, one.role
        groups.setdefault(key, []).append(one.node)
    return sorted(groups.items(), key=lambda item: (not item[0][0], *item[0][1:]))


def planes(change: Change) -> str:
    """Each plane that differs: what about it, and which pairs of peers there are."""
    rows = [
        (plane.slot, "; ".join(plane.lines), _pairs(plane))
        for plane in change.planes
        if plane.differs
    ]
    return section("Planes", table(("plane", "what", "pairs of peers"), rows), len(rows))


def _pairs(plane: Plane) -> str:
    moves = [f"+{plane.gained}"] * bool(plane.gained) + [f"-{plane.lost}"] * bool(plane.lost)
    return f"{plane.pairs} ({', '.join(moves)})" if moves else str(plane.pairs)


def engine(preview: Preview) -> str:
    """What the engine would do, and what it says is wrong."""
    told = ", ".join(f"{count} to {what}" for what, count in preview.counts.items()) or "nothing"
    lines = [f"### The engine's steps\n\nResources: {told}."]
    for title, names in (("made anew", preview.replaced), ("deleted", preview.deleted)):
        if names:
            text = "\n".join(f"- `{name}`" for name in names)
            lines.append(folded(f"{several(len(names), 'resource')} {title}", text))
    if preview.errors:
        lines.append(f"**It fails:**\n\n{fenced(_joined(preview.errors), 'text')}")
    return "\n\n".join(lines)


def _joined(errors: Sequence[str]) -> str:
    return "\n\n".join(errors)[:4000]
