"""SSH keys."""

from __future__ import annotations

import base64
import binascii
import hashlib

from lab.api.errors import ApiError, invalid
from lab.api.labels import check_labels
from lab.api.state import SshKey, State
from lab.api.state_common import check_name, find

_MIN_WORDS = 2


def fingerprint(public_key: str) -> str:
    """The MD5 fingerprint, `b7:2f:…`, of a line as in `authorized_keys` (RFC 4716)."""
    words = public_key.split()
    if len(words) < _MIN_WORDS:
        raise invalid("public_key", "is not an SSH public key")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise invalid("public_key", "is not an SSH public key") from None
    kind = words[0].encode()
    if not blob.startswith(len(kind).to_bytes(4) + kind):
        raise invalid("public_key", "is not an SSH public key")
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def create(state: State, *, name: str, public_key: str, labels: dict[str, str], now: str) -> SshKey:
    """Add a key; its name and its fingerprint are unique."""
    check_labels(labels)
    check_name("SSH key", state.ssh_keys, name)
    mark = fingerprint(public_key)
    if any(key.fingerprint == mark for key in state.ssh_keys.values()):
        raise ApiError(
            "uniqueness_error",
            "SSH key not unique",
            details={
                "fields": [{"name": "public_key", "messages": ["fingerprint is already used"]}]
            },
        )
    key = SshKey(
        id=state.take_id(),
        name=name,
        created=now,
        labels=dict(labels),
        public_key=public_key.strip(),
        fingerprint=mark,
    )
    state.ssh_keys[key.id] = key
    return key


def resolve(state: State, key: int | str) -> SshKey:
    """The key of this id or name."""
    if isinstance(key, str):
        named = [one for one in state.ssh_keys.values() if one.name == key]
        if named:
            return named[0]
        if not key.isdecimal():
            raise ApiError("not_found", f"SSH key '{key}' not found")
    return find("ssh_key", state.ssh_keys, int(key))
