"""wg-quick files, in the order in which `wg showconf` prints, so that the two can be compared.

Keys are texts here: base64, or the placeholders of a bundle. No `DNS =` (it needs resolvconf, and
wg-quick fails without) and no hooks; the MTU always stands there, since Debian 12's wg-quick picks
the largest one otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

KEEPALIVE = 25
"""Seconds, of node to node and person to node: below the shortest NAT timeout (30 s for UDP)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardPeer:
    """One [Peer] section.

    Attributes:
        name: for the comment line and the order.
        public: its public key.
        psk: the preshared key with it.
        allowed: its own addresses with /32 and /128, and what lies behind it.
        endpoint: ``address:port``, brackets around IPv6; None where it dials us.
        keepalive: seconds, or None.
    """

    name: str
    public: str
    psk: str = field(repr=False)
    allowed: tuple[str, ...]
    endpoint: str | None
    keepalive: int | None


def endpoint(address: str, port: int) -> str:
    """``address:port``, with brackets around an IPv6 address."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def config(
    *,
    title: str,
    addresses: Iterable[str],
    mtu: int,
    port: int | None,
    private: str | None,
    peers: Iterable[WireguardPeer],
    routes: bool = True,
) -> str:
    """One wg-quick file.

    Args:
        title: what its first comment line says.
        addresses: of the interface, with prefix length.
        mtu: of the interface, bytes.
        port: UDP port to listen on; None leaves it to the kernel.
        private: the private key; None where its owner keeps it elsewhere.
        peers: in any order.
        routes: whether wg-quick leads all that its peers may send to the interface.
    """
    lines = [f"# {title}", "[Interface]"]
    lines += [f"Address = {address}" for address in addresses]
    lines.append(f"MTU = {mtu}")
    if not routes:
        lines.append("Table = off")
    if port is not None:
        lines.append(f"ListenPort = {port}")
    if private is None:
        lines.append("# PrivateKey = the private half of the key you declared goes here")
    else:
        lines.append(f"PrivateKey = {private}")
    for peer in sorted(peers, key=lambda peer: peer.name):
        lines += [
            "",
            f"# {peer.name}",
            "[Peer]",
            f"PublicKey = {peer.public}",
            f"PresharedKey = {peer.psk}",
            f"AllowedIPs = {', '.join(peer.allowed)}",
        ]
        if peer.endpoint is not None:
            lines.append(f"Endpoint = {peer.endpoint}")
        if peer.keepalive is not None:
            lines.append(f"PersistentKeepalive = {peer.keepalive}")
    return "\n".join([*lines, ""])
