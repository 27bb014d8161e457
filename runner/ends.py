"""Whether the ends of every session agree: node with node, and this runner with every node.

See `node.ends` for why answered pings and new SSH sessions are not enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from backplane.render.operator import interface_name
from node.ends import digest
from runner.failure import Failed
from runner.wire import Wire

Told = Mapping[str, Mapping[str, str]]
"""What one node told: interface, name of the peer, digest."""

DIALLED = ("wg0", "wg1")
"""The planes on which this runner is a peer, by the nodes' names of their interfaces."""

FIX = "run `pulumi up` again; if it stays, raise the plane's `psk` epoch, which makes all anew."


def own(stack: str, nonce: str) -> dict[str, frozenset[str]]:
    """This runner's own digests by the nodes' interface; nothing for a plane that is not up here.

    Raises:
        RunnerError: The tunnel cannot be read.
    """
    wire = Wire()
    found = {}
    for plane in DIALLED:
        interface = interface_name(stack, plane)
        if wire.exists(interface):
            first, *peers = wire.run("wg", "show", interface, "dump").splitlines()
            public = first.split("\t")[1]
            rows = (line.split("\t") for line in peers)
            found[plane] = frozenset(
                digest(nonce, public, row[0], None if row[1] == "(none)" else row[1])
                for row in rows
            )
    return found


def disagreements(told: Mapping[str, Told], runner: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """One sentence for each session whose ends hold different keys.

    Args:
        told: What each node told, by name; peers that are none of them are left out.
        runner: This runner's own digests, by interface.
    """
    for node, planes in sorted(told.items()):
        for interface, peers in sorted(planes.items()):
            for peer, mine in sorted(peers.items()):
                # Each pair once, from the end that comes first; a one-sided one from its own.
                theirs = told.get(peer, {}).get(interface, {}).get(node)
                if peer in told and mine != theirs and (node < peer or theirs is None):
                    yield f"{node} and {peer} hold different keys for each other on {interface}."
            ours = frozenset(runner.get(interface, ()))
            if ours and not ours & set(peers.values()):
                yield f"{node} and this runner hold different keys for each other on {interface}."


def require(told: Mapping[str, Told], runner: Mapping[str, Iterable[str]]) -> None:
    """Refuse a mesh in which a next handshake would fail.

    Raises:
        Failed: Naming every such pair.
    """
    if said := list(disagreements(told, runner)):
        raise Failed("check failed:\n" + "\n".join(f"  - {line}" for line in said), FIX)
