"""How the sites of a routed mesh reach each other, as people read it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Json = Mapping[str, Any]

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_GOOD = {"Established", "up"}


def lasting(seconds: float) -> str:
    """Seconds in the largest unit of which there are two."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _state(text: str) -> str:
    return f"[{'green' if text in _GOOD else 'red'}]{escape(text)}[/]"


def _table(*columns: str) -> Table:
    from rich.table import Table  # noqa: PLC0415 - `--help` needs none of this

    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        shown.add_column(column, no_wrap=True)
    return shown


def links(ways: Json) -> Table:
    """A row for each link of each gateway."""
    shown = _table("gateway", "link", "peer", "BGP", "BFD", "IPv4", "IPv6", "since")
    for name, gateway in ways["gateways"].items():
        for link in gateway["links"]:
            shown.add_row(
                name,
                link["interface"],
                link["peer"],
                _state(link["bgp"]),
                _state(link["bfd"]),
                str(link["ipv4"]),
                str(link["ipv6"]),
                lasting(link["seconds"]) if link["seconds"] else "-",
            )
    return shown


def _through(way: Json) -> str:
    via = f" via {way['via']}" if way["via"] else ""
    return f"{way['owner'] or 'nobody'}{via}"


def sites(ways: Json, now: float) -> Table:
    """A row for each site and remote site: who carries their traffic, why and since when."""
    shown = _table("site", "to", "through", "why", "since")
    for site, remotes in ways["sites"].items():
        for remote, way in remotes.items():
            shown.add_row(
                site,
                remote,
                f"[{'green' if way['active'] else 'red'}]{escape(_through(way))}[/]",
                escape(way["why"] or "-"),
                lasting(now - way["since"]) if way["since"] else "-",
            )
    return shown


def show(console: Console, ways: Json) -> None:
    """Print both tables, then a line for each thing to know."""
    console.print()
    console.print(links(ways))
    console.print()
    console.print(sites(ways, time.time()))
    for name, gateway in ways["gateways"].items():
        for line in gateway["troubles"]:
            console.print(f"[yellow]-[/] {name}: {escape(line)}", highlight=False, soft_wrap=True)
    for sign, colour, kind in (("-", "yellow", "notes"), ("x", "red", "findings")):
        for one in ways[kind]:
            line = f"{one['node']}: {one['what']}: {one['live']}"
            console.print(f"[{colour}]{sign}[/] {escape(line)}", highlight=False, soft_wrap=True)
