"""Take a drained gateway into use again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Annotated

import typer

from scripts._stack import StackOption, read


def main(
    gateway: Annotated[str, typer.Argument(help="The gateway, by its name.")],
    *,
    stack: StackOption = None,
    force: Annotated[bool, typer.Option("--force", help="Pass over a rollout's lease.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach the node.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Take a drained gateway into use again.

    Nothing moves back now: from here on it takes over when its sibling fails or is drained. Exit
    code 0: in use; 1: not: no such gateway, or not reached.
    """
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from scripts._draining import Wish, carry_out, lines, require_gateway  # noqa: PLC0415

    seen = read(stack)
    wish = Wish(verb="undrain", gateway=gateway, force=force, label=seen.label)
    require_gateway(wish, seen.outputs)
    with (
        Console(stderr=True).status("bringing the runner's tunnel up") as status,
        contextlib.closing(seen.credentials.tunnel(seen.runner)),
    ):
        told = asyncio.run(carry_out(seen.credentials, wish, wait, status.update))
    print(json.dumps(told, indent=2) if as_json else "\n".join(lines(told)))
