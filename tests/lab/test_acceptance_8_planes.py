"""A packet of one plane never comes out on another, whatever a hostile node puts on the wire."""

from __future__ import annotations

from lab import hostile
from tests.lab.flow import PLANES
from tests.lab.forging import Lie, dropped, hearing, leaks, lies, send, unheard, wide
from tests.lab.routed import Routed
from tests.lab.sites import NODES, address, interface

METADATA = ("169.254.169.254", "fd00:ec2::254")


def _tried(routed: Routed, name: str, told: list[Lie]) -> None:
    """Send everything twice, with all others listening; no lie may pass, all that is honest must.

    The second round finds the tunnels' handshakes done.
    """
    with hearing(routed, [other for other in NODES if other != name]) as heard:
        for _ in range(2):
            send(routed, name, [lie.packet for lie in told])
        _arrived(routed, name, told)
    assert unheard(told, heard) == []
    assert leaks(told, heard) == []


def _arrived(routed: Routed, name: str, told: list[Lie]) -> None:
    """What was sent last has had its time when a ping over each way out is back."""
    for hearer in sorted({lie.hearer for lie in told}):
        assert routed.flawless(name, hearer, PLANES[:1])


def test_a_hostile_leaf_stays_on_its_planes(routed: Routed) -> None:
    """Out of each plane, from and to addresses of each plane: its own and others' names.

    The others are its gateway, a node of the third site and whoever it writes to. Only what goes
    from its own address to the same plane arrives; everything else nobody hands on.
    """
    routed.settled()
    leaf, far = routed.leaf("fsn"), routed.leaf("hel")
    owner = routed.owner("fsn", "hel")
    hearers = (far, routed.owner("hel", "fsn"))
    told = lies(PLANES, (leaf, owner, routed.leaf("nbg"), far), hearers, own=(leaf,))
    assert len(told) == 4**4 * 2 * 2 <= len(hostile.PORTS)
    with wide(routed, leaf, owner):
        _tried(routed, leaf, told)


def test_a_hostile_gateway_cannot_move_packets_between_planes(routed: Routed) -> None:
    """Out of a link, with the addresses of its own site: only from a plane to the same one.

    From other sites' addresses not even that.
    """
    routed.settled()
    gateway = routed.owner("fsn", "hel")
    far = routed.owner("hel", "fsn")
    own = (gateway, routed.leaf("fsn"))
    told = lies(
        (interface(far),),
        (*own, routed.leaf("nbg"), routed.leaf("hel")),
        (routed.leaf("hel"),),
        own=own,
    )
    _tried(routed, gateway, told)


def test_a_hostile_gateway_cannot_move_packets_into_its_own_site(routed: Routed) -> None:
    """Towards its leaf it may speak for the site that it owns, on the plane that it goes out of.

    What it sends to an address of another plane comes to the leaf on the plane that it was sent on,
    as nobody is in between: there the leaf's own guard drops and counts each of them.
    """
    routed.settled()
    gateway, leaf = routed.owner("fsn", "hel"), routed.leaf("fsn")
    own = (gateway, routed.leaf("hel"))
    everything = lies(PLANES, (*own, routed.sibling(gateway)), (leaf,), own=own)
    astray = [
        lie for lie in everything if lie.speaker in own and lie.source == lie.ingress != lie.target
    ]
    with wide(routed, gateway, leaf):
        _tried(routed, gateway, [lie for lie in everything if lie not in astray])
        before = dropped(routed.on(leaf))
        send(routed, gateway, [lie.packet for lie in astray])
        _arrived(routed, gateway, astray)
    assert dropped(routed.on(leaf)) - before == len(astray) > 0


def test_nobody_reaches_the_clouds_metadata_by_a_gateway(routed: Routed) -> None:
    """169.254.169.254 and fd00:ec2::254, from a leaf by its gateway on each plane: not sent on."""
    routed.settled()
    leaf, owner = routed.leaf("fsn"), routed.owner("fsn", "hel")
    packets = [
        (plane, address(leaf, plane, family), METADATA[family == 6], hostile.PORTS[at])
        for at, (plane, family) in enumerate(
            (plane, family) for plane in PLANES for family in (4, 6)
        )
    ]
    with wide(routed, leaf, owner), hearing(routed, [owner]) as heard:
        send(routed, leaf, packets)
        assert routed.flawless(leaf, owner, PLANES)
    arrived = {one.port for one in heard if one.direction == "in"}
    assert arrived == {port for _, _, _, port in packets}
    assert [one for one in heard if one.direction == "out"] == []
