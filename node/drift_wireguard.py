"""A live WireGuard interface against the declared one, in words. Pure, and without a key."""

from collections.abc import Iterator, Mapping

from node import changes
from node.difference import Difference
from node.interfaces import Link
from node.wireguard import Device, Interface, Peer


def interface(
    name: str,
    declared: Interface,
    live: Device | None,
    link: Link | None,
    names: Mapping[str, str],
) -> Iterator[Difference]:
    """Everything of one interface that is not as declared.

    Args:
        name: Of the interface.
        declared: As the generation has it.
        live: As the kernel has it; None when it is not up.
        link: Its addresses and MTU; None when it is not there.
        names: Public key to name of the declared peers.
    """
    if live is None or link is None:
        yield _difference(name, "interface", "up", "not there")
        return
    have = live.interface
    if not link.up:
        yield _difference(name, "interface", "up", "down")
    if have.private != declared.private:
        shown = f"another key ({_short(live.public)})" if live.public else "no key"
        yield _difference(name, "own key", "the node's own key", shown)
    if have.port != declared.port:
        yield _difference(name, "listen port", str(declared.port), str(have.port))
    if declared.mtu not in {None, link.mtu}:
        yield _difference(name, "MTU", str(declared.mtu), str(link.mtu))
    for address in sorted(declared.addresses ^ link.addresses):
        wanted = address in declared.addresses
        sides = (address, "") if wanted else ("", address)
        yield _difference(name, f"address {address}", *sides)
    for public, peer in sorted(declared.peers.items(), key=lambda pair: names.get(pair[0], "")):
        who = f"peer {names.get(public, _short(public))}"
        yield from _peer(name, who, peer, have.peers.get(public))
    for public in sorted(set(have.peers) - set(declared.peers)):
        allowed = _list(have.peers[public].allowed)
        yield _difference(name, f"peer {_short(public)}", "", f"a stranger with {allowed}")


def _peer(name: str, who: str, declared: Peer, live: Peer | None) -> Iterator[Difference]:
    if live is None:
        yield _difference(name, who, "a peer", "not there")
        return
    if declared.psk != live.psk:
        sides = [
            "no PSK" if side is None else text
            for side, text in ((declared.psk, "its PSK"), (live.psk, "another PSK"))
        ]
        yield _difference(name, f"{who}, PSK", *sides)
    if declared.allowed != live.allowed:
        sides = [_list(declared.allowed), _list(live.allowed)]
        yield _difference(name, f"{who}, allowed IPs", *sides)
    if declared.endpoint and (live.endpoint is None or changes.is_astray(live, declared)):
        sides = [declared.endpoint, live.endpoint or "none"]
        yield _difference(name, f"{who}, endpoint", *sides)
    if declared.keepalive != live.keepalive:
        sides = [str(side or "off") for side in (declared.keepalive, live.keepalive)]
        yield _difference(name, f"{who}, keepalive", *sides)


def _list(prefixes: frozenset[str]) -> str:
    return ", ".join(sorted(prefixes)) or "none"


def _short(public: str) -> str:
    return f"{public[:8]}…"


def _difference(name: str, what: str, declared: str, live: str) -> Difference:
    return Difference(area="wireguard", what=f"{name}: {what}", declared=declared, live=live)
