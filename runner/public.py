"""SSH to a machine that is in use, at its public address, as its owner: before it is taken over.

The owner's own keys open it, as `ssh` itself would take them: those of the agent, the usual files,
or the file that ``BACKPLANE_TAKEOVER_KEY`` names. No key of the owner's is in the stack's state.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from shlex import quote
from typing import Any

from runner.problem import RunnerError
from runner.ssh import Place, Session, bare, connect, shown_key

KEY = "BACKPLANE_TAKEOVER_KEY"
"""Names the file of the private key that opens the machines to be taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How a machine that is in use is reached.

    Attributes:
        node: Name of the node it is to be.
        host: Its public address.
        port: sshd's port there.
        user: Who logs in; root, or somebody whom sudo asks for no password.
        pin: The host key it must show; None takes the one that it shows first.
    """

    node: str
    host: str
    port: int
    user: str
    pin: str | None

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.user}@{self.host}:{self.port}"


class Silent(RunnerError):  # noqa: N818 - names a state of the machine
    """Nobody answers at the public address."""


class Owner(Session):
    """A session whose commands run as root, by sudo if need be."""

    sudo = False

    async def run(self, command: str, feed: bytes = b"", *, seconds: float = 60.0) -> str:
        """As `Session.run`, by sudo."""
        if self.sudo:
            command = f"sudo -n sh -c {quote(command)}"
        return await super().run(command, feed, seconds=seconds)


async def knock(door: Door) -> Owner:
    """Log in.

    Raises:
        Silent: It does not answer.
        RunnerError: It shows another host key, or does not let its owner in.
    """
    import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

    shown = await shown_key(door.host, door.port)
    if shown is None:
        raise Silent(
            f"{door.node}: no sshd with an ed25519 host key answers at {door.host}, "
            f"port {door.port}.",
            "see that the machine runs and that `machine:` in the declaration has its address and "
            "port. One that was taken over before is put back into the state it was taken over in "
            "(docs/runbooks/existing.md).",
        )
    if door.pin is not None and bare(door.pin) != shown:
        raise RunnerError(
            f"{door.node}: the sshd at {door.host} shows another host key than `host_key` says: "
            f"{_fingerprint(shown)}.",
            "somebody may stand between: compare it with `ssh-keygen -lf "
            "/etc/ssh/ssh_host_ed25519_key.pub` on the machine's own console before changing it.",
        )
    place = Place(node=door.node, host=door.host, port=door.port, host_key=shown)
    try:
        connection = await connect(place, username=door.user, **_keys(door))
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise RunnerError(
            f"{door.node}: {door.text} does not let this machine's user in: "
            f"{str(error) or 'no answer'}.",
            f"load a key that opens it into the SSH agent, or name its file in {KEY}; see that "
            f"`ssh -p {door.port} {door.user}@{door.host} true` works from here.",
        ) from error
    session = Owner(place, connection)
    session.sudo = door.user != "root"
    return session


def _keys(door: Door) -> dict[str, Any]:
    """The key of the file that is named, and no other; else those that `ssh` would take."""
    import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

    path = os.environ.get(KEY)
    if not path:
        return {}
    try:
        return {"client_keys": [asyncssh.read_private_key(path)], "agent_path": None}
    except (OSError, asyncssh.KeyImportError) as error:
        raise RunnerError(
            f"{door.node}: {KEY} names {path}, which holds no private key that can be read: "
            f"{error}.",
            "name a file with an OpenSSH private key without a passphrase, or use the SSH agent.",
        ) from error


def _fingerprint(public: str) -> str:
    import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

    return asyncssh.import_public_key(public).get_fingerprint()
