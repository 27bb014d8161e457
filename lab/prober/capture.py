"""Everything that comes back to the stranger, read from the wire and not from a socket's view."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from dataclasses import dataclass

_ETH_P_ALL = 0x0003
_ETH_P_IP = 0x0800
_ETH_P_IPV6 = 0x86DD
_SOL_PACKET = 263
_PACKET_STATISTICS = 6  # <linux/if_packet.h>
_PACKET_IGNORE_OUTGOING = 23  # <linux/if_packet.h>, Linux 4.20
_ICMPV6 = 58
_TCP, _UDP, _ICMP = 6, 17, 1
_HOP_BY_HOP = 0
_LINK_ICMPV6 = frozenset((*range(130, 138), 143))
"""Multicast listener and neighbour discovery messages (RFC 2710, 3810, 4861): never routed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One IP packet that reached the stranger.

    Attributes:
        time: seconds since the epoch.
        family: 4 or 6.
        source: its sender.
        destination: where it was sent to.
        protocol: `tcp`, `udp`, `icmp`, `icmp6` or the IP protocol number.
        detail: ports and TCP flags, or ICMP type and code.
        length: octets of the IP packet.
    """

    time: float
    family: int
    source: str
    destination: str
    protocol: str
    detail: str
    length: int


def _detail(protocol: int, data: bytes) -> tuple[str, str]:
    if protocol == _TCP and len(data) >= 14:  # noqa: PLR2004 - up to and with the flags
        sport, dport = struct.unpack("!HH", data[:4])
        return "tcp", f"{sport}->{dport} flags=0x{data[13]:02x}"
    if protocol == _UDP and len(data) >= 4:  # noqa: PLR2004 - both ports
        sport, dport = struct.unpack("!HH", data[:4])
        return "udp", f"{sport}->{dport}"
    if protocol in {_ICMP, _ICMPV6} and len(data) >= 2:  # noqa: PLR2004 - type and code
        return ("icmp" if protocol == _ICMP else "icmp6"), f"type={data[0]} code={data[1]}"
    return str(protocol), ""


def parse(frame: bytes, when: float) -> Packet | None:
    """Read an IP packet (without a link header); None for what is no IP packet."""
    if len(frame) < 20:  # noqa: PLR2004 - an IPv4 header
        return None
    version = frame[0] >> 4
    if version == 4:  # noqa: PLR2004 - the IP version
        header = (frame[0] & 0x0F) * 4
        number, ends = frame[9], (frame[12:16], frame[16:20])
        rest = frame[header:]
    elif version == 6 and len(frame) >= 40:  # noqa: PLR2004 - the IP version, its header
        number, ends = frame[6], (frame[8:24], frame[24:40])
        rest = frame[40:]
        if number == _HOP_BY_HOP and len(rest) >= 8:  # noqa: PLR2004 - the shortest such header
            number, rest = rest[0], rest[(rest[1] + 1) * 8 :]
    else:
        return None
    protocol, detail = _detail(number, rest)
    return Packet(
        time=round(when, 3),
        family=version,
        source=str(ipaddress.ip_address(ends[0])),
        destination=str(ipaddress.ip_address(ends[1])),
        protocol=protocol,
        detail=detail,
        length=len(frame),
    )


def link_chatter(packet: Packet, gateways: frozenset[str]) -> bool:
    """Whether it is the stranger's own gateway keeping the link: neighbour discovery and MLD.

    Such messages never cross a router, so no machine behind one can have sent them.
    """
    if packet.protocol != "icmp6":
        return False
    kind = int(packet.detail.split()[0].removeprefix("type="))
    sender = ipaddress.ip_address(packet.source)
    local = sender.is_link_local or sender.is_unspecified or packet.source in gateways
    return kind in _LINK_ICMPV6 and local


class Tap:
    """A packet socket on one interface that sees what comes in, and nothing that goes out."""

    def __init__(self, interface: str) -> None:
        """Open it.

        Args:
            interface: the stranger's way to the internet.

        Raises:
            OSError: without CAP_NET_RAW, or when there is no such interface.
        """
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._drops = 0

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def read(self) -> list[Packet]:
        """Take everything that waits."""
        packets: list[Packet] = []
        while True:
            try:
                frame, address = self._socket.recvfrom(65535)
            except BlockingIOError:
                return packets
            if address[1] not in {_ETH_P_IP, _ETH_P_IPV6}:
                continue
            if packet := parse(frame, time.time()):
                packets.append(packet)

    def drops(self) -> int:
        """How many packets the kernel could not hand over since the tap was opened."""
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self._drops += struct.unpack("II", raw)[1]
        return self._drops

    def close(self) -> None:
        """Stop seeing."""
        self._socket.close()
