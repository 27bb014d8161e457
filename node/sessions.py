"""Which end of a new session calls: two that call each other at once both wait for 5 s. Pure.

Either end then has answered the other's call and dropped its own, so neither may send (WireGuard's
REKEY_TIMEOUT comes first). Nodes flip within milliseconds, less than a packet takes between sites.
So of each pair the end whose name comes first calls, a moment after the flip, when the other end
has flipped too; the other end learns where to call from that, and calls itself only afterwards.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from node.changes import Change, PeerChange
from node.wireguard import Interface

# Seconds. Flips of a mesh lie within some ms of each other: then the other end is there to hear.
CALL = 0.03
# A round trip between continents: by then the call has been answered.
ANSWER = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """A change in three: what is done at the flip, then the calls, then what the called end sets.

    Attributes:
        flip: All but the two others.
        call: The prefixes of peers that this end calls.
        answer: Where to call the peers that call this end.
    """

    flip: Change
    call: Change
    answer: Change


def stages(change: Change, live: Interface, wanted: Interface, calls: Iterable[str]) -> Stages:
    """Split a change so that no two ends call each other at once.

    Args:
        change: What turns ``live`` into ``wanted``.
        live: As the kernel has it.
        wanted: As the generation has it.
        calls: Public keys of the peers that this end calls.
    """
    callers = frozenset(calls)
    flip, call, answer = [], [], []
    for peer in change.peers:
        if not _begins(peer, live, wanted):
            flip.append(peer)
        elif peer.public in callers:
            flip.append(replace(peer, allowed=None, keepalive=None))
            call.append(
                PeerChange(public=peer.public, allowed=peer.allowed, keepalive=peer.keepalive)
            )
        else:
            flip.append(replace(peer, endpoint=None, keepalive=None))
            endpoint = wanted.peers[peer.public].endpoint
            answer.append(
                PeerChange(public=peer.public, endpoint=endpoint, keepalive=peer.keepalive)
            )
    told = (p for p in flip if p.public not in live.peers or p != PeerChange(public=p.public))
    return Stages(
        flip=replace(change, peers=tuple(told)),
        call=Change(peers=tuple(call)),
        answer=Change(peers=tuple(answer)),
    )


def _begins(peer: PeerChange, live: Interface, wanted: Interface) -> bool:
    """Whether a peer that either end can call gets its first prefixes."""
    here = live.peers.get(peer.public)
    carries = here is not None and bool(here.allowed)
    return bool(peer.allowed) and not carries and wanted.peers[peer.public].endpoint is not None
