"""Judge a preview or a state by the rules that no declaration can switch off."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts._stack import StackOption


def main(
    *,
    preview: Annotated[
        Path | None,
        typer.Option("--preview", metavar="FILE", help="What `pulumi preview --json` wrote."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="FILE", help="What `pulumi stack export` wrote."),
    ] = None,
    stack: StackOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Judge a preview or a state by the rules that no declaration can switch off.

    Firewalls let in UDP 51820-51823 alone, every server has one, production is protected, nothing
    secret stands in plain, and the rest of `docs/policy.md`. Without a file the stack's state is
    exported and judged, its secrets encrypted. What only `pulumi up` will tell is named and is no
    violation. Exit code 0: no violation; 1: a violation; 2: wrong usage, or nothing to judge.
    """
    from scripts import _policy  # noqa: PLC0415 - `--help` needs none of this
    from scripts._problem import Problem, describe  # noqa: PLC0415

    if sum(one is not None for one in (preview, state, stack)) > 1:
        raise typer.BadParameter("give one of --preview, --state and --stack")
    try:
        if preview is not None:
            world = _policy.from_file(preview, "preview")
        elif state is not None:
            world = _policy.from_file(state, "state")
        else:
            world = _policy.from_stack(stack)
    except Problem as problem:
        print("backplane: failed", file=sys.stderr)
        for label, text in describe(problem):
            print(f"  {label:<6}{text}", file=sys.stderr)
        raise typer.Exit(2) from None
    told = _policy.verdict(world)
    print(json.dumps(told, indent=2) if as_json else "\n".join(_policy.lines(told)))
    raise typer.Exit(0 if told["ok"] else 1)
