"""The secrets of a run, in every spelling they could leak in, and a search for them.

They are gathered from where they must be (the state, decrypted; the nodes' own files; user-data;
the secret outputs), not computed by the code under test.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]{32,}")
_KEY = re.compile(r"\b(?:PrivateKey|PresharedKey) *= *([A-Za-z0-9+/]{43}=)")
_PEM = re.compile(r"-----BEGIN OPENSSH PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_SEALED = "4dabf18193072939515e22adb298388d"  # marks a special value in Pulumi's state
_PLAIN = "plaintext"


def clamped(raw: bytes) -> bytes:
    """The X25519 scalar that `wg show` prints for a private key (RFC 7748, section 5)."""
    return bytes((raw[0] & 248, *raw[1:31], (raw[31] & 127) | 64))


def spellings(raw: bytes) -> set[bytes]:
    """A 32-byte secret as base64 (both alphabets, with and without padding) and hex."""
    found: set[bytes] = set()
    for value in (raw, clamped(raw)):
        for text in (base64.b64encode(value), base64.urlsafe_b64encode(value)):
            found |= {text, text.rstrip(b"=")}
        found |= {value.hex().encode(), value.hex().upper().encode()}
    return found


@dataclass(slots=True)
class Canaries:
    """All secrets by name; values are never printed.

    Attributes:
        keys: 32-byte secrets: seeds, salts, roots, private keys, PSKs.
        lines: lines of OpenSSH private keys that hold the private part.
        words: what is text: console passwords and their hashes.
    """

    keys: dict[str, bytes] = field(default_factory=dict)
    lines: dict[str, bytes] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def key(self, name: str, text: str) -> None:
        """Add a secret given as base64."""
        raw = base64.b64decode(text)
        assert len(raw) == 32, f"{name}: {len(raw)} bytes"
        self.keys[name] = raw

    def pem(self, name: str, text: str) -> None:
        """Add every OpenSSH private key in a text: the lines after its public part."""
        for number, body in enumerate(_PEM.findall(text)):
            lines = [line.strip() for line in body.split("\n") if line.strip()]
            # Public key and check bytes fill the first two lines and part of the third
            # (PROTOCOL.key of OpenSSH); the fourth is in the middle of the private part.
            self.lines[f"{name} pem {number}"] = lines[3].encode()

    def wireguard(self, name: str, text: str) -> None:
        """Add every private key and PSK of a WireGuard configuration."""
        for number, value in enumerate(_KEY.findall(text)):
            self.key(f"{name} key {number}", value)

    def state(self, document: Mapping[str, Any]) -> None:
        """Add every `RandomBytes` of a state exported with its secrets shown."""
        for resource in document["deployment"]["resources"]:
            if resource["type"] == "random:index/randomBytes:RandomBytes":
                value = resource["outputs"]["base64"]
                assert isinstance(value, dict), "a random value is no secret in the state"
                assert _SEALED in value
                self.key(resource["urn"].rpartition("::")[2], json.loads(value[_PLAIN]))

    def needles(self) -> dict[bytes, str]:
        """Every spelling of every secret, with its name."""
        found = {line: name for name, line in self.lines.items()}
        for name, raw in self.keys.items():
            found |= dict.fromkeys(spellings(raw), name)
        return found


def written(word: str) -> set[bytes]:
    """A text secret as it is, joined in other ways, escaped, in base64 and hex."""
    joined = {word.replace(" ", between) for between in (" ", "", "-", "_", "+", "%20", "\\x20")}
    raw = word.encode()
    # From the middle of a longer base64 text: without what its neighbours take part in.
    inner = (base64.b64encode(bytes(shift) + raw)[4:-4] for shift in range(3))
    return {
        *(one.encode() for one in joined),
        *inner,
        raw.hex().encode(),
        raw.hex().upper().encode(),
    }


def search(canaries: Canaries, haystacks: Mapping[str, bytes | str]) -> list[str]:
    """Where a secret was found: `name in place`, without its value."""
    needles = canaries.needles()
    found: list[str] = []
    for place, text in haystacks.items():
        raw = text if isinstance(text, bytes) else text.encode()
        # Only runs of base64 or hex letters can hold one; joined they are far shorter.
        words = b"\n".join(sorted(set(_BASE64.findall(raw))))
        found += [f"{name} in {place}" for needle, name in needles.items() if needle in words]
        found += [
            f"{name} in {place}"
            for name, word in canaries.words.items()
            if any(needle in raw for needle in written(word))
        ]
    return sorted(set(found))


def joined(parts: Iterable[bytes]) -> bytes:
    """Many small things as one place to search."""
    return b"\n".join(part.replace(b"\0", b"\n") for part in parts)
