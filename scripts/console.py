"""Print one node's console password, for the day when both of its ways in are dead."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from scripts._problem import Problem
from scripts._stack import Stack, StackOption, read


def password(stack: Stack, node: str) -> Mapping[str, str]:
    """User and password of a node's console.

    Raises:
        Problem: There is no such node, or its console has no password.
    """
    stack.require_node(node)
    found: Mapping[str, Mapping[str, str]] = stack.outputs.get("console", {})
    if node not in found:
        raise Problem(
            where=f"node {node}",
            what="its console has no password",
            why="the declaration says `console: {use: false}`, or no `pulumi up` made one yet",
            fix="use the cloud's rescue system, or rebuild it: "
            f"backplane replace {node}, then pulumi up",
        )
    return found[node]


def _asks() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty()


def main(
    node: Annotated[str, typer.Argument(help="The node.")],
    *,
    stack: StackOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Print the user and password that a node's own console takes, and nothing else does.

    It is read from the stack's secret outputs and stands on your screen: nobody should look over
    your shoulder, and no terminal log should keep it. Rotate it once you have used it.
    """
    if not yes:
        if not _asks():
            raise typer.BadParameter(
                "a password would be printed, and nobody is there to be asked: say --yes",
                param_hint="--yes",
            )
        ask = f"{node}'s console password will stand here in clear. Go on?"
        typer.confirm(ask, abort=True, err=True)
    told = password(read(stack), node)
    rotate = f"backplane rotate console --node {node}"
    if as_json:
        print(json.dumps({"node": node, **told, "rotate": rotate}, indent=2))
        return
    print(f"user      {told['user']}\npassword  {told['password']}")
    print(
        "small letters, one space between groups; nothing shows while you type\n"
        f"once used: {rotate}, then pulumi up",
        file=sys.stderr,
    )
