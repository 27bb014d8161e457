"""The list of a mesh's members that a rollout signs and nodes show each other.

See `node.membership` for who uses it and for its form.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from node.membership import NAMESPACE

if TYPE_CHECKING:
    import asyncssh

_HASH = b"sha512"
_VERSION = 1


def line(ids: Iterable[str], serial: int, key: asyncssh.SSHKey) -> str:
    """The signed list as one line.

    Args:
        ids: Of every member; what each node says of its peers, together.
        serial: ms since 1970; higher is newer.
        key: The push key.
    """
    text = f"{serial} {','.join(sorted(set(ids)))}"
    return f"{text} {base64.b64encode(signature(text.encode(), key)).decode()}"


def signature(message: bytes, key: asyncssh.SSHKey) -> bytes:
    """An SSH signature (OpenSSH's PROTOCOL.sshsig) that `ssh-keygen -Y verify` accepts."""
    digest = hashlib.sha512(message).digest()
    signed = b"SSHSIG" + b"".join(map(_string, (NAMESPACE.encode(), b"", _HASH, digest)))
    made = key.sign(signed, b"ssh-ed25519")
    parts = (key.public_data, NAMESPACE.encode(), b"", _HASH, made)
    return b"SSHSIG" + struct.pack(">I", _VERSION) + b"".join(map(_string, parts))


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
