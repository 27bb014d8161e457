"""Fake nodes: real SSH servers on loopback whose node tool is a few lines of memory.

Each node listens on two addresses, as wg1 and wg0, and can be told to misbehave.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from runner import tool
from runner.order import Order, Target

# Two suites on one computer must not meet; below what the kernel gives to clients.
PORT = 12_000 + os.getpid() % 20_000
# Each of several test processes has loopback addresses of its own.
NETWORK = 100 + 10 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
OLD, NEW = "0" * 16, "f" * 16


@dataclass
class FakeNode:
    """One node's memory, as far as the rollout sees it."""

    number: int
    host_key: asyncssh.SSHKey
    fleet: Fleet
    confirmed: str = OLD
    active: str = OLD
    staged: str = OLD
    damaged: bool = False
    lease: str = ""
    armed: bool = False
    refuse: str = ""
    lose: str = ""
    deaf: frozenset[str] = frozenset()
    rekeys: list[str] = field(default_factory=list)
    ahead: int = 0
    off: float = 0.0
    slow: float = 0.0
    moment: int = 0
    ends: dict[str, dict[str, str]] = field(default_factory=dict)
    wall: float = 0.0
    seconds: float = 0.0
    said: list[str] = field(default_factory=list)
    members: str = ""

    @property
    def name(self) -> str:
        """Name of the node."""
        return f"n{self.number:03}"

    def host(self, plane: int) -> str:
        """Its address on wg1 (1) or wg0 (0)."""
        return f"127.{NETWORK + plane}.{self.number // 200}.{self.number % 200 + 1}"

    def now(self) -> int:
        """Its monotonic clock, ns."""
        return time.monotonic_ns() + self.ahead

    def answer(self, verb: str, request: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """What the node tool would say, and its exit code."""
        self.said.append(verb)
        if verb == self.refuse:
            return {"error": "disk full", "fix": "make room"}, 1
        handler: Callable[[dict[str, Any]], dict[str, Any]] = getattr(self, f"do_{verb}")
        try:
            return handler(request), 0
        except PermissionError as error:
            return {"error": str(error), "fix": "wait"}, 1

    def do_status(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where the node stands."""
        return {
            "node": self.name,
            "tool": tool.version(tool.build()),
            "confirmed": self.confirmed,
            "active": self.active,
            "staged": self.staged,
            "whole": request.get("generation") == self.staged and not self.damaged,
            "lease": {"id": self.lease, "expires": 60} if self.lease else None,
            "timer": 60 if self.armed else None,
            "rekeys": self.rekeys,
            "members": [f"{self.number:012x}"],
            "wall": time.time() + self.off,
            "clock": self.now(),
        }

    def do_stage(self, request: dict[str, Any]) -> dict[str, Any]:
        """Keep what a bundle begins with, and say that it is there."""
        self.staged, self.damaged = request["bundle"].split()[0], False
        return {"staged": self.staged}

    def do_lease(self, request: dict[str, Any]) -> dict[str, Any]:
        """One holder at a time."""
        if self.lease not in {"", request["id"]}:
            raise PermissionError("another rollout holds this node")
        self.lease = request["id"]
        return {"ok": True}

    def do_release(self, request: dict[str, Any]) -> dict[str, Any]:
        """Only the holder lets go."""
        if self.lease == request["id"]:
            self.lease = ""
        return {"ok": True}

    def do_arm(self, request: dict[str, Any]) -> dict[str, Any]:
        """A timer that never fires here."""
        self._own(request)
        if "wall" in request:  # the way back says none
            since = (self.now() - request["clock"]) / 1e9
            self.wall = request["wall"] + since - time.time()
        self.armed, self.seconds = True, request["seconds"]
        return {"ok": True}

    def do_prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Nothing to prepare."""
        self._own(request)
        return {"ok": True}

    def do_flip(self, request: dict[str, Any]) -> dict[str, Any]:
        """Refuses without a timer, as the tool does."""
        self._own(request)
        if not self.armed:
            raise PermissionError("no timer is armed")
        at = request.get("at", self.now())  # the way back waits for no moment
        self.moment = at - self.ahead
        self.active = request["generation"]
        self.fleet.flips.append(asyncio.get_running_loop().time())
        return {"ok": True, "began": at}

    def do_check(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who of the asked is not heard."""
        silent = sorted(set(request["peers"]) & self.deaf)
        return {"ok": not silent, "silent": silent, "unknown": [], "ends": self.ends}

    def do_confirm(self, request: dict[str, Any]) -> dict[str, Any]:
        """Only what is active."""
        self._own(request)
        if self.active != request["generation"]:
            raise PermissionError("that generation is not active")
        self.confirmed, self.armed = self.active, False
        self.members = request.get("members", "")
        return {"ok": True}

    def do_rollback(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Back to what is confirmed."""
        self.active, self.armed = self.confirmed, False
        return {"ok": True}

    def _own(self, request: dict[str, Any]) -> None:
        if request["lease"] != self.lease:
            raise PermissionError("no such lease")


class Fleet:
    """Fake nodes, all told the same wish."""

    def __init__(self, size: int) -> None:
        self.flips: list[float] = []
        self.user = asyncssh.generate_private_key("ssh-ed25519")
        host = asyncssh.generate_private_key("ssh-ed25519")
        self.nodes = [FakeNode(number, host, self) for number in range(size)]
        self._servers: list[asyncssh.SSHAcceptor] = []

    async def start(self) -> None:
        """Listen on both addresses of every node."""
        for node in self.nodes:
            for plane in (1, 0):
                self._servers.append(await self.listen(node, plane))

    async def listen(self, node: FakeNode, plane: int) -> asyncssh.SSHAcceptor:
        """One node's sshd on one plane."""

        async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
            verb = (process.command or "").split()[-1]
            if verb == "clock":
                async for _ in process.stdin:
                    process.stdout.write(f"{node.now()}\n".encode())
                process.exit(0)
                return
            text = await process.stdin.read()
            request: dict[str, Any] = (
                {"bundle": text.decode()} if verb == "stage" else json.loads(text or b"{}")
            )
            if "at" in request:
                await asyncio.sleep(max(0.0, (request["at"] - node.now()) / 1e9))
            answer, code = node.answer(verb, request)
            await asyncio.sleep(node.slow)
            if verb == node.lose:
                node.lose = ""
                process.channel.get_connection().abort()
                return
            process.stdout.write(json.dumps(answer).encode() + b"\n")
            process.exit(code)

        public = self.user.export_public_key().decode()
        return await asyncssh.listen(
            node.host(plane),
            PORT,
            server_host_keys=[node.host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(public),
            process_factory=serve,
            encoding=None,
            backlog=200,
        )

    async def stop(self) -> None:
        """End all servers."""
        for server in self._servers:
            server.close()
        await asyncio.gather(*(server.wait_closed() for server in self._servers))

    def order(self, *, timer: int = 30, generation: str = NEW, size: int = 0) -> Order:
        """The order that leads all nodes to a generation, each with a bundle of that many bytes."""
        return Order(
            stack="fake",
            timer=timer,
            push_key=self.user.export_private_key().decode(),
            targets=tuple(
                Target(
                    name=node.name,
                    wg1=node.host(1),
                    wg0=node.host(0),
                    host_key=node.host_key.export_public_key().decode().strip(),
                    generation=generation,
                    bundle=f"{generation} ".ljust(size, "x"),
                    port=PORT,
                )
                for node in self.nodes
            ),
        )
