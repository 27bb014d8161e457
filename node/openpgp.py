"""As much of OpenPGP (RFC 9580) as it takes to pick one certificate out of many.

What is signed with it is for apt to judge, which brings a program for that; none that lists keys
is on every machine.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_BLOCK = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----(.*?)-----END PGP", re.DOTALL)
_PRIMARY, _VERSION, _LARGEST = 6, 4, 0xFFFF
"""Type of the packet that a certificate begins with; the version that most are of, and how many
octets such a key has at most (5.5)."""

_PARTS = {2: "signature", 13: "user id", 14: "subkey", 17: "user attribute"}
"""What a certificate goes on with (10.1). Anything else begins something of its own: a secret key
would be another certificate to some programs."""

_PACKET, _NEW, _NEW_TYPE, _OLD_TYPE = 0x80, 0x40, 0x3F, 0x0F
"""Bits of a packet's first octet (4.2)."""

_TWO, _PARTIAL, _FOUR = 192, 224, 255
"""First octets of a length from which on it has two, is only a part's, or has four more (4.2.1)."""

_ENDLESS = 3
"""An old packet's kind of length that tells no end (4.2.2)."""


def certificate(offered: bytes, fingerprint: str) -> bytes:
    """The certificate with a fingerprint, among those offered; nothing without it.

    Args:
        offered: Certificates, armoured or not.
        fingerprint: 40 hex digits in capitals, of its primary key.
    """
    found, taken = b"", False
    try:
        for kind, packet, body in _packets(_plain(offered)):
            if kind not in _PARTS:
                taken = kind == _PRIMARY and _is(body, fingerprint)
            found += packet if taken else b""
    except (ValueError, IndexError):
        return b""
    return found


def _is(body: bytes, fingerprint: str) -> bool:
    """Whether a primary key has a fingerprint (5.5.4.2), which is of SHA-1 by definition."""
    if body[:1] != bytes([_VERSION]) or len(body) > _LARGEST:
        return False
    text = b"\x99" + len(body).to_bytes(2, "big") + body
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().upper() == fingerprint


def _plain(offered: bytes) -> bytes:
    """Without armour (6.2), if there is any: an empty line ends its headers, a checksum follows."""
    plain = b""
    for block in _BLOCK.findall(offered):
        _, _, coded = block.replace(b"\r", b"").partition(b"\n\n")
        text = b"".join(coded.partition(b"\n=")[0].split())
        try:
            plain += base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError from error
    return plain or offered


def _packets(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, whole and content of each packet.

    Raises:
        ValueError: That is no sequence of packets.
        IndexError: It ends in the middle of a length.
    """
    at = 0
    while at < len(data):
        kind = data[at] & _NEW_TYPE if data[at] & _NEW else data[at] >> 2 & _OLD_TYPE
        start, end = _bounds(data, at)
        if not data[at] & _PACKET or end > len(data):
            raise ValueError
        yield kind, data[at:end], data[start:end]
        at = end


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the packet at a place begins and ends."""
    if data[at] & _NEW:
        first = data[at + 1]
        if first < _TWO:
            start, size = at + 2, first
        elif first < _PARTIAL:
            start, size = at + 3, ((first - _TWO) << 8) + data[at + 2] + _TWO
        elif first == _FOUR:
            start, size = at + 6, int.from_bytes(data[at + 2 : at + 6], "big")
        else:
            raise ValueError
    else:
        kind = data[at] & _ENDLESS
        if kind == _ENDLESS:
            raise ValueError
        start = at + 1 + (1 << kind)
        size = int.from_bytes(data[at + 1 : start], "big")
    return start, start + size
