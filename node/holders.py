"""Which gateway's peer holds the remote sites' prefixes on each plane: read, and moved if need be.

A plane's interface has the route to all of it; the AllowedIPs say which gateway a packet goes to,
and from which one packets of a site are taken.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from node import wireguard
from node.machine import Machine
from node.routed import Routes

Allowed = dict[str, dict[str, frozenset[str]]]
"""By interface and public key of the peer."""

_FIX = "look at `wg show` on the machine"


def wanted(
    routes: Routes, mesh: Mapping[str, Sequence[Mapping[str, str]]], holder: Mapping[int, int]
) -> Allowed:
    """What the peers of the site's gateways hold.

    Args:
        routes: The node's document.
        mesh: The generation's peers by interface.
        holder: Slot of the gateway that holds each remote site.
    """
    found: Allowed = {}
    for name, plane in routes.planes.items():
        for row in mesh.get(name, ()):
            if row.get("gateway", "") == "" or row.get("beyond"):
                continue
            slot = int(row["gateway"])
            prefixes = [row["v4"], row["v6"]]
            for site, far in plane.far.items():
                prefixes += far.both() if holder.get(site) == slot else ()
            normal = frozenset(wireguard.prefix(one) for one in prefixes)
            found.setdefault(name, {})[row["public"]] = normal
    return found


def read(machine: Machine) -> Allowed:
    """What every live peer holds."""
    text = machine.commands.must(
        ["wg", "show", "all", "allowed-ips"], why="WireGuard cannot be read", fix=_FIX, timeout=5
    )
    found: Allowed = {}
    for line in text.splitlines():
        name, public, allowed = line.split("\t")
        given = () if allowed == "(none)" else allowed.split()
        found.setdefault(name, {})[public] = frozenset(given)
    return found


def moves(live: Allowed, want: Allowed) -> Iterator[list[str]]:
    """One `wg set` for each interface that differs.

    First the peers that get something, which takes it from whoever had it: no packet in between
    finds no peer. A peer that is not there, or has none of its own addresses yet, is left alone: a
    flip is about to bring it, or to hold it out.
    """
    for name, peers in sorted(want.items()):
        there = dict(live.get(name, {}))
        argv: list[str] = []
        getting = [key for key in peers if key in there and peers[key] - there[key]]
        for public in [*getting, *peers]:
            if public not in there or there[public] == peers[public]:
                continue
            if (
                not {prefix for prefix in peers[public] if wireguard.is_host(prefix)}
                <= there[public]
            ):
                continue
            argv += ["peer", public, "allowed-ips", ",".join(sorted(peers[public]))]
            there = {key: had - peers[public] for key, had in there.items()}
            there[public] = peers[public]
        if argv:
            yield ["wg", "set", name, *argv]


def mend(machine: Machine, want: Allowed, holds: Callable[[], bool]) -> int:
    """Have the live peers hold what they should; the number of interfaces that were changed.

    Args:
        machine: The machine.
        want: What they should hold.
        holds: Whether that is still so. A flip moves the generation's link ahead of the peers: what
            differs because of it is seen only when this says no.
    """
    changed = 0
    for argv in moves(read(machine), want):
        if not holds():
            break
        machine.commands.must(
            argv, why=f"{argv[2]} does not move its remote prefixes", fix=_FIX, timeout=5
        )
        changed += 1
    return changed
