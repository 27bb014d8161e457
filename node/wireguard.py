"""WireGuard interfaces as wg-quick files declare them and as the kernel tells them. Pure."""

import base64
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from node.errors import Refused

_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_DUMP_INTERFACE_FIELDS = 4
_DUMP_PEER_FIELDS = 8
_RENDERED_AGAIN = "run `pulumi up` again, so that the file is rendered and pushed anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One peer of an interface, in the normal form of ``wg show``.

    Attributes:
        public: Public key, base64.
        psk: Pre-shared key, base64; None without one.
        endpoint: ``address:port``; None where the peer calls us.
        allowed: Prefixes, host bits cleared.
        keepalive: Seconds; 0 is off.
    """

    public: str
    psk: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    allowed: frozenset[str] = frozenset()
    keepalive: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One WireGuard interface.

    Attributes:
        private: Private key, base64, clamped.
        port: UDP port it listens on.
        mtu: Bytes; None when not given.
        addresses: Addresses with the prefix length of their network.
        peers: By public key.
    """

    private: str = field(repr=False)
    port: int
    mtu: int | None = None
    addresses: frozenset[str] = frozenset()
    peers: Mapping[str, Peer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a live peer beside its configuration.

    Attributes:
        handshake: Seconds since 1970 of the last one; 0 is never.
        received: Bytes.
        sent: Bytes.
    """

    handshake: int
    received: int
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A live interface as ``wg show IF dump`` tells it.

    Attributes:
        interface: Its configuration, without addresses and MTU.
        public: Its own public key.
        seen: By public key of the peer.
    """

    interface: Interface
    public: str
    seen: Mapping[str, Seen]


def is_key(text: str) -> bool:
    """Whether ``text`` is 32 bytes in canonical base64."""
    return _KEY.fullmatch(text) is not None


def clamp(text: str) -> str:
    """A private key as WireGuard keeps it (RFC 7748, section 5): what it shows compares equal."""
    raw = bytearray(base64.b64decode(text))
    raw[0] &= 0xF8
    raw[31] = raw[31] & 0x7F | 0x40
    return base64.b64encode(raw).decode()


def prefix(text: str, *, network: bool = True) -> str:
    """The normal form of an address with or without a length.

    Args:
        text: ``10.0.0.1/24``, ``fd00::1``, …
        network: Clear the host bits, as WireGuard does with AllowedIPs.

    Raises:
        ValueError: It is no address, or its length is out of range.
    """
    address, _, length = text.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        raw = socket.inet_pton(family, address)
    except OSError as error:
        raise ValueError(f"{text} is no address") from error
    bits = int(length) if length else len(raw) * 8
    if not 0 <= bits <= len(raw) * 8:
        raise ValueError(f"{text} has no such prefix length")
    if network:
        unused = len(raw) * 8 - bits
        raw = (int.from_bytes(raw, "big") >> unused << unused).to_bytes(len(raw), "big")
    return f"{socket.inet_ntop(family, raw)}/{bits}"


def inside(network: str, networks: Iterable[str]) -> bool:
    """Whether a network lies in one of some; all in their normal form."""
    own = int(network.partition("/")[2])
    for other in networks:
        length = int(other.partition("/")[2])
        same = (":" in other) == (":" in network)
        if same and own >= length:
            cut = f"{network.partition('/')[0]}/{length}"
            if prefix(cut) == other:
                return True
    return False


def is_host(network: str) -> bool:
    """Whether a network in its normal form is one address."""
    return network.endswith(("/32", "/128")) and (":" in network) == network.endswith("/128")


def endpoint(text: str) -> str:
    """The normal form of ``address:port``; names are refused, since boot must not wait for DNS."""
    address, _, port = text.rpartition(":")
    bare = address.removeprefix("[").removesuffix("]")
    plain = prefix(bare).partition("/")[0]
    return f"[{plain}]:{int(port)}" if ":" in plain else f"{plain}:{int(port)}"


def parse(text: str, *, name: str) -> Interface:
    """Read a wg-quick file.

    Args:
        text: Its content.
        name: What errors call it.

    Raises:
        Refused: A line, a key or an address is malformed, or the private key or port is missing.
    """
    try:
        return _interface(text)
    except (ValueError, KeyError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise Refused(f"{name}: {what}", _RENDERED_AGAIN) from error


def _interface(text: str) -> Interface:
    own: dict[str, str] = {}
    peers: dict[str, Peer] = {}
    for section, values in _sections(text):
        if section == "peer":
            peer = _peer(values)
            if peer.public in peers:
                raise ValueError("a peer stands in it twice")
            peers[peer.public] = peer
        elif section == "interface" and not own:
            own = values
        else:
            raise ValueError("it has a section that is unknown or stands in it twice")
    if not is_key(own.get("privatekey", "")):
        raise ValueError("its private key is missing or not 32 bytes")
    return Interface(
        private=clamp(own["privatekey"]),
        port=int(own["listenport"]),
        mtu=int(own["mtu"]) if "mtu" in own else None,
        addresses=frozenset(prefix(a, network=False) for a in _list(own.get("address", ""))),
        peers=peers,
    )


def _sections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    section: tuple[str, dict[str, str]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        if bare.startswith("["):
            if section:
                yield section
            section = (bare.strip("[]").lower(), {})
            continue
        key, equals, value = (part.strip() for part in bare.partition("="))
        if not equals or section is None:
            raise ValueError(f"line {number} is neither a section nor a setting")
        known = section[1]
        # wg and wg-quick both let a list go on in a further line of the same name.
        known[key.lower()] = f"{known[key.lower()]},{value}" if key.lower() in known else value
    if section:
        yield section


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _peer(values: Mapping[str, str]) -> Peer:
    public, psk = values.get("publickey", ""), values.get("presharedkey")
    if not is_key(public):
        raise ValueError("a peer's public key is missing or not 32 bytes")
    if psk is not None and not is_key(psk):
        raise ValueError("a peer's pre-shared key is not 32 bytes")
    keepalive = values.get("persistentkeepalive", "off")
    return Peer(
        public=public,
        psk=psk,
        endpoint=endpoint(values["endpoint"]) if "endpoint" in values else None,
        allowed=frozenset(prefix(part) for part in _list(values.get("allowedips", ""))),
        keepalive=0 if keepalive == "off" else int(keepalive),
    )


def parse_dump(text: str) -> Device:
    """Read the output of ``wg show IF dump`` (wg(8)): tabs, the interface first, then its peers."""
    rows = [line.split("\t") for line in text.splitlines()]
    if not rows or len(rows[0]) != _DUMP_INTERFACE_FIELDS:
        raise Refused("`wg show dump` has another format than known", "tell the maintainers")
    peers: dict[str, Peer] = {}
    seen: dict[str, Seen] = {}
    for row in rows[1:]:
        if len(row) != _DUMP_PEER_FIELDS:
            raise Refused("`wg show dump` has another format than known", "tell the maintainers")
        public, psk, where, allowed, handshake, received, sent, keepalive = row
        peers[public] = Peer(
            public=public,
            psk=_given(psk),
            endpoint=_given(where),
            allowed=frozenset(_list(_given(allowed) or "")),
            keepalive=0 if keepalive == "off" else int(keepalive),
        )
        seen[public] = Seen(handshake=int(handshake), received=int(received), sent=int(sent))
    private, public, port, _fwmark = rows[0]
    own = Interface(private=_given(private) or "", port=int(port), peers=peers)
    return Device(interface=own, public=_given(public) or "", seen=seen)


def _given(text: str) -> str | None:
    return None if text == "(none)" else text
