"""Run `pulumi up` after a look at which nodes answer; without a few of them if you say so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from typing import Annotated

import typer

from scripts._problem import Problem
from scripts._stack import Stack, StackOption, deployed, project, selected

ABSENT = "BACKPLANE_ABSENT"
"""Tells the program which nodes to leave out."""

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


async def _silent(stack: Stack, wait: float) -> dict[str, str]:
    """Nodes that answer on neither way in, with the reason."""
    from runner.problem import RunnerError  # noqa: PLC0415 - SSH is slow to import
    from scripts._survey import session  # noqa: PLC0415

    async def ask(name: str) -> str | None:
        try:
            (await session(stack.credentials, name, wait)).close()
        except RunnerError as error:
            return error.what
        return None

    names = [name for name, node in stack.credentials.nodes.items() if not node["offline"]]
    said = await asyncio.gather(*(ask(name) for name in names))
    return {name: why for name, why in zip(names, said, strict=True) if why}


def missing(stack: Stack, tolerate: int, wait: float) -> tuple[str, ...]:
    """The nodes to go on without.

    Args:
        stack: what is deployed.
        tolerate: how many there may be.
        wait: seconds a node gets to answer.

    Raises:
        Problem: there are more than that.
    """
    with contextlib.closing(stack.credentials.tunnel(stack.runner)):
        silent = asyncio.run(_silent(stack, wait))
    if len(silent) > tolerate:
        names = ", ".join(sorted(silent))
        raise Problem(
            where=stack.label,
            what=f"not reached: {names}. Nothing was changed",
            why=" ".join(silent[name] for name in sorted(silent)),
            fix=f"mend them, mark them `offline: true`, or go on without them for once: "
            f"backplane up --tolerate {len(silent)}",
        )
    return tuple(sorted(silent))


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
    absent = missing(seen, tolerate, wait) if seen else ()
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
