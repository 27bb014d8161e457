"""Write a node's rebuild into the declaration, and say what `pulumi up` will do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from backplane.clouds import CLOUDS
from scripts._problem import Problem
from scripts._stack import StackOption

if TYPE_CHECKING:
    from backplane.clouds import Facts
    from scripts._declared import StackFile


def explanation(file: StackFile, node: str, number: int, *, offline: bool) -> list[str]:
    """What a person reads after the edit, line by line."""
    first = f"{node}'s server is deleted and built anew: everything on its disk is lost"
    if _facts(file, node).found:
        first = f"{node}'s machine, installed from scratch by you, is taken over again"
    lines = [
        f"{file.shown}: {node} incarnation {number - 1} -> {number}",
        "at the next `pulumi up`:",
        f"  1. {first}",
        "  2. it has the addresses it had, and new keys on every plane; the old ones open nothing",
        "  3. all others take its new keys in one rollout and lose no packet among themselves",
    ]
    if file.declaration.protect:
        lines += [
            "its server is protected (`protect: true`); lift that first, it comes back by itself:",
            f"  pulumi state unprotect '{urn(file, node)}' --stack {file.stack}",
        ]
    if offline:
        lines.append(
            f"{node} is marked `offline: true`: take that away too, else nobody waits for it"
        )
    lines.append("to abort: put the number back before `pulumi up`")
    return lines


def urn(file: StackFile, node: str) -> str:
    """The name of a node's machine in the state."""
    kind = f"backplane:index:Node${_facts(file, node).machine}"
    return f"urn:pulumi:{file.stack}::{file.project}::{kind}::{node}-server"


def _facts(file: StackFile, node: str) -> Facts:
    from scripts._declared import place  # noqa: PLC0415 - `--help` needs none of this

    return CLOUDS[file.declaration.sites[place(file.declaration, node)[1]].cloud]


def main(
    node: Annotated[str, typer.Argument(help="The node.")],
    *,
    stack: StackOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Write a node's rebuild into the declaration: nothing else changes until `pulumi up`.

    Raises the node's incarnation. Its server is then deleted and built anew with the same addresses
    and new keys; the other nodes are not disturbed.
    """
    from scripts._declared import place, read  # noqa: PLC0415 - `--help` needs none of this

    file = read(stack)
    at = place(file.declaration, node)
    own = file.declaration.sites[at[1]].nodes[node]
    if own.retire:
        raise Problem(
            where=f"node {node}",
            what="it is not rebuilt",
            why="it is marked `retire: true`, so that nobody is its peer",
            fix="take the mark away to keep the node, or go on and delete its entry",
        )
    number = own.incarnation + 1
    file.change({(*at, "incarnation"): number})
    if as_json:
        told = {
            "stack": file.stack,
            "file": file.shown,
            "node": node,
            "incarnation": number,
            "unprotect": urn(file, node) if file.declaration.protect else None,
            "offline": own.offline,
        }
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(explanation(file, node, number, offline=own.offline)))
