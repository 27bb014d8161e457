"""Take a drained gateway into use again."""

from __future__ import annotations

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
    from scripts import _draining  # noqa: PLC0415 - `--help` needs none of this

    seen = read(stack)
    wish = _draining.Wish(verb="undrain", gateway=gateway, force=force, label=seen.label)
    told = _draining.done(seen, wish, wait)
    print(json.dumps(told, indent=2) if as_json else "\n".join(_draining.lines(told)))
