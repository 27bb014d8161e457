"""Prove the mesh from inside: every pair on every plane answers, and only declared services do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts._stack import Stack, StackOption, read

if TYPE_CHECKING:
    from scripts._verdict import Mesh


def _examine(
    stack: Stack,
    declared: Mesh,
    wait: float,
    console: Any,  # noqa: ANN401 - rich is imported late
) -> dict[str, Any]:
    from scripts._survey import survey  # noqa: PLC0415 - SSH is slow to import
    from scripts._verdict import judge  # noqa: PLC0415 - only with it

    begin = time.monotonic()
    with (
        console.status("bringing the runner's tunnel up") as status,
        contextlib.closing(stack.credentials.tunnel(stack.runner)),
    ):
        status.update(f"asking {len(declared.nodes)} nodes")
        seen = asyncio.run(survey(stack.credentials, declared, status.update, wait))
    verdict = judge(declared, seen.facts, seen.unreachable)
    return {**verdict, "seconds": round(time.monotonic() - begin, 2)}


def main(
    *,
    stack: StackOption = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach a node.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Prove the mesh from inside: every pair answers, and only declared services do.

    From every node to every node over every plane, IPv4 and IPv6: ICMP echo, and every TCP port of
    every plane's list. Then each listener's address, the handshakes' ages, failed units. Nodes
    marked `offline` or `retire` are left out. Exit code 0: all as declared; 1: a finding.
    """
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from backplane.planes import PLANES  # noqa: PLC0415
    from scripts import _show  # noqa: PLC0415
    from scripts._verdict import mesh  # noqa: PLC0415

    seen = read(stack)
    declared = mesh(seen.outputs, (port for plane in PLANES for port in plane.tcp))
    verdict = _examine(seen, declared, wait, Console(stderr=True))
    if as_json:
        print(json.dumps(verdict, indent=2))
    else:
        _show.show(Console(), declared, verdict)
    raise typer.Exit(0 if verdict["ok"] else 1)
