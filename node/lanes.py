"""Echo requests along chosen ways, each out of one interface.

Bound to an interface the route is looked up among its own alone (ip(7), SO_BINDTODEVICE), so that
a more specific one elsewhere does not count. The caller's loop waits for the answers.
"""

import contextlib
import os
import secrets
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from node.probe import checksum

_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_IP_HEADER_WORDS = 0x0F
_HEADER, _COOKIE = struct.Struct("!BBHHH"), 8
_BUFFER = 1 << 19
# icmp(7) and RFC 3542, section 3.2: a filter's set bit keeps a type out. Python has no names.
_ICMP_FILTER, _ICMP6_FILTER, _SOL_RAW = 1, 1, 255
_AT_ONCE = 512
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How an echo leaves.

    Attributes:
        source: The node's own address, which the answer goes to.
        device: The interface that it must leave by.
    """

    source: str
    device: str


@dataclass(frozen=True, slots=True)
class _Sent(Generic[K]):
    key: K
    address: bytes
    cookie: bytes


class Lanes(Generic[K]):
    """Sends echoes, each under a key of the caller's, and tells the keys of those answered."""

    def __init__(self) -> None:
        self._senders: dict[Way, tuple[int, socket.socket]] = {}
        self._receivers: dict[str, socket.socket] = {}
        self._sent: dict[tuple[int, int], _Sent[K]] = {}
        self._number = secrets.randbits(16)
        self._id = secrets.randbits(16)

    def sockets(self) -> Iterator[socket.socket]:
        """Those to wait for."""
        yield from self._receivers.values()

    def begin(self) -> None:
        """Begin a round: answers to earlier echoes no longer count."""
        self._sent.clear()
        self._id = secrets.randbits(16)

    def send(self, way: Way, target: str, key: K) -> None:
        """Send one; what cannot be sent is not answered either."""
        family = _family(way.source)
        cookie = os.urandom(_COOKIE)
        self._number = (self._number + 1) & 0xFFFF
        packet = _HEADER.pack(_ECHO[family], 0, 0, self._id, self._number) + cookie
        if family == socket.AF_INET:  # for IPv6 the kernel sums up
            packet = packet[:2] + checksum(packet).to_bytes(2, "big") + packet[4:]
        try:
            address = socket.inet_pton(family, target)
            self._receiver(way.source, family)
            sender = self._sender(way, family)
            self._sent[self._id, self._number] = _Sent(key, address, cookie)
            sender.sendto(packet, (target, 0))
        except OSError:
            self._forget(way)

    def receive(self, sock: socket.socket) -> list[K]:
        """The keys of the echoes that one of :meth:`sockets` has answers to."""
        found: list[K] = []
        family = socket.AddressFamily(sock.family)
        for _ in range(_AT_ONCE):
            try:
                packet, source = sock.recvfrom(2048)
            except OSError:
                break
            offset = (packet[0] & _IP_HEADER_WORDS) * 4 if family == socket.AF_INET else 0
            if len(packet) < offset + _HEADER.size + _COOKIE:
                continue
            kind, code, _, identity, number = _HEADER.unpack_from(packet, offset)
            sent = self._sent.get((identity, number))
            if sent is None or kind != _REPLY[family] or code:
                continue
            start = offset + _HEADER.size
            if packet[start:] != sent.cookie:
                continue
            if socket.inet_pton(family, str(source[0]).partition("%")[0]) == sent.address:
                del self._sent[identity, number]
                found.append(sent.key)
        return found

    def close(self) -> None:
        """Close everything."""
        for sock in (*self._receivers.values(), *(sock for _, sock in self._senders.values())):
            sock.close()
        self._receivers.clear()
        self._senders.clear()
        self._sent.clear()

    def _receiver(self, source: str, family: socket.AddressFamily) -> None:
        """Hears the answers to one address, by whichever interface they come."""
        if source not in self._receivers:
            self._receivers[source] = _raw(family, source, hears=True)

    def _sender(self, way: Way, family: socket.AddressFamily) -> socket.socket:
        # An interface that was made anew has the old name and another number.
        index = socket.if_nametoindex(way.device)
        known = self._senders.get(way)
        if known is not None and known[0] == index:
            return known[1]
        self._forget(way)
        sock = _raw(family, way.source, hears=False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, way.device.encode())
        self._senders[way] = index, sock
        return sock

    def _forget(self, way: Way) -> None:
        _, sock = self._senders.pop(way, (0, None))
        if sock is not None:
            sock.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _raw(family: socket.AddressFamily, source: str, *, hears: bool) -> socket.socket:
    six = family == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    try:
        sock.settimeout(0)
        # The kernel gives every raw socket a copy of every message: keep out what is no answer.
        reply = _REPLY[family]
        if six:
            blocked = bytearray(b"\xff" * 32)
            if hears:
                word = int.from_bytes(blocked[16:20], "little") & ~(1 << (reply & 31))
                blocked[16:20] = word.to_bytes(4, "little")
            sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(blocked))
        else:
            mask = 0xFFFFFFFF & ~(1 << reply) if hears else 0xFFFFFFFF
            sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", mask))
        if hears:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.bind((source, 0))
    except OSError:
        sock.close()
        raise
    return sock
