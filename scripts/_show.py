"""A verdict as people read it: a table by plane, then a line for each finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts._sessions import LINKS, sessions
from scripts._verdict import FAMILIES, Mesh

Json = Mapping[str, Any]

_MOST = 12
"""How many findings of one kind are listed; the rest is counted."""


def _good(reached: int, expected: int) -> str:
    colour = "green" if reached == expected else "red"
    return f"[{colour}]{reached}/{expected}[/]"


def _none(count: int) -> str:
    return f"[{'red' if count else 'green'}]{count}[/]"


def _on(items: Iterable[Json], slot: str) -> list[Json]:
    return [item for item in items if item["plane"] == slot]


def table(declared: Mesh, verdict: Json) -> Table:
    """One row for each plane: pairs, doors, sessions."""
    shown = Table(title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in ("plane", "interface", "IPv4", "IPv6", "services", "unexpected", "handshakes"):
        shown.add_column(column, justify="left" if column in {"plane", "interface"} else "right")
    each = len(declared.nodes) * (len(declared.nodes) - 1)
    wanted = Counter(slot for _, _, slot, _ in sessions(declared))
    stale = verdict["handshakes"]["stale"]
    found = verdict["isolation"]
    for slot, interface in declared.interfaces.items():
        silent = _on(verdict["pairs"]["missing"], slot)
        reached = [each - sum(item["family"] == family for item in silent) for family in FAMILIES]
        doors = (
            sum(
                opening[0] == slot and opening[1] == "tcp"
                for node in declared.nodes
                for opening in node.openings
            )
            * len(FAMILIES)
            * (len(declared.nodes) - 1)
        )
        shown.add_row(
            slot,
            interface,
            *(_good(count, each) for count in reached),
            _good(doors - len(_on(found["missing_open"], slot)), doors),
            _none(len(_on(found["unexpected_open"], slot))),
            _good(wanted[slot] - len(_on(stale, slot)), wanted[slot]),
        )
    if links := wanted[LINKS]:
        alive = _good(links - len(_on(stale, LINKS)), links)
        shown.add_row(LINKS, "wgl*", "", "", "", "", alive)
    return shown


def findings(verdict: Json) -> list[str]:
    """Every finding as one line, those of one kind together."""
    door = "{from} -> {to}: {plane} {address} tcp {port}: {result}"
    kinds: tuple[tuple[str, str, list[Json]], ...] = (
        ("no echo", "{from} -> {to}: {plane} {address}", verdict["pairs"]["missing"]),
        ("must not answer", door, verdict["isolation"]["unexpected_open"]),
        ("must answer", door, verdict["isolation"]["missing_open"]),
        (
            "listener",
            "{node}: {protocol} {address} port {port} ({process}): {why}",
            verdict["listeners"]["wrong"],
        ),
        (
            "stale handshake",
            "{from} -> {to}: {plane}, {age} s (None: never)",
            verdict["handshakes"]["stale"],
        ),
        ("failed unit", "{node}: {unit}", verdict["units"]["failed"]),
    )
    lines = [f"not asked: {name}: {why}" for name, why in verdict["nodes"]["unreachable"].items()]
    for kind, form, items in kinds:
        lines += [f"{kind}: {form.format(**item)}" for item in items[:_MOST]]
        if len(items) > _MOST:
            lines.append(f"{kind}: and {len(items) - _MOST} more (see --json)")
    return lines


def show(console: Console, declared: Mesh, verdict: Json) -> None:
    """Print the verdict for people."""
    console.print(table(declared, verdict))
    console.print()
    for line in findings(verdict):
        console.print(f"[red]x[/] {line}", highlight=False, soft_wrap=True)
    pairs, doors = verdict["pairs"], verdict["isolation"]
    hidden = verdict["listeners"]["hidden"]
    also = f" ({hidden} of services that were there before, hidden)" if hidden else ""
    console.print(
        f"{'[bold green]ok[/]' if verdict['ok'] else '[bold red]not ok[/]'}: "
        f"{pairs['reached']} of {pairs['expected']} pairs answer, "
        f"{doors['open']} of {doors['probed']} doors tried are open "
        f"({doors['expected_open']} declared), "
        f"{verdict['listeners']['checked']} listeners{also}, "
        f"oldest handshake {verdict['handshakes']['oldest']} s",
        highlight=False,
        soft_wrap=True,
    )
