"""Guests on a segment of the routed lab: network namespaces on machines, attached to a bridge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.routed import Routed

BRIDGE, TUNNEL, MTU = "vb1", "vx1", 1370

_TELL = (
    "import socket,sys; h,a=sys.argv[1].replace(':',''),socket.inet_aton(sys.argv[2]);"
    "m=bytes.fromhex(h); s=socket.socket(17,3); s.bind(('eth0',0x806));"
    "s.send(b'\\xff'*6+m+bytes.fromhex('08060001080006040001')+m+a+b'\\0'*6+a)"
)
"""A gratuitous ARP request (RFC 5944, section 4.6): from which hardware address, whose address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A guest.

    Attributes:
        routed: the lab.
        node: whose machine it is on.
        space: its network namespace there.
        port: its interface in the bridge.
        address: its own, of a /24.
    """

    routed: Routed
    node: str
    space: str
    port: str
    address: str

    def succeed(self, command: str, seconds: float = 60) -> str:
        """Run a command in it that must succeed."""
        return self.routed.on(self.node).succeed(f"ip netns exec {self.space} {command}", seconds)

    def pings(self, address: str, *, size: int = 56, wait: float = 1, whole: bool = False) -> bool:
        """Whether one ping comes back; `whole` forbids that it is cut up on its way."""
        words = f"ping -n -c 1 -W {wait:g} -s {size} {'-M do' if whole else ''} {address}"
        done = self.routed.on(self.node).run(f"ip netns exec {self.space} {words}", 30)
        return done.returncode == 0

    def reaches(self, address: str, seconds: float = 30) -> None:
        """Wait until a ping comes back."""
        ping = f"ip netns exec {self.space} ping -n -c 1 -W 1 {address}"
        self.routed.on(self.node).wait_until_succeeds(ping, seconds)

    @property
    def hardware(self) -> str:
        """Its hardware address."""
        return self.succeed("cat /sys/class/net/eth0/address").strip()

    def takes(self, address: str) -> None:
        """Take one more address, and tell the segment by gratuitous ARP."""
        self.succeed(f"ip address add {address}/24 dev eth0")
        self.succeed(f'python3 -c "{_TELL}" {self.hardware} {address}')

    def gives(self, address: str) -> None:
        """Give it up."""
        self.succeed(f"ip address del {address}/24 dev eth0")


@contextmanager
def guest(routed: Routed, node: str, number: int) -> Iterator[Guest]:
    """A guest on a machine's bridge, 10.9.0.NUMBER; nothing of it stays."""
    made = Guest(
        routed=routed,
        node=node,
        space=f"guest{number}",
        port=f"g{number}",
        address=f"10.9.0.{number}",
    )
    place = routed.on(node)
    try:
        place.succeed(f"ip netns add {made.space}")
        place.succeed(f"ip link add {made.port} type veth peer name eth0 netns {made.space}")
        place.succeed(f"ip link set {made.port} mtu {MTU} master {BRIDGE} up")
        made.succeed("ip link set lo up")
        made.succeed(f"ip link set eth0 mtu {MTU} up")
        made.succeed(f"ip address add {made.address}/24 dev eth0")
        yield made
    finally:
        place.run(f"ip link del {made.port}; ip netns del {made.space}", 30)
