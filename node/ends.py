"""Whether both ends of a session hold the same keys for each other, without showing any.

A session that is there goes on for up to three minutes when one end gets a wrong key or PSK
(WireGuard whitepaper, REJECT_AFTER_TIME): an answered ping says nothing of the next handshake. So
each end tells a digest of what both must share, and whoever asks compares.
"""

import hashlib

from node import interfaces
from node.bundle import LINK
from node.generations import Generation
from node.machine import Machine


def digest(nonce: str, own: str, peer: str, psk: str | None) -> str:
    """16 hex digits, the same from both ends.

    Args:
        nonce: New for each comparison.
        own: Own public key, base64.
        peer: The peer's public key, base64.
        psk: Their pre-shared key, base64; None for none.
    """
    text = "\n".join([nonce, *sorted((own, peer)), psk or ""])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digests(machine: Machine, generation: Generation, nonce: str) -> dict[str, dict[str, str]]:
    """Of what is live: interface, or `link` for all links together; name of the peer; digest."""
    told: dict[str, dict[str, str]] = {}
    for name in sorted(interfaces.live_names(machine) & set(generation.mesh)):
        device = interfaces.read(machine, name)
        live = device.interface.peers
        for peer in generation.mesh[name]:
            if (public := peer["public"]) in live:
                # Each end calls its link by the other one.
                common = LINK if peer.get("kind") == LINK else name
                shared = digest(nonce, device.public, public, live[public].psk)
                told.setdefault(common, {})[peer["name"]] = shared
    return told
