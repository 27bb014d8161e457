"""What the kernel's messages about WireGuard mean (drivers/net/wireguard, its `net_dbg` lines)."""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """Words of a message, what it means, and the next step."""

    words: str
    cause: str
    fix: str


_KEYS = "compare the public keys of the two ends: `backplane drift`"
_ALLOWED = "compare AllowedIPs: `backplane drift`"
_SILENT = "the other end does not answer: a wrong key or endpoint, or UDP is blocked"
_FLOOD = "more handshakes came than can be answered: somebody scans or floods the port"

MESSAGES = (
    Meaning("did not complete after", _SILENT, "look at both ends: `backplane doctor`"),
    Meaning("peer rejected", "whoever calls has a key that is no peer's here", _KEYS),
    Meaning("Invalid handshake", "whoever calls has a key that is no peer's here", _KEYS),
    Meaning("Invalid MAC of", "the caller has a wrong public key of this node", _KEYS),
    Meaning("unallowed src IP", "a packet had an address that is not that peer's", _ALLOWED),
    Meaning("No peer has allowed IPs", "nobody has the address that was written to", _ALLOWED),
    Meaning("No valid endpoint", "it is not known where the peer is", "the other end must call"),
    Meaning("invalid endpoint", "the peer's address and port cannot be reached", "correct it"),
    Meaning("replay", "an old packet came again, or a clock was set back", "rare: harmless"),
    Meaning("cookie", _FLOOD, "look who sends: `tcpdump -n udp portrange 51820-51823`"),
)
"""Most telling first."""


def explain(text: str) -> list[dict[str, str]]:
    """The messages of a kernel's log that are WireGuard's and have a meaning, each kind once.

    Args:
        text: its lines.

    Returns:
        The first message of each kind with its `cause` and `fix`.
    """
    found: dict[str, dict[str, str]] = {}
    for entry in text.splitlines():
        if "wireguard" in entry.lower():
            hit = next((one for one in MESSAGES if one.words.lower() in entry.lower()), None)
            if hit:
                told = {"message": entry.strip(), "cause": hit.cause, "fix": hit.fix}
                found.setdefault(hit.words, told)
    return list(found.values())
