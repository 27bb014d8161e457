"""Run `pulumi up` after a look at which nodes answer; without a few of them if you say so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from scripts._declared import read as declared
from scripts._problem import Problem
from scripts._stack import Stack, StackOption, deployed, project, selected

if TYPE_CHECKING:
    from backplane.declaration import Declaration

ABSENT = "BACKPLANE_ABSENT"
"""Tells the program which nodes to leave out."""

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def awaited(nodes: Iterable[str], declaration: Declaration) -> dict[str, str]:
    """Which nodes `pulumi up` will wait for: the names they have, and those they are to have.

    Args:
        nodes: names of those that are deployed.
        declaration: what is to be deployed; who is declared no more, or as down, is not awaited.
    """
    names = {
        node.was or name: name
        for site in declaration.sites.values()
        for name, node in site.nodes.items()
        if not (node.offline or node.retire)
    }
    # Behind a rename that is through, `was` still stands there.
    names |= {name: name for name in names.values()}
    return {name: names[name] for name in nodes if name in names}


async def _silent(stack: Stack, nodes: Iterable[str], wait: float) -> dict[str, str]:
    """Which of some nodes answer on neither way in, with the reason."""
    from runner.problem import RunnerError  # noqa: PLC0415 - SSH is slow to import
    from scripts._survey import session  # noqa: PLC0415

    async def ask(name: str) -> str | None:
        try:
            (await session(stack.credentials, name, wait)).close()
        except RunnerError as error:
            return error.what
        return None

    names = list(nodes)
    said = await asyncio.gather(*(ask(name) for name in names))
    return {name: why for name, why in zip(names, said, strict=True) if why}


def missing(stack: Stack, nodes: Mapping[str, str], tolerate: int, wait: float) -> tuple[str, ...]:
    """The nodes to go on without, by the names they are to have.

    Args:
        stack: what is deployed.
        nodes: what `awaited` says.
        tolerate: how many there may be.
        wait: seconds a node gets to answer.

    Raises:
        Problem: there are more than that.
    """
    with contextlib.closing(stack.credentials.tunnel(stack.runner)):
        silent = asyncio.run(_silent(stack, nodes, wait))
    if len(silent) > tolerate:
        names = ", ".join(sorted(silent))
        raise Problem(
            where=stack.label,
            what=f"not reached: {names}. Nothing was changed",
            why=" ".join(silent[name] for name in sorted(silent)),
            fix=f"mend them, mark them `offline: true`, or go on without them for once: "
            f"backplane up --tolerate {len(silent)}",
        )
    return tuple(sorted(nodes[name] for name in silent))


def main(
    context: typer.Context,
    *,
    stack: StackOption = None,
    tolerate: Annotated[
        int, typer.Option(min=0, help="Go on without at most this many nodes that do not answer.")
    ] = 0,
    wait: Annotated[float, typer.Option(min=0, help="Seconds a node gets to answer.")] = 20.0,
) -> None:
    """Run `pulumi up`, after a look at which nodes answer.

    A node that does not answer stops it before anything has begun, unless `--tolerate` allows for
    it: then it is named, left as it is, and catches up with the next `up` that reaches it. What
    would cut it off for good, a change of keys, is refused. Further words go to `pulumi up`.
    """
    name = selected(stack)
    seen = deployed(name)
    absent: tuple[str, ...] = ()
    if seen:
        nodes = awaited(seen.credentials.nodes, declared(name).declaration)
        absent = missing(seen, nodes, tolerate, wait)
    for node in absent:
        print(f"going on without {node}: it does not answer", file=sys.stderr)
    done = subprocess.run(
        ["pulumi", "up", "--stack", name, *context.args],
        cwd=project(),
        env={**os.environ, ABSENT: ",".join(absent)},
        check=False,
    )
    if absent:
        left = ", ".join(absent)
        print(f"left as they were: {left}; run it again when they answer", file=sys.stderr)
    raise typer.Exit(0 if done.returncode == 0 else 1)
