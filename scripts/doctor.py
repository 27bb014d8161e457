"""Find out why the mesh does not work: the first broken rung, its likely cause, and the fix."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts._problem import Problem
from scripts._stack import Stack, StackOption, read

if TYPE_CHECKING:
    from collections.abc import Iterable


class KernelLog(StrEnum):
    """What to do about WireGuard's messages in the kernel's log."""

    ON = "on"
    OFF = "off"
    SHOW = "show"


async def _kernel_logs(
    stack: Stack, names: Iterable[str], wait: float, what: KernelLog
) -> dict[str, Any]:
    from runner.problem import RunnerError  # noqa: PLC0415 - SSH is slow to import
    from scripts import _survey  # noqa: PLC0415
    from scripts._kernel_log import explain  # noqa: PLC0415

    async def one(name: str) -> dict[str, Any]:
        try:
            session = await _survey.session(stack.credentials, name, wait)
            try:
                told = await session.call("kernel-log", {"switch": what.value})
            finally:
                session.close()
        except RunnerError as error:
            return {"error": error.what}
        return {"there": told["there"], "messages": explain(told["text"])}

    wanted = list(names)
    return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))


def _about(name: str, one: dict[str, Any]) -> bool:
    """Whether a diagnosis is about a node: it notices, or something is wrong on it."""
    return name in one["where"].split() or any(
        text.startswith(f"{name}:") for text in one["evidence"]
    )


def main(
    node: Annotated[str | None, typer.Argument(help="Tell only what is about this node.")] = None,
    *,
    stack: StackOption = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach a node.")
    ] = 10.0,
    kernel_log: Annotated[
        KernelLog | None,
        typer.Option(help="Switch WireGuard's kernel messages on or off, or explain them."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Find out why the mesh does not work: the first broken rung, its likely cause, and the fix.

    All nodes are looked at at once, up the ladder: the tunnel (a session), the path (an echo inside
    it), the service (somebody listens there), the firewall (and may be reached). In a routed mesh
    also links and gateways. What differs from the declaration on both ends and in the cloud tells
    why. Changes nothing. Exit code 0: nothing is broken; 1: something is.
    """
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from backplane.planes import PLANES  # noqa: PLC0415
    from scripts import _doctor_show  # noqa: PLC0415
    from scripts._examination import examine  # noqa: PLC0415 - SSH is slow to import
    from scripts._verdict import mesh  # noqa: PLC0415

    seen = read(stack)
    declared = mesh(seen.outputs, (port for plane in PLANES for port in plane.tcp))
    names = [one.name for one in declared.nodes]
    if node is not None and node not in names:
        raise Problem(
            where=seen.label,
            what=f"there is no node {node} that runs",
            why=f"its nodes are {', '.join(names)}",
            fix="name one of them, or none for all",
        )
    begin = time.monotonic()
    with (
        Console(stderr=True).status("bringing the runner's tunnel up") as status,
        contextlib.closing(seen.credentials.tunnel(seen.runner)),
    ):
        if kernel_log is not None:
            logs = asyncio.run(_kernel_logs(seen, [node] if node else names, wait, kernel_log))
            _doctor_show.logs(Console(), logs, as_json=as_json)
            raise typer.Exit(int(any("error" in one for one in logs.values())))
        examined = asyncio.run(examine(seen, declared, status.update, wait))
        found = [one.document() for one in examined.diagnoses]
    told = [one for one in found if node is None or _about(node, one)]
    verdict = {"ok": not told, "diagnoses": told, "seconds": round(time.monotonic() - begin, 2)}
    if as_json:
        print(json.dumps(verdict, indent=2))
    else:
        _doctor_show.show(Console(), told)
    raise typer.Exit(0 if verdict["ok"] else 1)
