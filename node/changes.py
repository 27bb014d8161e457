"""The exact difference between a live WireGuard interface and the wanted one. Pure."""

from dataclasses import dataclass, field

from node.wireguard import Interface, Peer, inside, is_host


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerChange:
    """What has to be set at one peer; None leaves a thing as it is.

    Attributes:
        public: Which peer.
        psk: The new pre-shared key; the empty text removes it.
        endpoint: Where to call it.
        allowed: All its prefixes.
        keepalive: Seconds; 0 is off.
    """

    public: str
    psk: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    allowed: frozenset[str] | None = None
    keepalive: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The difference between a live interface and the wanted one.

    Attributes:
        private: The new private key; None when it is the wanted one already.
        port: The new port; None when it is the wanted one already.
        peers: Peers to add or alter.
        removed: Public keys to remove.
    """

    private: str | None = field(default=None, repr=False)
    port: int | None = None
    peers: tuple[PeerChange, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.private or self.port or self.peers or self.removed)


def difference(live: Interface, wanted: Interface, before: Interface | None = None) -> Change:
    """What turns ``live`` into ``wanted``, and nothing more.

    Args:
        live: As the kernel has it.
        wanted: As the generation has it.
        before: As the generation applied last had it, when that is known. An endpoint that has
            roamed since is left where it is; only one that was declared anew is set.
    """
    changes = (
        _peer_change(live.peers.get(public), peer, before.peers.get(public) if before else None)
        for public, peer in sorted(wanted.peers.items())
    )
    return Change(
        private=wanted.private if wanted.private != live.private else None,
        port=wanted.port if wanted.port != live.port else None,
        peers=tuple(change for change in changes if change),
        removed=tuple(sorted(set(live.peers) - set(wanted.peers))),
    )


def _peer_change(live: Peer | None, wanted: Peer, before: Peer | None) -> PeerChange | None:
    old = live or Peer(public=wanted.public)
    move = wanted.endpoint is not None and wanted.endpoint != old.endpoint
    if move and before and old.endpoint:
        move = before.endpoint != wanted.endpoint
    change = PeerChange(
        public=wanted.public,
        psk=(wanted.psk or "") if wanted.psk != old.psk else None,
        endpoint=wanted.endpoint if move else None,
        allowed=wanted.allowed if wanted.allowed != old.allowed else None,
        keepalive=wanted.keepalive if wanted.keepalive != old.keepalive else None,
    )
    nothing = change == PeerChange(public=wanted.public)
    return None if live and nothing else change


def astray(live: Interface, wanted: Interface, beside: Change) -> Change:
    """Peers with a declared endpoint that are called elsewhere, but for what ``beside`` sets.

    An endpoint of the other family is left alone: a peer that has both addresses is reached at the
    one by which it called last.
    """
    taken = {peer.public for peer in beside.peers if peer.endpoint is not None}
    return Change(
        peers=tuple(
            PeerChange(public=public, endpoint=peer.endpoint)
            for public, peer in sorted(wanted.peers.items())
            if public not in taken and is_astray(live.peers.get(public), peer)
        )
    )


def is_astray(live: Peer | None, wanted: Peer) -> bool:
    """Whether a peer has a declared endpoint and is called at another one of its family."""
    if live is None or live.endpoint is None or wanted.endpoint is None:
        return False
    same = live.endpoint.startswith("[") == wanted.endpoint.startswith("[")
    return same and live.endpoint != wanted.endpoint


def additions(live: Interface, wanted: Interface, calls: frozenset[str]) -> Change:
    """New peers only, without prefixes and keepalive: they can shake hands and carry nothing.

    Args:
        live: As the kernel has it.
        wanted: As the generation has it.
        calls: Public keys of the peers that this end calls; only those get an endpoint yet.
    """
    new = (peer for public, peer in sorted(wanted.peers.items()) if public not in live.peers)
    return Change(
        peers=tuple(
            PeerChange(
                public=p.public, psk=p.psk, endpoint=p.endpoint if p.public in calls else None
            )
            for p in new
        )
    )


def departures(live: Interface, wanted: Interface) -> Change:
    """Peers that leave for good: neither their key nor any prefix of theirs is wanted.

    They go before the firewall forgets their addresses, or their last packets would raise an alarm.
    A peer that only changes its key stays until its successor has taken its prefixes, and so does
    one that is reached through a gateway from then on.
    """
    kept = frozenset[str]().union(*(peer.allowed for peer in wanted.peers.values()))
    wide = [prefix for prefix in kept if not is_host(prefix)]
    return Change(
        removed=tuple(
            public
            for public, peer in sorted(live.peers.items())
            if public not in wanted.peers
            and peer.allowed
            and not peer.allowed & kept
            and not all(inside(prefix, wide) for prefix in peer.allowed)
        )
    )
