"""`status --watch` of a mesh of two nodes whose answers are written down: for a pseudo-terminal.

`python -m tests.scripts.watched [--json]`: the third look has a silent node, the fourth no tunnel.
"""

from __future__ import annotations

import sys
from typing import Any

from runner.credentials import Credentials
from runner.problem import RunnerError
from scripts import _watch
from scripts._stack import Stack
from scripts._standing import Standing
from tests.runner.fleet import NEW
from tests.scripts import facts
from tests.scripts.test_status import well

EVERY = 0.2


class Tunnel:
    """No tunnel."""

    def close(self) -> None:
        """Nothing to close."""


def outputs() -> dict[str, Any]:
    """Four nodes."""
    told = facts.outputs()
    for node in told["nodes"].values():
        node["generation"] = NEW
    credentials = {"version": 1, "stack": "lab", "nodes": {name: {} for name in facts.NAMES}}
    return {**told, "runner": credentials}


def answers(look: int) -> dict[str, Standing]:
    """What the nodes say at a look."""
    seen = facts.good()
    standings = {name: well() for name in facts.NAMES}
    for name, one in standings.items():
        one.live = dict(seen[name].interfaces)
    if look == 3:
        standings["hel-a"] = Standing(trouble={"wg1": "no answer", "wg0": "no answer"})
    return {} if look == 4 else standings


def main() -> int:
    """Watch until somebody ends it."""
    count = 0

    async def ask(*_: object, **__: object) -> dict[str, Standing]:
        nonlocal count
        count += 1
        if count == 4:
            raise RunnerError("the tunnel is gone.", "bring it up.")
        return answers(count)

    vars(_watch)["ask"] = ask
    Credentials.tunnel = lambda *_: Tunnel()  # type: ignore[method-assign, assignment]
    stack = Stack(label="lab", outputs=outputs())
    looks = int(sys.argv[1]) if sys.argv[1:] else None
    pace = _watch.Pace(every=EVERY, wait=0, looks=looks)
    return 0 if _watch.watch(stack, pace, as_json="--json" in sys.argv) else 1


if __name__ == "__main__":
    raise SystemExit(main())
