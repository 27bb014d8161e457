"""Key material, all derived: HKDF-SHA256 (RFC 5869) over the stack's random seeds, salts and roots.

Nothing here is random; a raised epoch's salt or root gives keys that the old state does not tell.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NoReturn

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backplane import opensshkey
from backplane.planes import MANAGEMENT

KEY_BYTES = 32
"""Length of every WireGuard key and PSK, and the least length of seeds, salts and roots."""

CONSOLE = "console"
"""What the salt of console passwords is called among the planes' salts."""

Purpose = Literal["host", "user"]


class Secret:
    """Bytes that do not print: ``repr``, ``str`` and formatting show a mask."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._value

    def base64(self) -> str:
        """Standard base64, as WireGuard reads keys."""
        return base64.b64encode(self._value).decode()

    def text(self) -> str:
        """The bytes as ASCII text, for keys that are text (PEM)."""
        return self._value.decode("ascii")

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not leave the process by pickling")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """An ed25519 key pair: OpenSSH PEM text, and ``ssh-ed25519 AAAA…`` without a comment."""

    private: Secret
    public: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The secret half of a node or person: keys per slot and link, for SSH, of its console."""

    wireguard: Mapping[str, Secret]
    ssh: SshKey
    links: Mapping[str, Secret] = field(default_factory=dict)
    console: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The public half of a node or person.

    Attributes:
        key: the peer's stable key, ``site.member``.
        wireguard: public keys per slot, base64.
        ssh: host key of a node, user key of a person.
        endpoint, private: bare IP addresses, for all and for its own site; None where it has none.
        links: a gateway's public keys per link, base64.
    """

    key: str
    wireguard: Mapping[str, str]
    ssh: str
    endpoint: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    private: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """The one-time secrets of a first boot, all that user-data ever holds."""

    wireguard: Secret
    psk: Secret
    host: SshKey


def _derive(material: bytes, label: str, *, salt: bytes | None = None) -> bytes:
    for value in (material, *([] if salt is None else [salt])):
        if len(value) < KEY_BYTES:
            raise ValueError(f"key material of {len(value)} bytes; at least {KEY_BYTES} are needed")
    info = f"backplane/v1/{label}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(material)


def clamp(raw: bytes) -> bytes:
    """32 bytes as an X25519 private key, clamped as RFC 7748 section 5 says, like `wg genkey`."""
    if len(raw) != KEY_BYTES:
        raise ValueError(f"an X25519 key has {KEY_BYTES} bytes, not {len(raw)}")
    key = bytearray(raw)
    key[0] &= 248
    key[31] = key[31] & 127 | 64
    return bytes(key)


def public_key(private: Secret) -> str:
    """The WireGuard public key of a private key, base64."""
    key = X25519PrivateKey.from_private_bytes(private.reveal()).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


def node_key(seed: bytes, salt: bytes, *, slot: str, epoch: int, incarnation: int) -> Secret:
    """A peer's private key on one plane.

    Args:
        seed: the peer's random seed, at least 32 bytes.
        salt: the plane's key salt, at least 32 bytes, new with each key epoch of the plane.
        slot: the plane.
        epoch: the peer's own key epoch.
        incarnation: which machine of this name: a rebuilt one never reuses a key.
    """
    label = f"wireguard/{slot}/{epoch}/{incarnation}"
    return Secret(clamp(_derive(seed, label, salt=salt)))


def link_key(seed: bytes, salt: bytes, *, link: str, epoch: int, incarnation: int) -> Secret:
    """A gateway's private key on one of its links.

    Args:
        seed: the gateway's random seed, at least 32 bytes.
        salt: management's key salt, at least 32 bytes: a new key epoch draws new keys here too.
        link: the other end, as the gateway calls it.
        epoch: the gateway's own key epoch on management.
        incarnation: its incarnation.
    """
    return Secret(clamp(_derive(seed, f"link/{link}/{epoch}/{incarnation}", salt=salt)))


def link_psk(root: bytes, a: str, b: str) -> Secret:
    """The preshared key of two gateways' link, of management's PSK root."""
    return psk(root, a, b, slot="link")


def psk(root: bytes, a: str, b: str, *, slot: str) -> Secret:
    """The preshared key of two peers on one plane; their order does not matter.

    Args:
        root: the plane's PSK root, at least 32 bytes, new with each PSK epoch.
        a: one peer's stable key.
        b: the other's.
        slot: the plane.
    """
    if a == b:
        raise ValueError(f"{a} has no PSK with itself")
    first, second = sorted((a, b))
    return Secret(_derive(root, f"psk/{slot}/{first}/{second}"))


def tsig(root: bytes, owner: str, *, incarnation: int) -> Secret:
    """The key with which a machine writes its own name, 32 bytes for HMAC-SHA256 (RFC 8945).

    Args:
        root: management's PSK root, at least 32 bytes: a new PSK epoch draws new keys here too.
        owner: the name that the key may write.
        incarnation: which machine of this name; 0 for a guest.
    """
    return Secret(_derive(root, f"tsig/{owner}/{incarnation}"))


def replication(root: bytes, name: str) -> SshKey:
    """The key with which a replication's source may send to its target, and nothing else.

    Args:
        root: storage's PSK root, at least 32 bytes: a new PSK epoch draws a new key here too.
        name: of the replication.
    """
    return _ssh(_derive(root, f"replication/{name}"))


def console_key(seed: bytes, salt: bytes, *, epoch: int, incarnation: int) -> Secret:
    """What a node's console password is made from, 32 bytes.

    Args:
        seed: the node's random seed, at least 32 bytes.
        salt: the stack's salt for consoles, at least 32 bytes, new with each of their epochs.
        epoch: the node's own console epoch.
        incarnation: its incarnation.
    """
    return Secret(_derive(seed, f"console/{epoch}/{incarnation}", salt=salt))


def ssh_key(seed: bytes, *, purpose: str, incarnation: int = 1) -> SshKey:
    """An ed25519 key pair for one purpose of a seed's owner."""
    return _ssh(_derive(seed, f"ssh/{purpose}/{incarnation}"))


