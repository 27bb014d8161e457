"""The tunnel's choice between a node's two keys, without any network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

import pytest

from runner.problem import RunnerError
from runner.tunnel import Door, Peer, Side, Tunnel
from runner.wire import Sighting, Wire

SIDE = Side(slot="enrollment", interface="t-wg0", addresses=("10.200.255.254/16",), mtu=1420)
ONCE, LASTING = Door(public="once", psk="p1"), Door(public="lasting", psk="p2")
PEER = Peer(
    node="a",
    slot="enrollment",
    endpoint="198.51.100.17:51820",
    allowed=("10.200.1.1/32",),
    doors=(ONCE, LASTING),
)


class FakeWire(Wire):
    """Remembers what it was told instead of touching the network."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []
        self.handshakes: dict[str, int] = {}
        self.fail = ""

    def create(self, interface: str) -> None:
        """Make an interface, or fail."""
        if self.fail == "create":
            raise RunnerError("no", "yes")
        self.said.append(("create", interface))

    def address(self, interface: str, addresses: Iterable[str], mtu: int) -> None:
        """Address it."""
        self.said.append(("address", interface, *addresses, str(mtu)))

    def delete(self, interface: str) -> None:
        """Remove it."""
        self.said.append(("delete", interface))

    def guard(self, networks: Iterable[str]) -> None:
        """Guard networks."""
        self.said.append(("guard", *networks))

    def key(self, interface: str, private: str, port: int) -> None:
        """Set a key."""
        self.said.append(("key", interface, private, str(port)))

    def add(self, interface: str, text: str) -> None:
        """Add peers."""
        self.said.append(("add", interface, text))
        for door in PEER.doors:
            self.handshakes.setdefault(door.public, 0)

    def allow(self, interface: str, public: str, allowed: Sequence[str], keepalive: int) -> None:
        """Give addresses."""
        self.said.append(("allow", interface, public, *allowed, str(keepalive)))

    def remove(self, interface: str, public: str) -> None:
        """Remove a peer."""
        self.said.append(("remove", interface, public))
        del self.handshakes[public]

    def sightings(self, interface: str) -> tuple[Sighting, ...]:
        """What was set by the test."""
        del interface
        return tuple(
            Sighting(public=key, handshake=at, allowed=()) for key, at in self.handshakes.items()
        )


@pytest.fixture
def wire() -> FakeWire:
    """A network of words."""
    return FakeWire()


def _open(wire: FakeWire) -> Tunnel:
    tunnel = Tunnel("unit", wire=wire)
    tunnel.open([SIDE], ["10.200.0.0/16"])
    tunnel.meet(PEER)
    return tunnel


def test_guards_stand_before_the_first_interface(wire: FakeWire) -> None:
    """The planes' networks are unreachable before there is a tunnel, and stay so after it."""
    tunnel = _open(wire)
    tunnel.close()
    words = [said[0] for said in wire.said]
    assert words.index("guard") < words.index("create")
    assert wire.said[-1] == ("delete", "t-wg0")


def test_no_key_gets_addresses_before_it_has_answered(wire: FakeWire) -> None:
    """Both keys are called, with their own PSKs and without addresses."""
    tunnel = _open(wire)
    text = next(said[2] for said in wire.said if said[0] == "add")
    assert text.count("[Peer]") == 2
    assert "AllowedIPs" not in text
    tunnel.look("enrollment")
    assert tunnel.opened("a", "enrollment") is None
    assert not [said for said in wire.said if said[0] == "allow"]
    tunnel.close()


def test_the_key_that_answers_gets_the_addresses(wire: FakeWire) -> None:
    """The one-time key answers first, then the lasting one, which burns the other."""
    tunnel = _open(wire)
    now = int(time.time())
    wire.handshakes["once"] = now - 5
    tunnel.look("enrollment")
    assert tunnel.opened("a", "enrollment") == "once"
    wire.handshakes["lasting"] = now
    tunnel.look("enrollment")
    assert tunnel.opened("a", "enrollment") == "lasting"
    changes = [said for said in wire.said if said[0] in {"allow", "remove"}]
    assert changes == [
        ("allow", "t-wg0", "once", "10.200.1.1/32", "25"),
        ("allow", "t-wg0", "lasting", "10.200.1.1/32", "25"),
        ("remove", "t-wg0", "once"),
    ]
    tunnel.close()


def test_an_old_handshake_is_no_answer(wire: FakeWire) -> None:
    """A handshake older than 180 s carries nothing any more."""
    tunnel = _open(wire)
    wire.handshakes["lasting"] = int(time.time()) - 181
    tunnel.look("enrollment")
    assert tunnel.opened("a", "enrollment") is None
    assert asyncio.run(tunnel.answered("a", ["enrollment"], 0.1)) is False
    tunnel.close()


def test_what_was_made_goes_when_the_rest_fails(wire: FakeWire) -> None:
    """A tunnel that can't be opened leaves no interface behind."""
    wire.fail = "create"
    with pytest.raises(RunnerError):
        Tunnel("unit", wire=wire).open([SIDE], [])
    assert not [said for said in wire.said if said[0] == "create"]


def test_secrets_do_not_print() -> None:
    """Neither a door nor a peer shows its PSK."""
    assert "p1" not in repr(PEER)
    assert "p2" not in repr(LASTING)
