"""Compare what is live, on every node and in the clouds, with what was declared; repair it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts._stack import Stack, StackOption, read, receipt_urn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scripts._drift_ask import Answers
    from scripts._verdict import Mesh

    Tell = Callable[[str], None]
    Findings = list[dict[str, Any]]


ROUNDS = 2
"""A node's wrong port shows at its peers too, and they can be put right only once it has been."""


async def _look(stack: Stack, declared: Mesh, tell: Tell, wait: float) -> tuple[Findings, Answers]:
    from scripts import _drift, _drift_ask, _drift_cloud  # noqa: PLC0415 - slow to import

    nodes = stack.outputs["nodes"]
    names = [node.name for node in declared.nodes]
    answers, cloud = await asyncio.gather(
        _drift_ask.ask(stack.credentials, names, tell, wait),
        asyncio.to_thread(_drift_cloud.look, stack),
    )
    generations = {name: nodes[name]["generation"] for name in names}
    return [*_drift.of_nodes(declared, generations, answers, receipt_urn(stack)), *cloud], answers


async def _run(
    stack: Stack, declared: Mesh, tell: Tell, wait: float, *, repair: bool
) -> dict[str, Any]:
    from runner.problem import RunnerError  # noqa: PLC0415 - slow to import
    from scripts import _drift, _drift_repair  # noqa: PLC0415

    found, answers = await _look(stack, declared, tell, wait)
    more: dict[str, Any] = {}
    if repair:
        before = found
        for _ in range(ROUNDS):
            if not _drift.targets(found):
                break
            try:
                await _drift_repair.repair(stack.credentials, found, answers, tell, wait)
            except RunnerError as error:
                more["trouble"] = str(error)
                break
            found, answers = await _look(stack, declared, tell, wait)
        more["repaired"] = _drift.repaired(before, found)
    return {
        "ok": not found and "trouble" not in more,
        "findings": found,
        "asked": len(answers.told),
        "left_out": left_out(stack.outputs["nodes"]),
        **more,
    }


def left_out(nodes: Mapping[str, Any]) -> dict[str, str]:
    """Nodes that are not looked at, with the reason: they stand still while they are marked."""
    marks = ("offline", "retire")
    return {name: mark for name, node in sorted(nodes.items()) for mark in marks if node.get(mark)}


def main(
    *,
    stack: StackOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what a rollout can put right.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach a node.")
    ] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Compare what is live, on every node and in the clouds, with what was declared.

    Each node compares itself with the generation on its own disk: WireGuard, nftables, routes,
    listeners, files, settings, units. The clouds' firewalls are read back over their API. With
    `--repair` the nodes take that generation once more through a rollout, which undoes itself when
    it goes wrong; what only `pulumi up` or a person can put right is named. Nodes marked `offline`
    or `retire` are left out. Exit code 0: no drift, or all of it repaired; 1: drift.
    """
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from scripts import _drift_show  # noqa: PLC0415
    from scripts._verdict import mesh  # noqa: PLC0415

    seen = read(stack)
    declared = mesh(seen.outputs, (), left_out(seen.outputs["nodes"]))
    begin = time.monotonic()
    with (
        Console(stderr=True).status("bringing the runner's tunnel up") as status,
        contextlib.closing(seen.credentials.tunnel(seen.runner)),
    ):
        verdict = asyncio.run(_run(seen, declared, status.update, wait, repair=repair))
    verdict["seconds"] = round(time.monotonic() - begin, 2)
    if as_json:
        print(json.dumps(verdict, indent=2))
    else:
        _drift_show.show(Console(), verdict)
    raise typer.Exit(0 if verdict["ok"] else 1)
