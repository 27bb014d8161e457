"""Whether a text that a user pasted is a public key."""

import base64
import binascii

WIREGUARD_BYTES = 32
SSH_TYPE = "ssh-ed25519"


def is_wireguard(text: str) -> bool:
    """Whether this is a WireGuard public key: canonical base64 of 32 bytes, not all zero."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    canonical = base64.b64encode(key).decode() == text
    return len(key) == WIREGUARD_BYTES and any(key) and canonical


def is_ssh(text: str) -> bool:
    """Whether this is ``ssh-ed25519 <base64>``, the form of RFC 8709, without a comment."""
    kind, _, body = text.partition(" ")
    if kind != SSH_TYPE:
        return False
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return False
    head = len(SSH_TYPE).to_bytes(4, "big") + SSH_TYPE.encode() + WIREGUARD_BYTES.to_bytes(4, "big")
    return blob.startswith(head) and len(blob) == len(head) + WIREGUARD_BYTES
