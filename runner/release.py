"""Giving a machine back that was taken over: opened, looked at from outside, and only then left."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runner.problem import RunnerError
from runner.ssh import JSON, Session, bare, shown_key

TIMER = 60.0
"""Seconds after which a machine that was opened and not left is dark again by itself."""

LEAVING = 2.0
"""Seconds until it has begun to be left."""

PATIENCE = 30.0
"""Seconds for its sshd to answer at the public address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """Where a machine's owner reaches it.

    Attributes:
        host: Its public address.
        port: sshd's port there.
    """

    host: str
    port: int


async def give_back(
    node: str, street: Street, enter: Callable[[], Awaitable[Session]], tell: Callable[[str], None]
) -> None:
    """Give a machine back; the runner's tunnel must be up.

    Args:
        node: The node that it is.
        street: Where its owner is to reach it.
        enter: Opens a session over the planes.
        tell: Takes one line for people.

    Raises:
        RunnerError: It stays dark, or becomes dark again by its own timer.
    """
    session = await enter()
    lease = f"release-{secrets.token_hex(4)}"
    held = {"lease": lease}
    try:
        await session.call("lease", {"id": lease, "seconds": 2 * TIMER})
        try:
            request = {**held, "seconds": TIMER, "port": street.port}
            told = await session.call("give-back-open", request)
            tell(f"{node}: open as before; looking at {street.host}, port {street.port}")
            await _reached(
                node,
                street,
                told,
                "it is dark again. See that nothing before it, such as its provider's firewall, "
                "shuts that port; then run `backplane release` again.",
            )
            await session.call("give-back-keep", held)
        except RunnerError:
            with contextlib.suppress(RunnerError):
                await session.call("give-back-undo")
                await session.call("release", {"id": lease})
            raise
    finally:
        session.close()
    # The planes go a second later; what opens then stays open.
    await asyncio.sleep(LEAVING)
    await _reached(
        node,
        street,
        told,
        "it was given back all the same: `journalctl -t backplane-node` on its console says how "
        "far it came, and a reboot goes on there.",
    )


async def _reached(node: str, street: Street, told: JSON, fix: str) -> None:
    """Wait until its owner's sshd answers with its own host key.

    Raises:
        RunnerError: It does not, with the fix.
    """
    until = time.monotonic() + PATIENCE
    shown = None
    while time.monotonic() < until:
        shown = await shown_key(street.host, street.port)
        if shown is not None and shown == bare(str(told["host_key"])):
            return
        await asyncio.sleep(0.5)
    said = "shows another host key than the machine has" if shown else "does not answer"
    raise RunnerError(
        f"{node}: sshd at {street.host}, port {street.port}, {said}: nobody would reach it.", fix
    )
