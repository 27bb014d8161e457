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
from backplane.report.markdown import fenced, folded, several, some, table

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


def report(about: About, change: Change, new: Json, engine: Preview | None = None) -> str:
    """The whole report, never longer than a comment may be.

    Args:
        about: what is reported of.
        change: what differs.
        new: the picture that is proposed.
        engine: what the engine would do, where it was asked.
    """
    text = _head(about)
    if change.nothing and not engine:
        return f"{text}\nNothing changes.\n"
    text += f"\n{_answers(change)}\n"
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
    told = "**The proposed declaration is not valid.** `pulumi up` would touch nothing and say:"
    return f"{_head(about)}\n{told}\n\n{fenced(shown, 'text')}\n"


def _head(about: About) -> str:
    return (
        f"<!-- backplane report: {about.stack} -->\n## Backplane: {about.stack}\n\n"
        f"{about.head} against {about.base}\n"
    )


def _answers(change: Change) -> str:
    rows = [
        ("Comes", _named(change, "added") or "no node"),
        ("Goes", _named(change, "removed") or "no node"),
        ("Is built anew", _named(change, "replaced") or "no node"),
        ("Ports", _ports(change)),
        ("Interrupts", _interrupts(change)),
        ("New keys", _keys(change)),
    ]
    return table(("", ""), [(f"**{title}**", text) for title, text in rows])


def _named(change: Change, what: str) -> str:
    names = [node.name for node in change.nodes if node.what == what]
    return f"{several(len(names), 'node')}: {some(names)}" if names else ""


def _ports(change: Change) -> str:
    opens = sum(port.opens for port in change.ports)
    shuts = len(change.ports) - opens
    first, last = planes.INBOUND[0][1], planes.INBOUND[-1][1]
    doors = {f"{one.proto.upper()} {one.port}" for one in change.ports}
    inside = f"inside planes {opens} open and {shuts} shut ({some(sorted(doors))})"
    inside = inside if change.ports else "none changes"
    return f"{inside}; towards the internet UDP {first} to {last} and nothing else, as ever"


def _interrupts(change: Change) -> str:
    if change.first:
        return "nothing: there is nothing yet"
    if not change.interruptions:
        return "no: not a packet is lost"
    told = (f"{tables.whose(one)} ({one.lasts})" for one in change.interruptions)
    return f"**yes**: {'; '.join(told)}"


def _keys(change: Change) -> str:
    if change.first:
        return "all, as everything is new"
    return "; ".join(f"{some(one.names)}: {one.what}" for one in change.keys) or "none"


def _sections(change: Change, new: Json, engine: Preview | None) -> Iterator[tuple[str, str]]:
    if change.interruptions:
        rows = [(tables.whose(one), one.lasts, one.why) for one in change.interruptions]
        yield "interruptions", _section("What stands still", ("what", "how long", "why"), rows)
    if engine:
        yield "the engine's steps", tables.engine(engine)
    if len(change.nodes) > tables.OPEN:
        yield "nodes by site", tables.sites(change)
    elif change.nodes:
        yield "nodes", tables.nodes(change)
    if change.ports:
        yield "ports", tables.ports(change)
    yield "planes", tables.planes(change)
    if change.keys:
        told = [(some(one.names), one.what) for one in change.keys]
        yield "keys", _section("New keys", ("whose", "which"), told)
    if change.people:
        rows2 = [(name, "; ".join(lines)) for name, lines in change.people.items()]
        yield "people", _section("People and runners", ("who", "what"), rows2)
    if change.settings:
        yield "settings", _section("Settings", ("what",), [(one,) for one in change.settings])
    yield "the drawing", folded("The mesh, drawn", fenced(drawing(new, change), "mermaid"))
    if len(change.nodes) > tables.OPEN:
        yield "every node", tables.nodes(change)


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tables.section(title, table(head, rows), len(rows))
