"""Findings as people read them: by node, a line each, then both sides as a diff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape

from runner.problem import printable

Json = Mapping[str, Any]


def show(console: Console, verdict: Json) -> None:
    """Print the verdict."""

    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    for one in verdict.get("repaired", ()):
        line(f"[green]repaired[/] {escape(_title(one))}")
    for text in lines(verdict["findings"]):
        line(_colour(text))
    for name, mark in verdict["left_out"].items():
        line(f"left out: {name} is marked `{mark}`")
    if trouble := verdict.get("trouble"):
        line(f"[red]x[/] {escape(printable(trouble))}")
    word = "[bold green]no drift[/]" if verdict["ok"] else "[bold red]drift[/]"
    line(f"{word}: {len(verdict['findings'])} findings, {verdict['asked']} nodes asked")


def lines(findings: Iterable[Json]) -> list[str]:
    """The findings as plain text."""
    shown = []
    for node, group in groupby(findings, key=lambda one: one["node"]):
        shown.append(f"{node}")
        for one in group:
            step = f"{one['repair']}: {one['fix']}" if one["fix"] else one["repair"]
            shown.append(printable(f"  {one['area']}: {one['what']}  [{step}]"))
            shown += [f"    - {printable(text)}" for text in one["declared"].splitlines()]
            shown += [f"    + {printable(text)}" for text in one["live"].splitlines()]
    return shown


def _title(one: Json) -> str:
    return printable(f"{one['node']}: {one['area']}: {one['what']}")


def _colour(text: str) -> str:
    safe = escape(text)
    colours = {"    -": "green", "    +": "red"}
    colour = colours.get(text[:5])
    if colour:
        return f"[{colour}]{safe}[/]"
    return safe if text.startswith(" ") else f"[bold]{safe}[/]"
