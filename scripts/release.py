"""Give a machine back that was taken over: open as it was before, its planes gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Annotated

import typer

from scripts._problem import Problem
from scripts._stack import Stack, StackOption, read


def told(stack: Stack, node: str) -> tuple[str, int, str]:
    """Address, port and user of the machine that a node is.

    Raises:
        Problem: There is no such node, or it is no machine that was there before.
    """
    stack.require_node(node)
    machine = stack.outputs["plan"]["nodes"][node].get("machine")
    if machine is None:
        raise Problem(
            where=f"node {node}",
            what="it cannot be given back",
            why="its machine was made by this stack",
            fix="take the node off the declaration: `pulumi up` then deletes the machine",
        )
    return str(machine["ipv4"]), int(machine["port"]), str(machine["user"])


def main(
    node: Annotated[str, typer.Argument(help="The node whose machine is given back.")],
    *,
    stack: StackOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Give a machine back that was taken over: open to the world again, as it was before.

    Its sshd and its files are what they were, its planes and our firewall are gone; packages stay.
    It is opened first and looked at from here: if sshd does not answer at its public address, or
    nobody says that it does, it is dark again within a minute. Then take the node off the
    declaration and run `pulumi up`.
    """
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from runner.release import Street, give_back  # noqa: PLC0415 - SSH is slow to import
    from scripts._survey import session  # noqa: PLC0415

    seen = read(stack)
    host, port, user = told(seen, node)
    if not yes:
        if not sys.stdin.isatty():
            raise Problem(
                where=f"node {node}",
                what="nothing was done",
                why="it would be open to the world, and nobody was there to be asked",
                fix=f"run `backplane release {node} --yes`",
            )
        typer.confirm(f"{node} ({host}) will be open to the world as it was. Go on?", abort=True)
    console = Console(stderr=True)
    with (
        console.status("bringing the runner's tunnel up") as status,
        contextlib.closing(seen.credentials.tunnel(seen.runner)),
    ):
        street = Street(host=host, port=port)
        asyncio.run(
            give_back(node, street, lambda: session(seen.credentials, node, 30.0), status.update)
        )
    if as_json:
        print(json.dumps({"node": node, "released": True, "host": host, "port": port}))
    else:
        print(
            f"{node} is given back: ssh -p {port} {user}@{host}\n"
            f"take {node} off the declaration and run `pulumi up`: until then the others call it"
        )
