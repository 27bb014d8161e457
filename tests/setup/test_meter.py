"""What the meter counts and tells, without a network: its packets are handed over by hand."""

from __future__ import annotations

import socket
from array import array
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from lab import meter

OWN, OTHER = bytes(range(8)), bytes(range(8, 16))


class Wire:
    """Stands for a raw socket: what was sent, and what comes in with which moment."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.due: list[tuple[bytes, int]] = []

    def sendto(self, packet: bytes, where: tuple[str, int]) -> None:
        """Keep a packet."""
        assert where[0]
        self.sent.append(packet)

    def recvmsg(
        self, size: int, room: int
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, tuple[str, int]]:
        """Give the next packet as raw(7) does for IPv6, without an IP header."""
        assert size > 0 < room
        packet, moment = self.due.pop(0)
        stamp = meter._STAMP.pack(*divmod(moment, 1_000_000_000))
        return packet, [(socket.SOL_SOCKET, meter._SO_TIMESTAMPNS, stamp)], 0, ("fd00::2", 0)


def _echo(kind: int, token: bytes, target: int, sequence: int) -> bytes:
    return bytes([kind, 0, 0, 0, 0, 0, 0, 0]) + meter._BODY.pack(token, target, sequence)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire in the place of every socket."""
    made = Wire()
    with patch.object(meter, "_open", lambda _family, _wanted: made):
        yield made


def _take(one: meter.Meter, wire: Wire, packet: bytes, moment: int) -> None:
    wire.due.append((packet, moment))
    one._note(socket.AF_INET6, wire)  # type: ignore[arg-type]


def test_answers_are_counted_once_and_only_ones_own(wire: Wire) -> None:
    """A second answer to one packet, a stranger's and a request change nothing."""
    one = meter.Meter({"way": "fd00::2"}, 50, OWN)
    for _ in range(3):
        one._send(one.targets[0])
    _take(one, wire, _echo(129, OWN, 0, 1), 7_000_000_001)
    _take(one, wire, _echo(129, OWN, 0, 1), 8_000_000_000)
    _take(one, wire, _echo(129, OTHER, 0, 2), 8_000_000_000)
    _take(one, wire, _echo(128, OWN, 0, 2), 8_000_000_000)
    assert one.targets[0].answered == array("q", [0, 7_000_000_001, 0])
    assert [packet[8:16] for packet in wire.sent] == [OWN] * 3
    assert one.targets[0].count().lost == 2
    assert [came for _, came in one.sent()["way"]] == [0, 7_000_000_001, 0]


def test_requests_of_the_meters_it_hears_are_noted_as_they_first_arrive(wire: Wire) -> None:
    """By target and sequence number; a copy of a packet is no other packet."""
    one = meter.Meter({"way": "fd00::2"}, 50, OWN, {OTHER: "far"})
    _take(one, wire, _echo(128, OTHER, 3, 5), 1_000_000_000)
    _take(one, wire, _echo(128, OTHER, 3, 5), 1_000_000_900)
    _take(one, wire, _echo(128, OTHER, 3, 6), 1_020_000_000)
    _take(one, wire, _echo(129, OTHER, 3, 7), 1_040_000_000)
    _take(one, wire, _echo(128, bytes(8), 3, 8), 1_040_000_000)
    assert one.heard == {"far": {(3, 5): 1_000_000_000, (3, 6): 1_020_000_000}}


def test_packets_from_before_the_count_have_no_moments(wire: Wire) -> None:
    """What was sent before every target had answered is told as nothing."""
    one = meter.Meter({"way": "fd00::2"}, 50, OWN)
    for _ in range(2):
        one._send(one.targets[0])
    one._starts = [1]
    assert len(wire.sent) == 2
    assert one.sent()["way"][0] == (0, 0)
    assert one.sent()["way"][1][0] > 0
