"""The page: the answers first, what stands still, then tables, the longer ones folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backplane import planes
from backplane.change import Change
from backplane.pairing import Json
from backplane.preview import Preview
from backplane.report import tables
from backplane.report.drawing import drawing
from backplane.report.markdown import FEW, cut, fenced, folded, several, some, table

MESH = ":mesh"
"""How the declaration's key in a stack's file ends."""

LIMIT = 65_536
"""Characters that GitHub takes in a comment."""

_ROOM = 300
"""Characters kept for what is said when something is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is reported of.

    Attributes:
        stack: its name.
        base: what it is compared with, in words.
        head: what is proposed, in words.
    """

    stack: str
    base: str
    head: str


def report(
    about: About, change: Change, new: Json, engine: Preview | None = None, cost: str | None = None
) -> str:
    """The whole report, never longer than a comment may be.

    Args:
        about: what is reported of.
        change: what differs.
        new: the picture that is proposed.
        engine: what the engine would do, where it was asked.
        cost: a month before and after, in a line.
    """
    text = _head(about)
    if change.nothing and not engine:
        return f"{text}\nNothing changes.\n"
    text += f"\n{_answers(change, cost)}\n"
    left: list[str] = []
    for title, section in _sections(change, new, engine):
        if len(text) + len(section) + 2 > LIMIT - _ROOM:
            left.append(title)
        else:
            text += f"\n{section}\n"
    if left:
        text += f"\nLeft out, as a comment may be no longer: {', '.join(left)}.\n"
    return text


def invalid(about: About, mistakes: str) -> str:
    """What is said of a declaration that is none."""
    room = LIMIT - len(_head(about)) - _ROOM
    shown = mistakes if len(mistakes) <= room else mistakes[:room] + "\n…"
    told = "**What is proposed is not valid.** `pulumi up` would touch nothing and say:"
    return f"{_head(about)}\n{told}\n\n{fenced(shown, 'text')}\n"


def _head(about: About) -> str:
    return (
        f"<!-- backplane report: {about.stack} -->\n## Backplane: {about.stack}\n\n"
        f"{about.head} against {about.base}\n"
    )


def _answers(change: Change, cost: str | None) -> str:
    rows = [
        ("Added", _named(change, "added") or "no node"),
        ("Removed", _named(change, "removed") or "no node"),
        ("Rebuilt", _named(change, "replaced") or "no node"),
        *([("Also", also)] if (also := _also(change)) else []),
        ("Ports inside planes", _ports(change)),
        ("Towards the internet", _internet(change)),
        ("Interrupts", _interrupts(change)),
        ("New keys", _keys(change)),
        *([("Costs a month", cost)] if cost else []),
        *([("Afterwards", f"{some(change.fetch)}: fetch new files")] if change.fetch else []),
    ]
    return table(("", ""), [(f"**{title}**", cut(text)) for title, text in rows])


def _named(change: Change, what: str) -> str:
    names = [node.name for node in change.nodes if node.what == what]
    lost = "" if what == "added" else ", **with what is on their disks**"
    return f"{several(len(names), 'node')}: {some(names)}{lost}" if names else ""


def _also(change: Change) -> str:
    """What else is different: none of it is told by the rows beside it."""
    nodes = [node for node in change.nodes if node.what == "changed"]
    told = [f"{node.name}: {', '.join(node.lines)}" for node in nodes]
    told += [f"{name}: {', '.join(lines)}" for name, lines in change.people.items()]
    told += [f"{plane.slot}: {', '.join(plane.lines)}" for plane in change.planes if plane.lines]
    told = [*_outside(change), *change.settings, *told]
    left = [f"and {len(told) - FEW} more"] if len(told) > FEW else []
    return "; ".join([*told[:FEW], *left])


def _outside(change: Change) -> list[str]:
    """Keys of the stack's file that are not the declaration's: they may lead anywhere."""
    return [f"**`{path}` of the stack's file**" for path in change.lines if MESH not in path]


def _ports(change: Change) -> str:
    found = tables.alike(port for port in change.ports if port.stays)
    told = [f"**{line}**" for line in found[:FEW]]
    told += [f"and {len(found) - FEW} more"] if len(found) > FEW else []
    moving = sum(not port.stays for port in change.ports)
    told += [f"{several(moving, 'port')} with the nodes that come or go"] if moving else []
    return "; ".join(told) or "none opens, none shuts"


def _internet(change: Change) -> str:
    first, last = planes.INBOUND[0][1], planes.INBOUND[-1][1]
    fresh = [node.name for node in change.nodes if node.what == "added"]
    newly = f"; new on {some(fresh)}" if fresh else ""
    return f"UDP {first} to {last} on every node, and nothing else{newly}"


def _interrupts(change: Change) -> str:
    if change.first:
        return "nothing: there is nothing yet"
    if not change.interruptions:
        return "no: sessions stay open and lose no packet"
    told = (f"{tables.whose(one)} ({one.lasts})" for one in change.interruptions)
    return f"**yes**: {'; '.join(told)}"


def _keys(change: Change) -> str:
    if change.first:
        return "all: private keys and PSKs of nodes and people, and host keys of nodes"
    return "; ".join(f"{some(one.names)}: {one.what}" for one in change.keys) or "none"


def _sections(change: Change, new: Json, engine: Preview | None) -> Iterator[tuple[str, str]]:
    """What is called how, in the order of reading; those without a row are left out."""
    still = [(tables.whose(one), one.lasts, one.why) for one in change.interruptions]
    keys = [(some(one.names), one.what) for one in change.keys]
    people = [(name, "; ".join(lines)) for name, lines in change.people.items()]
    settings = [(one,) for one in change.settings]
    short = len(change.nodes) <= tables.OPEN
    yield from _there("What stands still", ("what", "how long", "why"), still)
    if engine:
        yield "the engine's steps", tables.engine(engine)
    if change.nodes:
        yield "nodes", tables.nodes(change) if short else tables.sites(change)
    if change.ports:
        yield "ports", tables.ports(change)
    if any(plane.differs for plane in change.planes):
        yield "planes", tables.planes(change)
    yield from _there("New keys", ("whose", "which"), keys)
    yield from _there("People and runners", ("who", "what"), people)
    yield from _there("Settings", ("what",), settings)
    lines = [(f"`{path}`",) for path in change.lines]
    yield from _there("Lines of the file that differ", ("where",), lines)
    drawn = fenced(drawing(new, change), "mermaid")
    yield "the drawing", folded("The mesh afterwards, drawn", drawn)
    if not short:
        yield "every node", tables.nodes(change)


def _there(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]]
) -> Iterator[tuple[str, str]]:
    if rows:
        yield title.lower(), tables.section(title, table(head, rows), len(rows))
