"""Show where each node stands: generations, timer, lease, last rollback, clock, ways in."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts import _ways_show
from scripts._stack import Stack, StackOption, read

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console
    from rich.table import Table

Json = dict[str, Any]

COLUMNS = (
    *("node", "declared", "confirmed", "active", "staged", "timer", "clock"),
    *("wg1", "wg0", "mark"),
)

SHORT = 8
"""How many digits of a generation a person is shown; `--json` has all 16."""


def table(verdict: Json, changed: Collection[tuple[str, str]] = ()) -> Table:
    """One row for each node; what `changed`, by node and column, stands out."""
    from rich.table import Table  # noqa: PLC0415 - `--help` needs none of this

    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in COLUMNS:
        shown.add_column(column, no_wrap=True)
    for name, node in verdict["nodes"].items():
        marks = ("[reverse]{}[/]" if (name, column) in changed else "{}" for column in COLUMNS)
        cells = zip(marks, _cells(name, node), strict=True)
        shown.add_row(*(mark.format(cell) for mark, cell in cells))
    return shown


def _cells(name: str, node: Json) -> list[str]:
    from rich.markup import escape  # noqa: PLC0415 - `--help` needs none of this

    wanted = node["declared"]

    def generation(kind: str) -> str:
        is_at = node[kind]
        if is_at is None:
            return "-"
        colour = "green" if is_at == wanted else "yellow" if kind == "staged" else "red"
        return f"[{colour}]{'same' if is_at == wanted else escape(is_at[:SHORT])}[/]"

    offset = node["clock_offset"]
    return [
        name,
        wanted[:SHORT],
        *(generation(kind) for kind in ("confirmed", "active", "staged")),
        "-" if node["timer"] is None else f"[red]{node['timer']:.0f} s[/]",
        "-" if offset is None else f"{offset:+.1f} s",
        *("[green]yes[/]" if node[way] else "[red]no[/]" for way in ("wg1", "wg0")),
        "offline" if node["offline"] else "retire" if node["retire"] else "",
    ]


def show(
    console: Console,
    verdict: Json,
    changed: Collection[tuple[str, str]] = (),
    only: Collection[str] | None = None,
) -> None:
    """Print the verdict for people: the table, then a line for each thing to know.

    Args:
        console: where to.
        verdict: what `--json` prints.
        changed: cells of the table that stand out, by node and column.
        only: nodes whose rows and notes are shown; all are counted.
    """
    from rich.markup import escape  # noqa: PLC0415 - `--help` needs none of this

    rows = {name: one for name, one in verdict["nodes"].items() if only is None or name in only}
    console.print(table({"nodes": rows}, changed))
    for name, node in rows.items():
        lease, undone = node["lease"], node["rolled_back"]
        notes = []
        if lease is not None:
            notes.append(f"held by rollout {lease['id']} for up to {lease['seconds']:.0f} s more")
        if undone is not None:
            when = f"{dt.datetime.fromtimestamp(undone['at']).astimezone():%Y-%m-%d %H:%M:%S}"
            notes.append(f"rolled back from {undone['generation']} at {when}: {undone['reason']}")
        for line in notes:
            console.print(f"[yellow]-[/] {name}: {escape(line)}", highlight=False, soft_wrap=True)
        for line in node["findings"]:
            console.print(f"[red]x[/] {name}: {escape(line)}", highlight=False, soft_wrap=True)
    if "routing" in verdict:
        _ways_show.show(console, verdict["routing"])
    nodes = verdict["nodes"].values()
    there = sum(not (node["offline"] or node["retire"]) for node in nodes)
    good = sum(not (node["offline"] or node["retire"] or node["findings"]) for node in nodes)
    console.print(
        f"{'[bold green]ok[/]' if verdict['ok'] else '[bold red]not ok[/]'}: "
        f"{good} of {there} nodes as declared, {len(nodes) - there} marked",
        highlight=False,
    )


def _look(stack: Stack, wait: float) -> Json:
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from scripts import _ways  # noqa: PLC0415
    from scripts._standing import ask, judge  # noqa: PLC0415 - SSH is slow to import

    routed = _ways.is_routed(stack.outputs)

    with (
        Console(stderr=True).status("bringing the runner's tunnel up") as status,
        contextlib.closing(stack.credentials.tunnel(stack.runner)),
    ):
        asked = ask(stack.credentials, wait, status.update, routed=routed)
        standings = asyncio.run(asked)
    verdict = judge(stack.outputs["nodes"], standings)
    if not routed:
        return verdict
    ways = {name: one.ways for name, one in standings.items() if one.ways}
    routing = _ways.judge(stack.outputs, ways)
    return {"ok": verdict["ok"] and routing["ok"], "nodes": verdict["nodes"], "routing": routing}


def main(
    seconds: Annotated[
        float | None,
        typer.Argument(min=1, help="With --watch: begin no look sooner than this after another."),
    ] = None,
    *,
    stack: StackOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again, until q or Ctrl-C.")
    ] = False,
    looks: Annotated[
        int | None, typer.Option(min=1, help="With --watch: end after so many.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach a node.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Show where each node stands: generations, timer, lease, last rollback, clock, ways in.

    In a routed mesh also each gateway's links, and which gateway carries a site's traffic.

    Each node is asked over wg1 and over wg0 at once. Exit code 0: every node that is not marked
    `offline` or `retire` has confirmed and runs the declared generation and answers over both;
    1: a finding, also of a link that is down or a site that no gateway carries. A drained gateway
    is none. The clock is the node's less this machine's.

    `--watch [SECONDS]` also tells how old handshakes are, by plane, and what has changed since the
    look before. Without a terminal one look follows another, with `--json` one document a line;
    the exit code is that of the last look.
    """
    if watch:
        from scripts import _watch  # noqa: PLC0415 - SSH is slow to import

        every = seconds or _watch.EVERY
        pace = _watch.Pace(every=every, wait=min(wait, every), looks=looks)
        raise typer.Exit(0 if _watch.watch(read(stack), pace, as_json=as_json) else 1)
    if seconds is not None or looks is not None:
        raise typer.BadParameter("only with --watch", param_hint="SECONDS and --looks")
    verdict = _look(read(stack), wait)
    if as_json:
        print(json.dumps(verdict, indent=2))
    else:
        from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

        show(Console(), verdict)
    raise typer.Exit(0 if verdict["ok"] else 1)
