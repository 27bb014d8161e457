"""Write a map of the mesh: one HTML page that needs no network, or a picture."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from scripts._problem import Problem
from scripts._stack import StackOption

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]


def _planned(stack: str | None) -> tuple[str, Mapping[str, Any]]:
    """A stack's name, and what its file declares."""
    from backplane.check import checked_plan  # noqa: PLC0415 - `--help` needs no pydantic
    from backplane.map import planned  # noqa: PLC0415 - as above
    from scripts import _declared  # noqa: PLC0415 - as above

    file = _declared.read(stack)
    raw = yaml.safe_load(file.text)["config"][file.key]
    return file.stack, planned(checked_plan(raw, project=file.project, stack=file.stack))


def _seen(stack: str | None, wait: float) -> Json:
    from rich.console import Console  # noqa: PLC0415 - `--help` needs none of this

    from backplane.map import model  # noqa: PLC0415 - as above
    from scripts._look import look  # noqa: PLC0415 - SSH is slow to import
    from scripts._stack import read  # noqa: PLC0415 - as above

    found = read(stack)
    if "nodes" not in found.outputs["plan"]:
        raise Problem(
            where=found.label,
            what="its outputs do not tell enough for a map",
            why="an earlier Backplane wrote them",
            fix="run `pulumi up` once with this version, or give --plan",
        )
    with (
        Console(stderr=True).status("bringing the runner's tunnel up") as status,
        contextlib.closing(found.credentials.tunnel(found.runner)),
    ):
        seen = asyncio.run(look(found, status.update, wait))
    return model(found.outputs, found.credentials.stack, seen)


def main(
    *,
    stack: StackOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help="A file to write; default: print it."),
    ] = None,
    svg: Annotated[
        bool, typer.Option("--svg", help="A picture (SVG) of sites, planes and nodes instead.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="What is declared: no tunnel, no engine, no secret is needed."),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach a node.")
    ] = 10.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="What the map shows, for a machine to read.")
    ] = False,
) -> None:
    """Write a map of the mesh: one HTML page that needs no network, or a picture.

    Sites, nodes, planes, handshakes, ways between sites, generations, and what doctor and drift
    find; the nodes are asked once. The page asks nothing of any network and runs no script but its
    own. It holds no secret, but says where every machine is. Exit code 0: written, and all is
    well; 1: written, and something is not, or it could not be made.
    """
    from backplane import map as maps  # noqa: PLC0415 - `--help` needs none of this
    from scripts._file import write  # noqa: PLC0415 - as above

    if svg and as_json:
        raise typer.BadParameter("a picture or JSON, not both", param_hint="--json")
    if plan:
        name, outputs = _planned(stack)
        told = maps.model(outputs, name)
    else:
        told = _seen(stack, wait)
    text = (
        json.dumps(told, indent=2) + "\n" if as_json else maps.svg(told) if svg else maps.page(told)
    )
    if out:
        write(out, text)
        from rich.console import Console  # noqa: PLC0415 - as above

        from backplane.map.page import verdict  # noqa: PLC0415 - as above

        Console(stderr=True).print(verdict(told), highlight=False, markup=False, soft_wrap=True)
    else:
        print(text, end="")
    raise typer.Exit(int(told["ok"] is False))
