"""Holding an operator out everywhere, and taking the entry away: what happened, in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from runner import revocation
from runner.ssh import private_key
from scripts import _operators, _survey
from scripts._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from runner.credentials import Credentials
    from runner.revocation import Revoked
    from scripts._declared import StackFile
    from scripts._stack import Stack

Json = dict[str, Any]


def done(file: StackFile, seen: Stack | None, name: str, wait: float) -> Json:
    """Hold the operator out, then take the entry away; what `--json` prints.

    Args:
        file: the declaration.
        seen: what is deployed, if anything is.
        name: the operator.
        wait: seconds to go on trying to reach a node.

    Raises:
        Problem: There is no such operator.
    """
    people = seen.outputs["plan"]["people"] if seen else {}
    deployed = people.get(name, {}).get("kind") == "operator"
    if not deployed:
        _operators.operator(file, name)
    result = revocation.Revoked()
    if seen and deployed:
        with (
            Console(stderr=True).status("bringing the runner's tunnel up") as status,
            contextlib.closing(seen.credentials.tunnel(seen.runner)),
        ):
            result = asyncio.run(
                carry_out(seen.credentials, seen.outputs, name, wait, status.update)
            )
    entries = _entries(seen.outputs) if seen else set()
    # The entry goes last: as long as it stands there, whoever looks sees what is left to do.
    if name not in file.declaration.operators:
        return document(name, result, None, entries=entries)
    try:
        file.remove(("operators", name))
    except Problem as problem:
        # What the nodes did is told all the same: it is what counts on that day.
        left = f"{problem}: {problem.why}; {problem.fix}"
        return document(name, result, None, entries=entries, left=left)
    return document(name, result, file.shown, entries=entries)


def _entries(outputs: Mapping[str, Any]) -> set[str]:
    sites = outputs["plan"]["sites"].values()
    return {node for site in sites for node in site.get("entry", ())}


async def carry_out(
    credentials: Credentials,
    outputs: Mapping[str, Any],
    name: str,
    wait: float,
    tell: Callable[[str], None],
) -> Revoked:
    """Hold the operator out on every node that is reached; the tunnel must be up."""
    there = [node for node, one in outputs["nodes"].items() if not one["retire"]]
    return await revocation.Revocation(
        name,
        key=private_key(credentials.push_key),
        nodes=there,
        first=_entries(outputs) & set(there),
        reach=lambda node: _survey.session(credentials, node, wait),
        tell=tell,
    ).run()


def document(
    name: str,
    result: Revoked,
    file: str | None,
    *,
    entries: Collection[str] = (),
    left: str | None = None,
) -> Json:
    """What happened.

    Args:
        name: the operator.
        result: what the nodes did.
        file: the declaration that the entry was taken out of, None where it was not.
        entries: the nodes by which people reach others.
        left: why the entry is still there, if it is.
    """
    return {
        "ok": not result.silent and left is None,
        "operator": name,
        "held": {node: round(took, 2) for node, took in sorted(result.held.items())},
        "worst": round(max(result.held.values()), 2) if result.held else None,
        "not_reached": dict(sorted(result.silent.items())),
        "open_entries": sorted(set(entries) & set(result.silent)),
        "removed_from": file,
        "left": left,
    }


def lines(told: Mapping[str, Any]) -> list[str]:
    """The same as people read it."""
    name, held = told["operator"], told["held"]
    shown = []
    if held:
        shown.append(f"{name} is refused by {len(held)} nodes, by the last after {told['worst']} s")
    elif not told["not_reached"]:
        shown.append(f"{name} is no node's peer")
    for node, why in told["not_reached"].items():
        shown.append(f"  not {node}: {why}")
    if told["not_reached"] and held:
        shown.append("  those learn of it from the others, within five minutes or when they boot")
    shown += [
        f"  {node} is an entry node: until `pulumi up` it lets {name} through to its site, whose "
        "nodes take the SSH key until then"
        for node in told["open_entries"]
    ]
    if told["removed_from"]:
        shown.append(f"{told['removed_from']}: operators.{name} removed; id and name stay unused")
    if told["left"]:
        shown.append(f"operators.{name} is still declared, and comes back with `pulumi up`:")
        shown.append(f"  {told['left']}")
    shown.append("next: pulumi up, which takes the peer away from every node")
    return shown
