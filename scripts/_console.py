"""What a rotation of console passwords changes in a declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts._declared import place
from scripts._problem import Problem

if TYPE_CHECKING:
    from backplane.declaration import Declaration
    from scripts._declared import Changes, StackFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One rotation of console passwords as it is written into the declaration.

    Attributes:
        node: the only node whose password changes, if it is one node's.
        changes: new values by path.
        before: old values by path, None where nothing was written.
        away: nodes that are offline, and keep the password that only the state of now tells.
    """

    node: str | None
    changes: Changes
    before: dict[tuple[str, ...], Any]
    away: tuple[str, ...] = ()


def turn(declared: Declaration, node: str | None, today: str) -> Turn:
    """Work out a rotation of one node's console password, or of all.

    Args:
        declared: the declaration as it is.
        node: the node; None for all, out of fresh randomness.
        today: the date to write, ISO 8601.

    Raises:
        Problem: No such node, one that cannot take another password, or there are none at all.
    """
    if not declared.console.use:
        raise Problem(
            where="console",
            what="there is no console password to rotate",
            why="the declaration says `console: {use: false}`",
            fix="take that away: every node then gets one at the next `pulumi up`",
        )
    if node is None:
        was = declared.console
        number, day = ("console", "epoch"), ("console", "rotated")
        return Turn(
            node=None,
            changes={number: was.epoch + 1, day: today},
            before={number: was.epoch, day: was.rotated},
            away=tuple(
                sorted(
                    name
                    for site in declared.sites.values()
                    for name, own in site.nodes.items()
                    if own.offline and not own.retire
                )
            ),
        )
    path = place(declared, node)
    own = declared.sites[path[1]].nodes[node]
    if own.offline or own.retire:
        raise Problem(
            where=f"node {node}",
            what="it cannot take a new password",
            why="it is marked `offline: true`" if own.offline else "it is marked `retire: true`",
            fix=f"a rebuilt machine has a new one anyway: backplane replace {node}",
        )
    at = (*path, "console")
    return Turn(node=node, changes={at: own.console + 1}, before={at: own.console})


def explanation(file: StackFile, done: Turn) -> list[str]:
    """What a person reads after the edit, line by line."""
    whose = f"{done.node}'s console password" if done.node else "the console password of every node"
    shown = f"backplane console {done.node or 'NODE'}"
    return [
        f"{file.shown}:",
        *(
            f"  {'.'.join(path)}: {'not there' if done.before[path] is None else done.before[path]}"
            f" -> {value}"
            for path, value in done.changes.items()
        ),
        f"at the next `pulumi up`: {whose} is another one once the rollout is confirmed",
        "no session, key, plane or service is touched",
        *(
            f"{name} is offline and keeps its old one until it has caught up; nothing tells that "
            f"any more then: take it down first, `backplane console {name}`"
            for name in done.away
        ),
        f"if that `up` fails the old one still holds: `{shown}` tells it now; keep it till then",
        "to abort: put the old values back before `pulumi up`",
    ]


def document(file: StackFile, done: Turn) -> dict[str, Any]:
    """The same as data."""
    return {
        "stack": file.stack,
        "file": file.shown,
        "what": "console",
        "node": done.node,
        "changes": [
            {"path": ".".join(path), "from": done.before[path], "to": value}
            for path, value in done.changes.items()
        ],
        "offline": list(done.away),
    }
