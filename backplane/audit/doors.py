"""What a stranger tries: the most used TCP ports, and UDP in the words of services that answer.

A service of UDP answers those who speak its protocol, so an empty datagram proves little there; but
a port where nobody listens answers anything with "unreachable", where a machine is not dark.
"""

from __future__ import annotations

# Source: nmap 7.93 `nmap -oG - -v --top-ports 100` (its list of the most often open TCP ports).
_TOP_100 = """
7,9,13,21-23,25-26,37,53,79-81,88,106,110-111,113,119,135,139,143-144,179,199,389,427,443-445,
465,513-515,543-544,548,554,587,631,646,873,990,993,995,1025-1029,1110,1433,1720,1723,1755,1900,
2000-2001,2049,2121,2717,3000,3128,3306,3389,3986,4899,5000,5009,5051,5060,5101,5190,5357,5432,
5631,5666,5800,5900,6000-6001,6646,7070,8000,8008-8009,8080-8081,8443,8888,9100,9999-10000,32768,
49152-49157
"""

LAST = 65535
ALL = "all"


def expand(text: str) -> tuple[int, ...]:
    """Turn nmap's notation `7,21-23` into the ports it names, in order.

    Raises:
        ValueError: Something there is no port, or a range goes backwards.
    """
    ports: list[int] = []
    for part in "".join(text.split()).split(","):
        first, dash, last = part.partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdecimal() and 1 <= int(end) <= LAST for end in ends):
            raise ValueError(f"{part or 'nothing'} is no port; write 22,80,8000-8100, or {ALL}")
        if int(ends[0]) > int(ends[1]):
            raise ValueError(f"{part} goes backwards")
        ports += range(int(ends[0]), int(ends[1]) + 1)
    return tuple(ports)


TOP_TCP = expand(_TOP_100)

_DNS = bytes.fromhex("6270 0100 0001 0000 0000 0000 00 0002 0001")
_INITIATION = b"\x01" + bytes(147)
"""Of a handshake initiation's type and length (WireGuard whitepaper, 5.4.2), from nobody's key."""

_SEARCH = (
    b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
    b'MAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'
)
SPOKEN: dict[int, tuple[bytes, ...]] = {
    # The name servers of the root (RFC 1035).
    53: (_DNS,),
    # A read request (RFC 1350).
    69: (b"\x00\x01a\x00octet\x00",),
    # Portmapper, version 2, procedure 0 (RFC 1833).
    111: (bytes.fromhex("62700001 00000000 00000002 000186a0 00000002 00000000" + "00" * 16),),
    # A client's request of version 4 (RFC 5905).
    123: (b"\x23" + bytes(47),),
    # A node status request for `*` (RFC 1002).
    137: (bytes.fromhex("6270 0000 0001 0000 0000 0000 20") + b"CK" + b"A" * 30 + b"\0\0!\0\1",),
    # GetRequest of sysDescr.0 from `public`, version 2c (RFC 3416).
    161: (
        bytes.fromhex(
            "3029 020101 0406 7075626c6963 a01c 0204 62700001 020100 020100"
            "300e 300c 0608 2b06010201010100 0500"
        ),
    ),
    # A version that nobody has, to which a version negotiation answers (RFC 9000, section 6).
    443: (bytes.fromhex("c0 1a2a3a4a 08 6270627062706270 08 0102030405060708") + bytes(1178),),
    # A search for anything (UPnP Device Architecture 1.1).
    1900: (_SEARCH,),
    # A binding request (RFC 8489).
    3478: (bytes.fromhex("0001 0000 2112a442 627062706270627062706270"),),
    # Which services there are (RFC 6763, section 9).
    5353: (
        bytes.fromhex("6270 0000 0001 0000 0000 0000")
        + b"\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\1",
    ),
    # `version` (memcached's protocol.txt).
    11211: (bytes.fromhex("6270 0000 0001 0000") + b"version\r\n",),
    **dict.fromkeys(range(51820, 51824), (b"", _INITIATION)),
}
"""What is said to a UDP port. All others get an empty datagram."""

SILENT_UDP = (68, 546, 3784, 4789)
"""DHCP, BFD and VXLAN: what this program or an image has on a machine, and says nothing to us."""


def said(port: int) -> tuple[bytes, ...]:
    """The datagrams for a UDP port."""
    return SPOKEN.get(port, (b"",))
