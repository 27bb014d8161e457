"""Forged packets: their checksums are right, and who hears which of them is judged right."""

from __future__ import annotations

import struct

import pytest

from lab import hostile
from tests.lab.flow import PLANES
from tests.lab.forging import Heard, leaks, lies, unheard
from tests.lab.sites import address, interface, link_address, links, ports


@pytest.mark.parametrize(
    ("source", "target"), [("10.201.1.200", "10.203.90.200"), ("fd5b::1", "fd5b::2")]
)
def test_only_the_addresses_are_a_lie(source: str, target: str) -> None:
    """Both checksums come out as zero over header and data, and the packet reads as written."""
    packet = hostile.datagram(source, target, 20_007)
    assert hostile.read(packet) == (source, target, 20_007)
    size, ends = (20, packet[12:20]) if packet[0] == 0x45 else (40, packet[8:40])
    if size == 20:
        assert hostile.checksum(packet[:20]) == 0
        assert struct.unpack_from("!H", packet, 2)[0] == len(packet)
    body = packet[size:]
    assert hostile.checksum(ends + struct.pack("!IHBB", len(body), 0, 0, 17) + body) == 0


@pytest.mark.parametrize("cut", [0, 10, 27, 35])
def test_what_is_no_packet_of_ours_is_none(cut: int) -> None:
    """Short ones, other ports and other contents."""
    packet = hostile.datagram("10.201.1.200", "10.203.90.200", 20_007)
    assert hostile.read(packet[:cut]) is None
    assert hostile.read(packet[:-1] + b"?") is None
    assert hostile.read(hostile.datagram("10.0.0.1", "10.0.0.2", 53)) is None


def test_every_combination_is_tried_and_few_are_honest() -> None:
    """Of 4 ways out, 4 planes of source and of target, 2 speakers and 2 families: 8 are honest."""
    told = lies(PLANES, ("fsn-c", "nbg-c"), ("hel-c",), own=("fsn-c",))
    assert len(told) == len({lie.port for lie in told}) == 4 * 4 * 4 * 2 * 2
    honest = [lie for lie in told if lie.honest]
    assert len(honest) == 8
    assert {(lie.ingress, lie.speaker) for lie in honest} == {(plane, "fsn-c") for plane in PLANES}
    by_link = lies((interface("hel-b"),), ("fsn-c", "nbg-c"), ("hel-c",), own=("fsn-c",))
    assert sum(lie.honest for lie in by_link) == 8


def test_a_first_hop_may_hear_a_lie_and_must_not_pass_it_on() -> None:
    """In on its own plane is no leak; delivered, on another interface or out again is one."""
    told = lies(("wg1",), ("fsn-c",), ("hel-c",), own=("fsn-c",))
    lie = next(one for one in told if (one.source, one.target) == ("wg1", "wg3"))
    target = address("hel-c", "wg3", lie.family)

    def heard(node: str, where: str, direction: str) -> Heard:
        return Heard(node=node, interface=where, direction=direction, target=target, port=lie.port)

    assert leaks(told, [heard("fsn-b", "wg1", "in")]) == []
    for bad in (
        heard("fsn-b", "wg3", "in"),
        heard("fsn-b", "wgl90-0", "out"),
        heard("fsn-b", "eth0", "out"),
        heard("hel-c", "wg1", "in"),
    ):
        assert leaks(told, [bad]) == [(lie, bad)]
    honest = next(one for one in told if one.honest)
    came = Heard(node="hel-c", interface="wg1", direction="in", target="", port=honest.port)
    assert leaks(told, [came]) == []
    assert honest in unheard(told, [])
    assert honest not in unheard(told, [came])


def test_links_of_the_lab_are_numbered_as_designed() -> None:
    """12 links; both ends of each have a port by the other, and the two addresses of one /30."""
    pairs = list(links())
    assert len(pairs) == 12
    assert ports("fsn-a", "hel-b") == (51830 + 2 * 90 + 1, 51830 + 2 * 1 + 0)
    addresses = [(link_address(one, other), link_address(other, one)) for one, other in pairs]
    assert len({end for both in addresses for end in both}) == 24
    # Site 1 slot 0 and site 40 slot 1: 4 * (40 * 39 / 2 + 1) + 2.
    assert link_address("fsn-a", "nbg-b") == "10.254.48.217"
    assert link_address("nbg-b", "fsn-a") == "10.254.48.218"
