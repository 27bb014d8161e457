"""Private endpoints on real wires: where packets go, how large they may be, and who gets none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.core import example, private
from tests.lab import underlay
from tests.lab.underlay import PLANE, PRIVATE, PUBLIC, Wires

OUTSIDE = example.material()
INSIDE = private.material(private.mesh("fsn"))
KNOCK = """
import socket, sys
address = sys.argv[1]
for port in (51820, 51821, 51822, 51823, 53, 9999):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 148, (address, port))
heard = []
for port in (22, 53, 80, 443, 5432, 9100):
    one = socket.socket()
    one.settimeout(0.3)
    try:
        one.connect((address, port))
        heard.append(port)
    except TimeoutError:
        pass
    except OSError:
        heard.append(-port)
print(heard)
"""


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    """Two nodes that call each other outside, as every mesh begins."""
    with underlay.wires(OUTSIDE) as made:
        made.settled(OUTSIDE)
        yield made


def _sent(wires: Wires) -> tuple[int, int]:
    """Packets of both nodes: outside, inside."""
    outside, inside = (
        sum(node.sent(interface) for node in wires.nodes) for interface in (PUBLIC, PRIVATE)
    )
    return outside, inside


def test_endpoints_move_inside_and_back(wires: Wires) -> None:
    """After the switch all of the plane's packets go inside and none outside; back likewise.

    No session is made anew, and of two hundred packets under way meanwhile none is lost.
    """
    one, other = wires.nodes
    at = OUTSIDE.plan.node(other.name).addresses["management"].v4
    for made, moves in ((INSIDE, True), (OUTSIDE, False)):
        shaken = one.shaken()
        meter = one.start("ping", "-q", "-c", "200", "-i", "0.01", "-W", "2", at)
        for node in wires.nodes:
            node.configure(made)
        said = meter.communicate()[0]
        assert "200 received, 0% packet loss" in said
        assert one.shaken() == shaken
        before = _sent(wires)
        assert all(wires.through(made, 1000) for _ in range(5))
        grown = tuple(after - was for after, was in zip(_sent(wires), before, strict=True))
        assert grown[moves] >= 200
        assert grown[not moves] == 0


def test_packets_fit(wires: Wires) -> None:
    """A full packet of 1370 goes inside in one piece; with 1420 the node must cut it up."""
    for node in wires.nodes:
        node.configure(INSIDE)
    wires.settled(INSIDE)
    before = wires.nodes[0].fragments()
    assert wires.through(INSIDE, 1370)
    assert wires.nodes[0].fragments() == before
    assert not wires.through(INSIDE, 1371)
    wires.nodes[0].run("ip", "link", "set", PLANE, "mtu", "1420")
    wires.through(INSIDE, 1420)
    assert wires.nodes[0].fragments() > before


def test_a_stranger_in_the_private_network_gets_nothing(wires: Wires) -> None:
    """Ping, TCP and UDP, the planes' ports too: not one packet comes back, though much listens.

    No cloud firewall stands there. Without the ruleset the same knocks are answered.
    """
    node, stranger = wires.nodes[0], wires.stranger
    node.configure(OUTSIDE)
    wires.nodes[1].configure(OUTSIDE)
    wires.settled(OUTSIDE)
    before = node.sent(PRIVATE)
    assert stranger.run("python3", "-c", KNOCK, "172.16.1.2").strip() == "[]"
    assert not stranger.try_("ping", "-c", "2", "-i", "0.2", "-W", "1", "172.16.1.2")
    assert node.sent(PRIVATE) == before
    node.run("nft", "delete", "table", "inet", "backplane")
    assert "22" in stranger.run("python3", "-c", KNOCK, "172.16.1.2")
    assert stranger.try_("ping", "-c", "1", "-W", "1", "172.16.1.2")
    assert node.sent(PRIVATE) > before


def test_addresses_of_the_example_are_those_of_the_wires() -> None:
    """What the nodes are told to call is where they are."""
    assert [INSIDE.cards[name].private for name in ("fsn-a", "fsn-b")] == [
        "172.16.1.2",
        "172.16.1.3",
    ]
    assert replace(INSIDE.cards["fsn-a"], private=None) == OUTSIDE.cards["fsn-a"]
