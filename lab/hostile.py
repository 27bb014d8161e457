"""Packets that nobody should send, and an ear for what comes of them.

It runs by itself on a machine (standard library only), as `send` or as `hear`.

`send` reads one JSON line, ``[[interface, source, target, port], …]``, and puts each datagram on
the named interface as it is, past the machine's routes and firewall. It prints how many went.

`hear` says ``ready`` and notes every datagram that passes one of the machine's interfaces, in or
out, with a port of `PORTS`, until standard input ends. It prints one JSON line:
``[[interface, direction, source, target, port], …]``, each once, the direction `in` or `out`.
"""

from __future__ import annotations

import ipaddress
import json
import select
import socket
import struct
import sys
import time

PORTS = range(20_000, 24_000)
"""Which packet it is; nothing else in a lab has such a port."""

_ETH_P_ALL, _ETH_P_IP, _ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
_OUTGOING = 4  # PACKET_OUTGOING, packet(7)
_UDP = 17
_V4, _V6 = struct.Struct("!BBHHHBBH4s4s"), struct.Struct("!IHBB16s16s")
_HEADER = struct.Struct("!HHHH")
_PAYLOAD = b"forged!!"
_BURST = 20
_BUFFER = 8 << 20


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(source: str, target: str, port: int) -> bytes:
    """An IP packet with a UDP datagram, every checksum right: only its addresses are a lie."""
    ends = [ipaddress.ip_address(end).packed for end in (source, target)]
    length = _HEADER.size + len(_PAYLOAD)
    pseudo = b"".join(ends) + struct.pack("!IHBB", length, 0, 0, _UDP)
    total = checksum(pseudo + _HEADER.pack(port, port, length, 0) + _PAYLOAD) or 0xFFFF
    body = _HEADER.pack(port, port, length, total) + _PAYLOAD
    if ":" in target:
        return _V6.pack(6 << 28, len(body), _UDP, 64, *ends) + body
    size = _V4.size + len(body)
    head = _V4.pack(0x45, 0, size, 0, 0, 64, _UDP, 0, *ends)
    return _V4.pack(0x45, 0, size, 0, 0, 64, _UDP, checksum(head), *ends) + body


def read(packet: bytes) -> tuple[str, str, int] | None:
    """Source, target and port of a datagram of ours; None for anything else."""
    if len(packet) >= _V4.size and packet[0] == 0x45 and packet[9] == _UDP:  # noqa: PLR2004
        ends, body = (packet[12:16], packet[16:20]), packet[_V4.size :]
    elif len(packet) >= _V6.size and packet[0] >> 4 == 6 and packet[6] == _UDP:  # noqa: PLR2004
        ends, body = (packet[8:24], packet[24:40]), packet[_V6.size :]
    else:
        return None
    if len(body) < _HEADER.size or body[_HEADER.size :] != _PAYLOAD:
        return None
    port = int(_HEADER.unpack_from(body)[1])
    one, other = (str(ipaddress.ip_address(end)) for end in ends)
    return (one, other, port) if port in PORTS else None


def send() -> int:
    """Put forged datagrams on the wire; how many the kernel took."""
    taken = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as wire:
        for at, (interface, source, target, port) in enumerate(json.loads(sys.stdin.readline())):
            kind = _ETH_P_IPV6 if ":" in target else _ETH_P_IP
            wire.sendto(datagram(source, target, port), (interface, kind))
            taken += 1
            if at % _BURST == 0:
                # A tunnel's queue is short, and what it drops proves nothing.
                time.sleep(0.01)
    print(taken, flush=True)
    return 0


def hear() -> int:
    """Note what passes until told to stop."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL)) as tap:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        print("ready", flush=True)
        found: dict[tuple[str, str, str, str, int], None] = {}
        while True:
            ready, _, _ = select.select([tap, sys.stdin], [], [])
            if tap in ready:
                packet, (interface, _, kind, *_) = tap.recvfrom(65535)
                seen = read(packet)
                if seen is not None:
                    found[interface, "out" if kind == _OUTGOING else "in", *seen] = None
            elif sys.stdin in ready:
                break
    print(json.dumps(list(found)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit({"send": send, "hear": hear}[sys.argv[1]]())
