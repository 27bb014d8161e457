"""What gateways tell the nodes of their site four times a second: one datagram, and its socket.

Big-endian: magic, version, slot, flags, number of sites, stamp; then for each site, ascending:
its id, flags, term, slot of the owner. A reader trusts nothing in it; whom it is from is judged by
the address it came from, which WireGuard vouches for.

While a site is upgraded its gateways differ in version, and they must go on hearing each other. So
a new flag, of the beat or of a site, has a bit below 0x10 if a reader may do without it: one that
does not know it ignores it. A flag that changes what the rest means has one of 0x10 or above: one
that does not know it drops the whole beat. A change of layout is another version.
"""

import contextlib
import errno
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

VERSION = 1
TERMS = 1 << 31
"""Terms are below this: a gateway takes over once a second for 68 years until it gets there."""

_MAGIC = b"BPrt"
_HEAD = struct.Struct("!4sBBBBQ")
_SITE = struct.Struct("!BBIB")
_DRAINED, _PAUSED, _ANNOUNCED, _PATH = 1, 2, 4, 1
_CRITICAL = 0xF0  # bits of flags that a reader must know; no such flag exists yet
_SLOTS = 2
_SITES = 255
_LARGEST = _HEAD.size + _SITES * _SITE.size
_AT_ONCE = 64  # datagrams read in one go, so that a flood cannot keep the loop


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """Who owns a remote site; the greater claim is right.

    Attributes:
        term: How often it has been taken over; 0 while nobody has said anything.
        slot: The owner.
    """

    term: int
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One message of a gateway.

    Attributes:
        slot: Whose.
        stamp: Milliseconds of its clock: of two, the later one.
        drained: Whether it wants to own nothing.
        paused: Whether it is about to be started anew, and goes on forwarding meanwhile.
        announced: Whether FRR tells other sites what follows from its claims.
        claims: By remote site.
        paths: Remote sites that it reaches by a link of its own.
    """

    slot: int
    stamp: int
    drained: bool = False
    paused: bool = False
    announced: bool = False
    claims: Mapping[int, Claim] = field(default_factory=dict)
    paths: frozenset[int] = frozenset()


def pack(beat: Beat) -> bytes:
    """A beat as a datagram."""
    flags = beat.drained * _DRAINED | beat.paused * _PAUSED | beat.announced * _ANNOUNCED
    head = _HEAD.pack(_MAGIC, VERSION, beat.slot, flags, len(beat.claims), beat.stamp)
    sites = (
        _SITE.pack(site, (site in beat.paths) * _PATH, claim.term, claim.slot)
        for site, claim in sorted(beat.claims.items())
    )
    return head + b"".join(sites)


def parse(data: bytes) -> Beat | None:
    """Read a datagram; None for what is none of ours in every byte.

    Unknown flags below 0x10 are ignored; one of 0x10 or above makes it none of ours.
    """
    if not _HEAD.size <= len(data) <= _LARGEST:
        return None
    magic, version, slot, flags, count, stamp = _HEAD.unpack_from(data)
    if magic != _MAGIC or version != VERSION or slot >= _SLOTS or flags & _CRITICAL:
        return None
    if len(data) != _HEAD.size + count * _SITE.size:
        return None
    claims: dict[int, Claim] = {}
    paths: set[int] = set()
    before = -1
    for site, marks, term, owner in _SITE.iter_unpack(data[_HEAD.size :]):
        if site <= before or marks & _CRITICAL or not 0 < term < TERMS or owner >= _SLOTS:
            return None
        before = site
        claims[site] = Claim(term, owner)
        if marks & _PATH:
            paths.add(site)
    return Beat(
        slot=slot,
        stamp=stamp,
        drained=bool(flags & _DRAINED),
        paused=bool(flags & _PAUSED),
        announced=bool(flags & _ANNOUNCED),
        claims=claims,
        paths=frozenset(paths),
    )


class Channel:
    """The socket that beats go out of and come in by; opened again whenever it fails."""

    def __init__(self) -> None:
        self._at: tuple[str, int] | None = None
        self.sock: socket.socket | None = None

    def is_at(self, address: str, port: int) -> bool:
        """Whether it is bound to that address."""
        return self.sock is not None and self._at == (address, port)

    def open(self, address: str, port: int) -> bool:
        """Bind to an address; False when it is not there yet: the next try will tell."""
        self.close()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.settimeout(0)
            sock.bind((address, port))
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRNOTAVAIL:
                return False
            raise
        self._at, self.sock = (address, port), sock
        return True

    def send(self, data: bytes, addresses: Iterable[str]) -> None:
        """Send to each; one that cannot be reached keeps nobody else from being told."""
        if self.sock is None or self._at is None:
            return
        for address in addresses:
            with contextlib.suppress(OSError):
                self.sock.sendto(data, (address, self._at[1]))

    def receive(self, slots: Mapping[str, int]) -> list[Beat]:
        """What has come, of those whose address is that of the slot they speak for."""
        found: list[Beat] = []
        for _ in range(_AT_ONCE):
            try:
                data, source = self.sock.recvfrom(_LARGEST + 1) if self.sock else (b"", ("", 0))
            except OSError as error:
                if error.errno in {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH}:
                    continue  # an answer to what was sent
                break
            if not data:
                break
            beat = parse(data) if source[0] in slots else None
            if beat is not None and slots[source[0]] == beat.slot:
                found.append(beat)
        return found

    def close(self) -> None:
        """Give the address back."""
        if self.sock is not None:
            self.sock.close()
        self._at = self.sock = None
