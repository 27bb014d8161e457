"""Trying many addresses at once: ICMP echo and TCP connections, in the time of the slowest one."""

import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_IP_HEADER_WORDS = 0x0F
_RESEND = 0.5  # seconds between echo requests to an address that has not answered
_AT_ONCE = 400  # open connections; the default limit of descriptors is 1024
_BUFFER = 1 << 20
_SECOND_CHANCE = {errno.EAGAIN, errno.ENOBUFS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What became of one TCP connection.

    Attributes:
        address: Where to.
        port: Which port.
        result: ``open``, ``refused`` (an RST came), ``silent`` (nothing came), ``unreachable``
            (no route, or an ICMP error came).
    """

    address: str
    port: int
    result: str


def ping(addresses: Iterable[str], seconds: float) -> dict[str, float | None]:
    """Send ICMP echo requests to all addresses until each has answered or time is up.

    Args:
        addresses: IPv4 and IPv6.
        seconds: How long to go on.

    Returns:
        Milliseconds until the answer by address; None for silence.
    """
    wanted = list(dict.fromkeys(addresses))
    answers: dict[str, float | None] = dict.fromkeys(wanted)
    families = {address: _family(address) for address in wanted}
    token = int.from_bytes(os.urandom(2), "big")
    with selectors.DefaultSelector() as selector:
        sockets = {family: _raw(family) for family in sorted(set(families.values()))}
        try:
            for family, sock in sockets.items():
                selector.register(sock, selectors.EVENT_READ, family)
            start = time.monotonic()
            sent: dict[str, float] = {}
            while None in answers.values() and (now := time.monotonic()) < start + seconds:
                for number, address in enumerate(wanted):
                    due = now - sent.get(address, -_RESEND) >= _RESEND
                    if answers[address] is None and due:
                        sent[address] = now
                        _send(sockets[families[address]], address, token, number & 0xFFFF)
                for key, _ in selector.select(0.05):
                    _receive(key.fileobj, key.data, token, answers, sent)
        finally:
            for sock in sockets.values():
                sock.close()
    return answers


def connect(targets: Iterable[tuple[str, int]], seconds: float) -> list[Door]:
    """Open a TCP connection to every target, and close it at once.

    Args:
        targets: Address and port.
        seconds: How long to wait for each.

    Returns:
        One result for each target, in their order.
    """
    ordered = list(dict.fromkeys(targets))
    waiting = list(reversed(ordered))
    results: dict[tuple[str, int], str] = {}
    open_until: dict[socket.socket, tuple[tuple[str, int], float]] = {}
    with selectors.DefaultSelector() as selector:
        while waiting or open_until:
            while waiting and len(open_until) < _AT_ONCE:
                target = waiting.pop()
                sock = socket.socket(_family(target[0]), socket.SOCK_STREAM)
                sock.settimeout(0)
                code = sock.connect_ex(target)
                if code != errno.EINPROGRESS:
                    results[target] = _meaning(code)
                    sock.close()
                    continue
                selector.register(sock, selectors.EVENT_WRITE)
                open_until[sock] = (target, time.monotonic() + seconds)
            ready = {key.fileobj for key, _ in selector.select(0.05)}
            now = time.monotonic()
            for sock, (target, deadline) in list(open_until.items()):
                if sock in ready:
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    results[target] = _meaning(code)
                elif now >= deadline:
                    results[target] = "silent"
                else:
                    continue
                selector.unregister(sock)
                sock.close()
                del open_until[sock]
    return [Door(address=a, port=p, result=results[a, p]) for a, p in ordered]


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _meaning(code: int) -> str:
    known = {0: "open", errno.ECONNREFUSED: "refused", errno.ETIMEDOUT: "silent"}
    return known.get(code, "unreachable")


def _raw(family: socket.AddressFamily) -> socket.socket:
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    return sock


def _send(sock: socket.socket, address: str, token: int, number: int) -> None:
    kind = _ECHO[socket.AddressFamily(sock.family)]
    packet = struct.pack("!BBHHH", kind, 0, 0, token, number)
    if sock.family == socket.AF_INET:  # for IPv6 the kernel sums up
        packet = struct.pack("!BBHHH", kind, 0, checksum(packet), token, number)
    try:
        sock.sendto(packet, (address, 0))
    except OSError as error:
        # No route, or the firewall's own: silence, unless the buffer was full for the moment.
        if error.errno in _SECOND_CHANCE:
            time.sleep(0.001)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total = sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _receive(
    sock: object,
    family: socket.AddressFamily,
    token: int,
    answers: dict[str, float | None],
    sent: dict[str, float],
) -> None:
    if not isinstance(sock, socket.socket):
        return
    known: Sequence[str] = list(answers)
    while True:
        try:
            packet, source = sock.recvfrom(2048)
        except OSError:
            return
        offset = (packet[0] & _IP_HEADER_WORDS) * 4 if family == socket.AF_INET else 0
        if len(packet) < offset + 8:
            continue
        kind, _, _, reply, number = struct.unpack_from("!BBHHH", packet, offset)
        if kind != _REPLY[family] or reply != token or number >= len(known):
            continue
        address = known[number]
        same = socket.inet_pton(family, address) == socket.inet_pton(family, str(source[0]))
        if same and answers[address] is None:
            answers[address] = round((time.monotonic() - sent[address]) * 1000, 3)
