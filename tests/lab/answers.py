"""How long until a mesh answers: asked anew, node by node, over both ways in, from the runner.

`python -m tests.lab.answers` in the runner's namespace, while the tunnel is up; the question comes
on stdin, since it holds the push key: {"credentials": the `runner` output, "wanted": generation by
node, "seconds": how long to go on}. The answer is one JSON object by node: {"at": seconds since
1970 when all was as wanted, or null, "said": the last answer}.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from runner.credentials import DIALLED, Credentials
from runner.problem import RunnerError
from runner.ssh import Session, private_key

AGAIN = 0.5
"""Seconds between two rounds of asking a node."""


async def _look(credentials: Credentials, node: str) -> list[dict[str, Any]]:
    """What a node says of itself over a new session on each way in."""
    key = private_key(credentials.push_key)
    said = []
    for slot in DIALLED:
        session = await Session.open(credentials.place(node, slot), key)
        try:
            said.append(await session.call("status", seconds=10))
        finally:
            session.close()
    return said


async def _follow(credentials: Credentials, node: str, wanted: str, until: float) -> dict[str, Any]:
    said: object = None
    while time.time() < until:
        try:
            found = await _look(credentials, node)
            said = found[-1]
            if all(
                (one["active"], one["confirmed"], one["timer"]) == (wanted, wanted, None)
                for one in found
            ):
                return {"at": time.time(), "said": said}
        except RunnerError as error:
            said = error.what
        await asyncio.sleep(AGAIN)
    return {"at": None, "said": said}


async def main(question: dict[str, Any]) -> dict[str, Any]:
    """Ask until every node is as wanted, or the time is over."""
    credentials, until = Credentials(question["credentials"]), time.time() + question["seconds"]
    wanted: dict[str, str] = question["wanted"]
    answers = await asyncio.gather(
        *(_follow(credentials, node, generation, until) for node, generation in wanted.items())
    )
    return dict(zip(wanted, answers, strict=True))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
