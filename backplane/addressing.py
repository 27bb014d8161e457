"""Ids to addresses. No counters, no positions: a name or an order never moves an address.

IPv4: ``10.(network + plane).site.node``, one /16 per plane.
IPv6: the mesh's ULA /48 (RFC 4193), then one hextet ``PPSS`` (plane, site), then the node: one /56
per plane, one /64 per site. People live in site number 255.
"""

import hashlib
import ipaddress
from dataclasses import dataclass

PEOPLE_SITE = 255
"""The site number of operators and runners."""

LINKS_NUMBER = 254

LINKS4 = ipaddress.IPv4Network(f"10.{LINKS_NUMBER}.0.0/16")
"""Kept for the links between gateways; no plane may reach into it."""

MAX_NETWORK = 250
"""The highest first number: with it the fourth plane ends at 10.253, below the links."""

ULA_PREFIX = 48

ULA_SPACE = ipaddress.IPv6Network("fd00::/8")

PREFIX4 = 16
"""Prefix length of a plane: what an interface address carries, so peers change no route."""

SITE6 = 64
"""Prefix length of a site on a plane."""

PREFIX6 = 56
"""Prefix length of a plane in the ULA /48."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One peer's two addresses on one plane, as canonical text without a prefix length."""

    v4: str
    v6: str


def derived_ula(project: str, stack: str) -> str:
    """The /48 of a stack that declares none: fd + 40 bits of a hash of project and stack.

    RFC 4193 section 3.2 asks for pseudo-random global ids; a hash gives each stack its own.
    """
    digest = hashlib.sha256(f"backplane/v1/ula/{project}/{stack}".encode()).digest()
    return str(ipaddress.IPv6Network((b"\xfd" + digest[:5] + bytes(10), ULA_PREFIX)))


def supernet4(network: int, index: int) -> str:
    """The IPv4 /16 of a plane."""
    return f"10.{network + index}.0.0/{PREFIX4}"


def supernet6(ula: str, index: int) -> str:
    """The IPv6 /56 of a plane."""
    base = int(ipaddress.IPv6Network(ula).network_address)
    return str(ipaddress.IPv6Network((base | index << 72, PREFIX6)))


def near4(network: int, index: int, site: int) -> str:
    """The IPv4 /24 of a site on a plane."""
    return f"10.{network + index}.{site}.0/24"


def near6(ula: str, index: int, site: int) -> str:
    """The IPv6 /64 of a site on a plane."""
    base = int(ipaddress.IPv6Network(ula).network_address)
    return str(ipaddress.IPv6Network((base | (index << 8 | site) << 64, SITE6)))


def address(*, network: int, ula: str, index: int, site: int, member: int) -> Address:
    """The addresses of a peer on a plane.

    Args:
        network: first number of the mesh's IPv4 addresses (200 gives 10.200 to 10.203).
        ula: the mesh's /48.
        index: the plane's index, 0-3.
        site: site id 0-254, or `PEOPLE_SITE`.
        member: node or person id, 1-254.
    """
    base = int(ipaddress.IPv6Network(ula).network_address)
    hextet = index << 8 | site
    return Address(
        v4=f"10.{network + index}.{site}.{member}",
        v6=str(ipaddress.IPv6Address(base | hextet << 64 | member)),
    )


def peer_key(site: int, member: int) -> str:
    """A peer's stable key, ``site.member``: what keys and PSKs are derived from, never its name."""
    return f"{site}.{member}"
