"""Network namespaces that stand for machines of a mesh, with real VXLAN, bridges and rulesets.

WireGuard is left out: what is called wg3 is a wire to all other machines. Everything else is as the
plan has it: addresses, the rulesets, and what the node tool makes of the role's file.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render import nftables
from backplane.roles import segments as role
from node import segments
from node.commands import Commands, Result
from node.generations import Generation
from node.layout import Layout
from node.machine import Machine
from tests.core import example
from tests.node.model import FakeJournal

MEMBERS, STRANGER = ("fsn-a", "hel-a"), "hel-b"
LAN = {"id": 1, "nodes": [*MEMBERS]}
GARP = (
    "import socket,sys; h,a=sys.argv[1].replace(':',''),socket.inet_aton(sys.argv[2]);"
    "m=bytes.fromhex(h); s=socket.socket(17,3); s.bind(('eth0',0x806));"
    "s.send(b'\\xff'*6+m+bytes.fromhex('08060001080006040001')+m+a+b'\\0'*6+a)"
)
"""A program that tells a segment by gratuitous ARP who has an address (RFC 5944, section 4.6)."""


class Elsewhere(Commands):
    """Programs inside a namespace."""

    def __init__(self, space: str) -> None:
        self.space = space
        self.log: list[tuple[list[str], str]] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Run a program there."""
        self.log.append(([*argv], stdin))
        inside = ["ip", "netns", "exec", self.space, *argv]
        return super().run(inside, stdin=stdin, timeout=timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """One machine.

    Attributes:
        name: the node's.
        space: its network namespace.
        machine: it, for the node tool.
    """

    name: str
    space: str
    machine: Machine

    @property
    def commands(self) -> Elsewhere:
        """Its programs."""
        assert isinstance(self.machine.commands, Elsewhere)
        return self.machine.commands

    @property
    def here(self) -> Generation:
        """What is active there."""
        path = self.machine.layout.active
        return Generation(name="x", path=path, node=None, incarnation=1, interfaces={}, mesh={})

    def tell(self, mesh: Plan) -> None:
        """Load its ruleset and make its segments, as a flip does."""
        peers = {slot: mesh.peers(self.name, slot) for slot in mesh.slots}
        rules = nftables.ruleset(mesh, mesh.node(self.name), slots=mesh.slots, peers=peers)
        run(self.space, "nft", "-f", "-", stdin=rules)
        file = self.machine.layout.active / segments.FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        if any(self.name in one.nodes for one in mesh.segments):
            file.write_text(role.document(mesh, mesh.node(self.name)), encoding="ascii")
            segments.segments(self.machine, {})
        else:
            file.unlink(missing_ok=True)
            segments.end(self.machine, {})

    def links(self) -> dict[str, dict[str, Any]]:
        """Its interfaces by name."""
        told = json.loads(run(self.space, "ip", "-json", "-details", "link"))
        return {one["ifname"]: one for one in told if one}

    def dropped(self) -> int:
        """How many packets for a segment it has dropped, as no member had sent them."""
        argv = ("nft", "-j", "list", "counter", "inet", "backplane", "stray_vxlan")
        told = json.loads(run(self.space, *argv))["nftables"]
        return next(int(one["counter"]["packets"]) for one in told if "counter" in one)


def declared(**segments: Any) -> Plan:  # noqa: ANN401 - as a declaration has them
    """The example's mesh, with segments."""
    return plan(parse({**example.raw(), "segments": segments}), project="x", stack="y")


def run(space: str, *argv: str, stdin: str = "") -> str:
    """Run a program in a namespace, and return what it prints; it must succeed."""
    done = call(space, *argv, stdin=stdin)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def call(space: str, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The same, however it ends."""
    return subprocess.run(
        ["ip", "netns", "exec", space, *argv],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextlib.contextmanager
def made(root: Path, names: Sequence[str] = (*MEMBERS, STRANGER)) -> Iterator[dict[str, Spot]]:
    """Machines on one wire; what is left of them goes at the end, guests' namespaces too."""
    prefix, mesh = f"bpsg{os.getpid()}", declared(lan=LAN)
    spaces = [f"{prefix}-wire", *(f"{prefix}-{name}" for name in names)]
    try:
        for space in spaces:
            subprocess.run(["ip", "netns", "add", space], check=True)
            run(space, "ip", "link", "set", "lo", "up")
        run(spaces[0], "ip", "link", "add", "br0", "up", "type", "bridge")
        spots = {}
        for number, name in enumerate(names):
            space = f"{prefix}-{name}"
            _wire(spaces[0], f"p{number}", space, "wg3")
            run(spaces[0], "ip", "link", "set", f"p{number}", "master", "br0", "up")
            at = mesh.node(name).addresses["storage"].v4
            run(space, "ip", "address", "add", f"{at}/16", "dev", "wg3")
            run(space, "ip", "link", "set", "wg3", "mtu", "1420", "up")
            layout = Layout(root=root / name)
            layout.active.mkdir(parents=True)
            machine = Machine(layout=layout, commands=Elsewhere(space), journal=FakeJournal())
            spots[name] = Spot(name=name, space=space, machine=machine)
        yield spots
    finally:
        told = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
        for line in told.stdout.splitlines():
            if line.split()[0].startswith(f"{prefix}-"):
                subprocess.run(["ip", "netns", "del", line.split()[0]], check=False)


@contextlib.contextmanager
def guest(spot: Spot, bridge: str, address: str, mtu: int = 1370) -> Iterator[str]:
    """A guest on a machine's bridge: a namespace of its own, which is what is given back."""
    space, port = f"{spot.space.partition('-')[0]}-g{address.replace('.', '-')}", f"g{bridge}"
    subprocess.run(["ip", "netns", "add", space], check=True)
    try:
        _wire(spot.space, port, space, "eth0")
        run(spot.space, "ip", "link", "set", port, "master", bridge, "up")
        run(space, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        run(space, "ip", "link", "set", "eth0", "mtu", str(mtu), "up")
        yield space
    finally:
        call(spot.space, "ip", "link", "del", port)
        subprocess.run(["ip", "netns", "del", space], check=False)


def _wire(here: str, name: str, there: str, other: str) -> None:
    argv = ["ip", "link", "add", name, "netns", here, "type", "veth", "peer", "name", other]
    subprocess.run([*argv, "netns", there], check=True)
