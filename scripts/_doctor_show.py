"""Diagnoses as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from runner.problem import printable

Json = Mapping[str, Any]


def show(console: Console, diagnoses: Sequence[Json]) -> None:
    """Print each diagnosis: where, what is seen, why, and what to do."""
    for one in diagnoses:
        on = f" on {one['plane']}" if one["plane"] else ""
        head = f"[bold red]{one['rung']}[/] {one['where']}{on}: {escape(printable(one['symptom']))}"
        console.print(head, highlight=False, soft_wrap=True)
        lines = [("cause", one["cause"])]
        lines += [("found", text) for text in one["evidence"]]
        lines += [("fix", one["fix"])]
        for word, text in lines:
            console.print(f"  {word + ':':<7}", end="", style="dim")
            console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
    good = "[bold green]nothing is broken[/]"
    console.print(f"[bold red]{len(diagnoses)} found[/]" if diagnoses else good)


def logs(console: Console, told: Mapping[str, Json], *, as_json: bool) -> None:
    """Print what each node's kernel says of WireGuard, with its meaning."""
    if as_json:
        print(json.dumps(told, indent=2))
        return
    for name, one in told.items():
        if "error" in one:
            console.print(
                f"[red]x[/] {name}: {escape(printable(one['error']))}",
                highlight=False,
                soft_wrap=True,
            )
            continue
        if not one["there"]:
            without = "its WireGuard is no part of the kernel, which tells nothing of it"
            console.print(f"{name}: {without}", highlight=False, soft_wrap=True)
        for message in one["messages"]:
            said = printable(message["message"])
            console.print(f"{name}: ", end="")
            console.print(said, markup=False, highlight=False, soft_wrap=True)
            for word in ("cause", "fix"):
                text = f"  {word + ':':<7}{message[word]}"
                console.print(text, markup=False, highlight=False, soft_wrap=True)
        if one["there"] and not one["messages"]:
            console.print(f"{name}: nothing that has a meaning", highlight=False)
