"""The process that lets a machine go which was taken over: only if its owner can reach it again.

Run as `python -m runner.given_back` when the takeover is deleted from the stack, with the machine's
address in the environment. The stack's keys go with the node; a machine that is still dark then
would be out of everybody's reach.
"""

from __future__ import annotations

import asyncio
import os
import sys

from runner.alone import tell
from runner.ssh import shown_key

NODE, ADDRESS, PORT = "BACKPLANE_NODE", "BACKPLANE_ADDRESS", "BACKPLANE_PORT"
"""Which node it was, and where its sshd answers once it has been given back."""

GONE = "BACKPLANE_GONE"
"""Names the nodes, by commas, whose machines are no more: nobody asks them."""


def main() -> int:
    """0 when the machine of the environment shows an SSH host key at its public address."""
    node, address, port = (os.environ.get(name, "") for name in (NODE, ADDRESS, PORT))
    if node in os.environ.get(GONE, "").split(","):
        return 0
    if asyncio.run(shown_key(address, int(port))) is not None:
        return 0
    tell(
        f"{node}: no sshd answers at {address}, port {port}: the machine has not been given back, "
        "and without this stack's keys nobody reaches it.\n"
        f"  fix: put {node} back into the declaration, run `backplane release {node}`, then take "
        f"it off; if the machine is no more, run `{GONE}={node} pulumi up` (or destroy)."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
