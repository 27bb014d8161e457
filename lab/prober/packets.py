"""The stranger's own packets, built once as bytes: SYN, echo request, UDP to the four ports."""

from __future__ import annotations

import ipaddress
import os
import struct
from dataclasses import dataclass

from lab.prober.ports import TOP_TCP, WIREGUARD

SOURCE_PORT = 40_000
"""All of the stranger's TCP and UDP leaves from here, so that an answer is easy to tell."""

_SYN = 0x02
_ECHO_REQUEST = 8
_ECHO_REQUEST_V6 = 128
_HANDSHAKE_INITIATION = 148  # octets of WireGuard's first message (whitepaper, section 5.4.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One packet to send.

    Attributes:
        kind: what it counts as in the report: `syn22`, `icmp`, `udp` or `top100`.
        family: 4 or 6.
        protocol: `tcp`, `icmp` or `udp`.
        address: the destination.
        port: the destination port, 0 for echo requests.
        payload: everything after the IP header (for UDP: after the UDP header).
    """

    kind: str
    family: int
    protocol: str
    address: str
    port: int
    payload: bytes


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of `data`."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _tcp(port: int, total: int = 0) -> bytes:
    # Window and the MSS option are those of an ordinary Linux client.
    header = struct.pack("!HHIIBBHHH", SOURCE_PORT, port, 1, 0, 6 << 4, _SYN, 64240, total, 0)
    return header + struct.pack("!BBH", 2, 4, 1460)


def syn(source: str, address: str, port: int) -> bytes:
    """A TCP SYN; over IPv6 the kernel fills in the checksum (IPV6_CHECKSUM)."""
    target = ipaddress.ip_address(address)
    if target.version == 6:  # noqa: PLR2004 - the IP version
        return _tcp(port)
    plain = _tcp(port)
    pseudo = ipaddress.ip_address(source).packed + target.packed
    pseudo += struct.pack("!BBH", 0, 6, len(plain))
    return _tcp(port, checksum(pseudo + plain))


def echo(family: int) -> bytes:
    """An echo request; over IPv6 the kernel fills in the checksum."""
    if family == 6:  # noqa: PLR2004 - the IP version
        return struct.pack("!BBHHH", _ECHO_REQUEST_V6, 0, 0, SOURCE_PORT, 1) + b"knock"
    plain = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, SOURCE_PORT, 1) + b"knock"
    return struct.pack("!BBHHH", _ECHO_REQUEST, 0, checksum(plain), SOURCE_PORT, 1) + b"knock"


def initiation() -> bytes:
    """A datagram of a handshake initiation's type and length, from nobody's key."""
    return struct.pack("<I", 1) + os.urandom(_HANDSHAKE_INITIATION - 4)


def _family(address: str) -> int:
    return 6 if ":" in address else 4


def _knock(kind: str, protocol: str, address: str, port: int, payload: bytes) -> Knock:
    return Knock(
        kind=kind,
        family=_family(address),
        protocol=protocol,
        address=address,
        port=port,
        payload=payload,
    )


def steady(source: dict[int, str], addresses: tuple[str, ...]) -> tuple[Knock, ...]:
    """What goes to every address twice a second: SYN to 22, an echo request, UDP to four ports."""
    knocks: list[Knock] = []
    for address in addresses:
        family = _family(address)
        first = syn(source[family], address, 22)
        knocks.append(_knock("syn22", "tcp", address, 22, first))
        knocks.append(_knock("icmp", "icmp", address, 0, echo(family)))
        knocks += [_knock("udp", "udp", address, port, initiation()) for port in WIREGUARD]
    return tuple(knocks)


def sweep(source: dict[int, str], addresses: tuple[str, ...]) -> tuple[Knock, ...]:
    """A SYN to each of the hundred most used ports of every address, port by port."""
    return tuple(
        _knock("top100", "tcp", address, port, syn(source[_family(address)], address, port))
        for port in TOP_TCP
        for address in addresses
    )
