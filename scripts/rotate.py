"""Write a rotation of keys, PSKs or console passwords into the declaration, and explain it."""

from __future__ import annotations

import datetime as dt
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts._stack import StackOption

if TYPE_CHECKING:
    from scripts._declared import StackFile
    from scripts._rotation import Rotation


class What(StrEnum):
    """What can be rotated."""

    keys = "keys"
    psk = "psk"
    everything = "everything"
    console = "console"


_MEANS = {
    "keys": "every node and everybody on it draws a new key",
    "psk": "every pair of peers on it draws a new PSK",
    "everything": "every node and everybody on it draws a new key, and every pair a new PSK",
}


def explanation(file: StackFile, turn: Rotation) -> list[str]:
    """What a person reads after the edit, line by line."""
    lines = [f"{file.shown}:"]
    lines += [
        f"  {'.'.join(path)}: {'not there' if turn.before[path] is None else turn.before[path]}"
        f" -> {value}"
        for path, value in turn.changes.items()
    ]
    means = f"{turn.node} draws a new key there" if turn.node else _MEANS[turn.what]
    lines += [
        "at the next `pulumi up`:",
        f"  1. plane {turn.name} ({turn.interface}): {means}; staged on all nodes, nothing is live",
        (
            f"  2. all nodes flip {turn.interface} at one moment, led over {turn.carrier}: "
            f"sessions on {turn.name} pause for milliseconds, the other planes are not touched"
        ),
        "  3. new handshakes and SSH are checked, then all confirm; else all go back",
    ]
    if turn.fetch:
        lines.append(
            f"operators who need their new file of {turn.name} then: {', '.join(turn.fetch)} "
            "(pulumi stack output operators --show-secrets)"
        )
    lines += [
        f"{name} is left behind: it no longer reaches {turn.name}, and must be rebuilt: "
        f"backplane replace {name}"
        for name in turn.behind
    ]
    lines.append("to abort: put the old values back before `pulumi up`; one plane at a time")
    return lines


def _document(file: StackFile, turn: Rotation) -> dict[str, Any]:
    return {
        "stack": file.stack,
        "file": file.shown,
        "what": turn.what,
        "plane": turn.slot,
        "interface": turn.interface,
        "carried_by": turn.carrier,
        "node": turn.node,
        "changes": [
            {"path": ".".join(path), "from": turn.before[path], "to": value}
            for path, value in turn.changes.items()
        ],
        "fetch": list(turn.fetch),
        "left_behind": list(turn.behind),
    }


def _consoles(
    plane: str | None,
    node: str | None,
    leave_behind: list[str] | None,
    stack: str | None,
    today: str,
    *,
    as_json: bool,
) -> None:
    if plane is not None or leave_behind:
        raise typer.BadParameter(
            "a console is on no plane, and a node that is offline takes its password later",
            param_hint="--leave-behind" if plane is None else "--plane",
        )
    from scripts import _console  # noqa: PLC0415 - `--help` needs none of this
    from scripts._declared import read  # noqa: PLC0415

    file = read(stack)
    done = _console.turn(file.declaration, node, today)
    file.change(done.changes)
    if as_json:
        print(json.dumps(_console.document(file, done), indent=2))
    else:
        print("\n".join(_console.explanation(file, done)))


def main(
    what: Annotated[What, typer.Argument(help="What to rotate.")],
    *,
    plane: Annotated[
        str | None, typer.Option("--plane", "-p", help="The plane, by its slot or its name.")
    ] = None,
    node: Annotated[
        str | None, typer.Option(help="Only this node's key on that plane, or console password.")
    ] = None,
    leave_behind: Annotated[
        list[str] | None,
        typer.Option(help="An offline node that is given up and rebuilt later; once for each."),
    ] = None,
    stack: StackOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Write a rotation into the declaration: nothing else changes until `pulumi up`.

    Raises the plane's epoch for keys, PSKs or both, writes the date, and says what will happen,
    who needs new files, and how to abort. One plane at a time: the other ways in carry the change.
    `console` is about no plane: the password of every node's console, or of one node's.
    """
    # The date of where the person sits: it is read by people, in days.
    today = dt.datetime.now().astimezone().date().isoformat()
    if what is What.console:
        _consoles(plane, node, leave_behind, stack, today, as_json=as_json)
        return
    if plane is None:
        raise typer.BadParameter(
            "one plane at a time: a plane is changed while another one carries the change",
            param_hint="--plane",
        )
    if node is not None and what is not What.keys:
        raise typer.BadParameter(
            "a PSK belongs to a pair of peers; only `keys` and `console` can be one node's",
            param_hint="--node",
        )
    from scripts._declared import read  # noqa: PLC0415 - `--help` needs none of this
    from scripts._rotation import rotation  # noqa: PLC0415

    file = read(stack)
    turn = rotation(
        file.declaration,
        what.value,
        plane,
        node=node,
        leave_behind=leave_behind or (),
        today=today,
    )
    file.change(turn.changes)
    if as_json:
        print(json.dumps(_document(file, turn), indent=2))
    else:
        print("\n".join(explanation(file, turn)))