def _ssh(raw: bytes) -> SshKey:
    pem, public = opensshkey.pair(raw)
    return SshKey(private=Secret(pem), public=public)


def identity(
    seed: bytes,
    salts: Mapping[str, bytes],
    *,
    slots: Iterable[str],
    epochs: Mapping[str, int] = MappingProxyType({}),
    incarnation: int = 1,
    purpose: Purpose = "host",
    links: Iterable[str] = (),
    console: int | None = None,
) -> Identity:
    """Everything secret of a node (purpose ``host``) or a person (``user``).

    Args:
        seed: its random seed.
        salts: the key salt of each plane, and that of consoles.
        slots: the planes it is on.
        epochs: its own key epoch per slot, 1 where none is given.
        incarnation: its incarnation.
        purpose: what its SSH key is for.
        links: a gateway's links, by what it calls their other ends.
        console: a node's own console epoch, if its console has a password.
    """
    way = MANAGEMENT.slot
    return Identity(
        wireguard={
            slot: node_key(
                seed, salts[slot], slot=slot, epoch=epochs.get(slot, 1), incarnation=incarnation
            )
            for slot in slots
        },
        ssh=ssh_key(seed, purpose=purpose, incarnation=incarnation),
        links={
            link: link_key(
                seed, salts[way], link=link, epoch=epochs.get(way, 1), incarnation=incarnation
            )
            for link in links
        },
        console=console_key(seed, salts[CONSOLE], epoch=console, incarnation=incarnation)
        if console
        else None,
    )


def card(
    own: Identity,
    *,
    key: str,
    endpoint: str | None = None,
    public_keys: Mapping[str, str] | None = None,
    ssh: str | None = None,
) -> Card:
    """The public half of an identity.

    Args:
        own: the identity.
        key: the peer's stable key.
        endpoint: a node's public address.
        public_keys: what a person brings instead of the stack's keys, per slot.
        ssh: the SSH public key a person brings.
    """
    made = {slot: public_key(private) for slot, private in own.wireguard.items()}
    return Card(
        key=key,
        wireguard={**made, **(public_keys or {})},
        ssh=ssh or own.ssh.public,
        endpoint=endpoint,
        links={link: public_key(private) for link, private in own.links.items()},
    )


def bootstrap(seed: bytes, incarnation: int) -> Bootstrap:
    """The one-time set of a machine's first boot, of no use once it is enrolled."""
    return Bootstrap(
        wireguard=Secret(clamp(_derive(seed, f"bootstrap/wireguard/{incarnation}"))),
        psk=Secret(_derive(seed, f"bootstrap/psk/{incarnation}")),
        host=_ssh(_derive(seed, f"bootstrap/host/{incarnation}")),
    )
