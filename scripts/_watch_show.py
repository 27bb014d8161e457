"""Looks as people see them: a live view of the whole terminal, or one after another as text."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts import status

Json = dict[str, Any]
Cells = Collection[tuple[str, str]]
Show = Callable[[Json, Cells], None]

_REST = 14
"""Lines of the view besides a row for each node."""


@contextmanager
def shows(console: Console, every: float) -> Iterator[Show]:
    """How looks are shown on a console, until it is left; then it is as it was."""
    if not console.is_terminal:
        yield lambda told, cells: print_look(console, told, cells)
        return
    waiting = Text("looking for the first time; q ends it")
    with Live(waiting, console=console, screen=True, auto_refresh=False) as live:

        def show(told: Json, cells: Cells) -> None:
            live.update(view(console, told, cells, every), refresh=True)

        yield show


def print_look(
    console: Console, told: Json, cells: Cells = (), only: Collection[str] | None = None
) -> None:
    """One look as text: when, what changed, the planes, then what `status` shows."""
    at = told["at"].replace("T", " ").replace("Z", " UTC")
    console.print(f"[bold]{at}[/], in {told['seconds']} s", highlight=False)
    for line in told["changes"]:
        console.print(f"[cyan]*[/] {escape(line)}", highlight=False, soft_wrap=True)
    if told["trouble"]:
        console.print(f"[red]x[/] {escape(told['trouble'])}", highlight=False, soft_wrap=True)
    answers = (f"{name} {one['answer']} of {one['nodes']}" for name, one in told["sites"].items())
    console.print(f"answer: {', '.join(answers)}", highlight=False, soft_wrap=True)
    console.print(_planes(told["planes"]))
    status.show(console, told, cells, only)
    console.print()


def _planes(planes: Json) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("plane", "sessions", "oldest handshake"):
        shown.add_column(column, no_wrap=True)
    for slot, plane in planes.items():
        good = plane["fresh"] == plane["expected"]
        count = f"[{'green' if good else 'red'}]{plane['fresh']}/{plane['expected']}[/]"
        oldest = "-" if plane["oldest"] is None else f"{plane['oldest']} s"
        shown.add_row(slot, count, oldest)
    return shown


def view(console: Console, told: Json, cells: Cells, every: float) -> Text:
    """A look that fits the terminal: where there are too many nodes, those that are not plain."""
    nodes = told["nodes"]
    room = max(3, console.height - _REST - len(told["planes"]))
    odd = {name for name, node in nodes.items() if node["findings"]} | {name for name, _ in cells}
    only = sorted(nodes, key=lambda name: (name not in odd, name))[:room]
    text = io.StringIO()
    inner = Console(
        file=text,
        width=console.width,
        force_terminal=True,
        no_color=console.no_color,
        color_system="standard",
    )
    print_look(inner, told, cells, only)
    lines = text.getvalue().rstrip().splitlines()
    left = len(nodes) - len(only)
    rest = f"{left} of {len(nodes)} nodes are not shown; " if left else ""
    if len(lines) > console.height - 2:
        lines = lines[: console.height - 3]
        rest = f"there is more than fits; {rest}"
    foot = Text(f"{rest}again in {every:g} s at the soonest; q ends it", style="dim")
    return Text("\n").join([Text.from_ansi("\n".join(lines)), foot])
