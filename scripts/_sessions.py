"""Which sessions a mesh must have, and how old they are. No effects here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts._verdict import Facts, Mesh

FRESH = 180
"""Seconds; an older session carries nothing (WireGuard's REJECT_AFTER_TIME)."""

LINKS = "links"
"""What stands for a plane where a session is that of a link between gateways."""

Json = dict[str, Any]


def sessions(declared: Mesh) -> list[tuple[str, str, str, str]]:
    """Every session that must be: node, peer, plane (or `LINKS`), and the node's interface."""
    there = {node.name for node in declared.nodes}
    planes = [
        (node.name, peer.name, slot, interface)
        for slot, interface in declared.interfaces.items()
        for node in declared.nodes
        for peer in declared.nodes
        if declared.are_peers(node, peer)
    ]
    links = [
        (node.name, peer, LINKS, interface)
        for node in declared.nodes
        for interface, peer in sorted(node.links.items())
        if peer in there
    ]
    return [*planes, *links]


def handshakes(declared: Mesh, facts: Mapping[str, Facts]) -> Json:
    """How old each session is, on every node, plane and peer node, and on every link."""
    stale: list[Json] = []
    ages: list[float] = []
    wanted = sessions(declared)
    for node, peer, slot, interface in wanted:
        seen = facts[node].interfaces.get(interface, {}) if node in facts else {}
        known = {one["name"]: one["handshake_age"] for one in seen.get("peers", ())}
        age = known.get(peer)
        if age is None or age > FRESH:
            stale.append({"from": node, "to": peer, "plane": slot, "age": age})
        else:
            ages.append(age)
    return {
        "expected": len(wanted),
        "fresh": len(ages),
        "oldest": round(max(ages)) if ages else None,
        "stale": stale,
    }
