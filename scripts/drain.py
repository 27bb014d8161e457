"""Take a gateway out of use: its sibling carries all traffic between sites."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from scripts._stack import StackOption, read


def main(
    gateway: Annotated[str, typer.Argument(help="The gateway, by its name.")],
    *,
    stack: StackOption = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Do not wait for anybody to take over, and pass over a rollout's lease."
        ),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to go on trying to reach the node.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what a machine can read.")] = False,
) -> None:
    """Take a gateway out of use: its sibling carries all traffic between sites.

    Returns when its sibling has taken over and nothing between sites goes through it any more. It
    stays so over reboots, until `backplane undrain`. No lease is taken: it is a state of the node,
    and no change of the mesh. Exit code 0: drained; 1: not, and then the gateway is as before: no
    such gateway, no sibling that lives and is in use itself, not reached, or not in time.
    """
    from scripts import _draining  # noqa: PLC0415 - `--help` needs none of this

    seen = read(stack)
    wish = _draining.Wish(verb="drain", gateway=gateway, force=force, label=seen.label)
    told = _draining.done(seen, wish, wait)
    print(json.dumps(told, indent=2) if as_json else "\n".join(_draining.lines(told)))
