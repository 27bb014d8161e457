"""SSH from the runner to the nodes: the host key is pinned, the private key stays in memory."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from runner import moment
from runner.problem import RunnerError, printable
from runner.tool import TOOL

if TYPE_CHECKING:
    import asyncssh

CONNECT = 6.0
"""Seconds for one attempt to connect and log in."""

JSON = dict[str, Any]


class Refused(RunnerError):  # noqa: N818 - what a node says, not a defect
    """A node tool's own refusal: its reason and its fix."""


class Unreachable(RunnerError):  # noqa: N818 - names a state of the network
    """No session to the node, or the session died before the answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node's sshd is, and which host key it must show.

    Attributes:
        node: Name of the node, for messages.
        host: Plane address.
        port: TCP port.
        host_key: The key it must show, `ssh-ed25519 AAAA…`.
    """

    node: str
    host: str
    port: int = 22
    host_key: str


class Session:
    """One SSH connection to a node, used by any number of calls."""

    def __init__(self, place: Place, connection: asyncssh.SSHClientConnection) -> None:
        self.place = place
        self._connection = connection

    @classmethod
    async def open(cls, place: Place, key: asyncssh.SSHKey) -> Self:
        """Connect and log in as root.

        Raises:
            Unreachable: No answer, another host key, or the login was refused.
        """
        import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

        try:
            connection = await connect(place, username="root", client_keys=[key], agent_path=None)
        except (OSError, TimeoutError, asyncssh.Error) as error:
            reason = str(error) or "no answer"
            raise Unreachable(
                f"{place.node}: no SSH session to {place.host}: {reason}.",
                "see that the node runs; a node that is down for long gets `offline: true`.",
            ) from error
        return cls(place, connection)

    async def run(self, command: str, feed: bytes = b"", *, seconds: float = 60.0) -> str:
        """Run a command with `feed` on its standard input and return its output.

        Raises:
            Refused: The command ended with an error.
            Unreachable: The session died, or no answer came in time.
        """
        import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

        try:
            async with asyncio.timeout(seconds):
                done = await self._connection.run(command, input=feed, encoding=None, check=False)
        except (OSError, TimeoutError, asyncssh.Error) as error:
            reason = str(error) or f"no answer within {seconds:.0f} s"
            raise Unreachable(
                f"{self.place.node}: the session over {self.place.host} died: {reason}.",
                "see that the node runs and its path is whole, then run `pulumi up` again.",
            ) from error
        output = _text(done.stdout)
        if done.exit_status is None:
            raise Unreachable(
                f"{self.place.node}: the session over {self.place.host} ended without an answer.",
                "run `pulumi up` again.",
            )
        if done.exit_status != 0:
            raise _refusal(self.place.node, command, output, _text(done.stderr))
        return output

    async def call(
        self, verb: str, request: JSON | str | None = None, *, seconds: float = 60.0
    ) -> JSON:
        """Run one verb of the node tool: JSON in, or a text for a verb that takes one; JSON out."""
        feed = request if isinstance(request, str) else json.dumps(request or {})
        output = await self.run(f"{TOOL} {verb}", feed.encode(), seconds=seconds)
        try:
            answer = json.loads(output)
        except (ValueError, RecursionError) as error:
            raise Refused(
                f"{self.place.node}: {verb} answered what is no JSON.",
                "the node tool is damaged: `pulumi up` pushes it again.",
            ) from error
        return answer if isinstance(answer, dict) else {"answer": answer}

    async def ahead(self, *, seconds: float = 10.0) -> int:
        """Ns by which the node's monotonic clock is ahead of this machine's.

        Raises:
            Unreachable: The session died, or no answer came in time.
        """
        import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

        rounds = []
        try:
            async with (
                asyncio.timeout(seconds),
                self._connection.create_process(f"{TOOL} clock") as process,
            ):
                for _ in range(moment.ROUNDS):
                    sent = moment.now()
                    process.stdin.write("\n")
                    told = int(await process.stdout.readline())
                    rounds.append(moment.Round(sent, told, moment.now()))
                process.stdin.write_eof()
        except (OSError, TimeoutError, ValueError, asyncssh.Error) as error:
            raise Unreachable(
                f"{self.place.node}: its clock cannot be read over {self.place.host}: "
                f"{str(error) or 'no answer in time'}.",
                "see that the node runs and its path is whole, then run `pulumi up` again.",
            ) from error
        return moment.offset(rounds)

    def close(self) -> None:
        """End the connection without waiting for the other end."""
        self._connection.abort()


async def connect(
    place: Place,
    **who: Any,  # noqa: ANN401 - the SSH library's own words
) -> asyncssh.SSHClientConnection:
    """Connect to a server that must show its pinned key, and log in by a key.

    Args:
        place: The server.
        who: Who logs in and by which keys, as `asyncssh.connect` is told.

    Raises:
        OSError: No answer, also in time.
        asyncssh.Error: Another host key, or the login was refused.
    """
    import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

    pinned = asyncssh.import_public_key(place.host_key)
    async with asyncio.timeout(CONNECT):
        return await asyncssh.connect(
            place.host,
            place.port,
            known_hosts=([pinned], [], []),
            server_host_key_algs=["ssh-ed25519"],
            config=None,
            preferred_auth="publickey",
            compression_algs=None,
            keepalive_interval=3,
            keepalive_count_max=3,
            **who,
        )


async def shown_key(host: str, port: int = 22) -> str | None:
    """The ed25519 host key that a server shows, or None when it does not answer."""
    import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

    try:
        async with asyncio.timeout(CONNECT):
            key = await asyncssh.get_server_host_key(
                host, port, server_host_key_algs=["ssh-ed25519"], config=None
            )
    except (OSError, TimeoutError, asyncssh.Error):
        return None
    return bare(key.export_public_key().decode()) if key else None


def bare(public: str) -> str:
    """An authorized_keys line without its comment."""
    return " ".join(public.split()[:2])


def private_key(pem: str) -> asyncssh.SSHKey:
    """Read an OpenSSH private key from memory."""
    import asyncssh  # noqa: PLC0415 - half a second that previews have no use for

    return asyncssh.import_private_key(pem)


def _text(output: object) -> str:
    return output.decode(errors="replace").strip() if isinstance(output, bytes) else ""


def _refusal(node: str, command: str, output: str, notes: str) -> Refused:
    verb = command.rsplit(" ", 1)[-1].strip("'")
    try:
        answer = json.loads(output.splitlines()[-1])
        reason, fix = printable(answer["error"]), printable(answer.get("fix", ""))
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        reason, fix = printable((notes.splitlines() or ["no reason given"])[-1]), ""
    return Refused(f"{node}: {verb} refused: {reason}", fix or "see the node's journal.")
