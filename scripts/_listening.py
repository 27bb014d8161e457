"""Who may listen where on a node. No effects here."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from backplane.segments import PORT as VXLAN

if TYPE_CHECKING:
    from scripts._verdict import Facts, Mesh, MeshNode

_DHCP_CLIENT = frozenset({68, 546})  # RFC 2131, RFC 8415: where a cloud's network set-up listens

_FRR = frozenset(
    {("bgpd", "tcp", 179), *(("bfdd", "udp", port) for port in (3784, 3785, 4784, 7784))}
)
"""FRR's daemons by process, protocol and port: RFC 4271, RFC 5881, RFC 5883, RFC 7881."""

_BFD_SOURCE = range(49152, 65536)
"""From which port each session of BFD sends, bound to the link's address (RFC 5881, section 4)."""

Json = dict[str, Any]


def wrong_listener(declared: Mesh, node: MeshNode, listener: Mapping[str, Any]) -> str | None:
    """Why a node must not listen there; None where it may."""
    address, port = str(listener["address"]), int(listener["port"])
    protocol = str(listener["protocol"])
    if address == "*" or (parsed := ipaddress.ip_address(address)).is_unspecified:
        ports = declared.wireguard | node.dials
        own = protocol == "udp" and port in ports
        own = own or _is_frr(node, listener) or _is_segments(node, listener)
        return None if own else "listens on every address"
    if parsed.is_loopback:
        return None
    for slot, families in node.addresses.items():
        if address in families.values():
            declared_here = (slot, protocol, port) in node.openings
            return None if declared_here else f"no role opens it on the plane {slot}"
    if (protocol == "udp" and port in _DHCP_CLIENT) or _is_bfd_session(node, listener):
        return None
    return "listens outside the planes"


def _is_bfd_session(node: MeshNode, listener: Mapping[str, Any]) -> bool:
    """Whether it is the socket from which BFD sends on a link; `ss` shows it as one that waits."""
    return (
        str(listener["address"]) in node.ends
        and listener["process"] == "bfdd"
        and int(listener["port"]) in _BFD_SOURCE
    )


def _is_frr(node: MeshNode, listener: Mapping[str, Any]) -> bool:
    """Whether it is a gateway's FRR, which binds to no address; the firewall admits links alone."""
    listens = (listener["process"], listener["protocol"], listener["port"])
    return bool(node.links) and listens in _FRR


def _is_segments(node: MeshNode, listener: Mapping[str, Any]) -> bool:
    """Whether it is the kernel's VXLAN on a member of a segment; the firewall admits the others."""
    listens = {(proto, port) for _, proto, port in node.openings}
    at = (str(listener["protocol"]), int(listener["port"]))
    return listener["process"] is None and at == ("udp", VXLAN) and at in listens


def is_owners(
    node: MeshNode, listener: Mapping[str, Any], all_of_it: Iterable[Mapping[str, Any]]
) -> bool:
    """Whether a listener is of a service that a machine's owner had there before.

    What also listens on one of the machine's plane addresses, as every daemon of ours does, is not.
    """
    if listener["process"] is None:
        return False
    own = {address for families in node.addresses.values() for address in families.values()}
    ours = {"sshd", *(str(one["process"]) for one in all_of_it if str(one["address"]) in own)}
    return node.found and str(listener["process"]) not in ours


def listeners(declared: Mesh, facts: Mapping[str, Facts]) -> Json:
    """No listener on a wildcard but WireGuard's, none outside the planes, none undeclared.

    What a machine's owner had there before may listen anywhere: the firewall hides it, and it is
    counted as hidden.
    """
    checked = hidden = 0
    wrong: list[Json] = []
    for node in declared.nodes:
        told = facts[node.name].listeners if node.name in facts else ()
        for listener in told:
            checked += 1
            why = wrong_listener(declared, node, listener)
            if why and is_owners(node, listener, told):
                hidden += 1
            elif why:
                wrong.append({"node": node.name, **listener, "why": why})
    return {"checked": checked, "hidden": hidden, "wrong": wrong}
