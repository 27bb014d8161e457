"""The difference between a live interface and the wanted one is exact."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import changes, wireguard
from node.errors import Refused
from node.wireguard import Interface, Peer
from tests.node.kernel import dump
from tests.node.recipe import key

KEYS = [key(f"peer {number}") for number in range(5)]
PREFIXES = [f"10.201.{number}.1/32" for number in range(6)]
ENDPOINTS = [None, "198.51.100.17:51821", "[2001:db8::1]:51821"]


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    """Interfaces over few keys and prefixes, so that two of them often share some."""
    publics = draw(st.lists(st.sampled_from(KEYS), unique=True))
    owner = {prefix: draw(st.sampled_from([*publics, None])) for prefix in PREFIXES}
    peers = {
        public: Peer(
            public=public,
            psk=draw(st.sampled_from([None, key("psk 1"), key("psk 2")])),
            endpoint=draw(st.sampled_from(ENDPOINTS)),
            allowed=frozenset(p for p, whose in owner.items() if whose == public),
            keepalive=draw(st.sampled_from([0, 25])),
        )
        for public in publics
    }
    return Interface(
        private=draw(st.sampled_from([key("own 1"), key("own 2")])),
        port=draw(st.sampled_from([51820, 51821])),
        peers=peers,
    )


def applied(live: Interface, change: changes.Change) -> Interface:
    """What WireGuard makes of a change: in its order, each prefix with one peer."""
    peers = dict(live.peers)
    for item in change.peers:
        peer = peers.get(item.public, Peer(public=item.public))
        if item.allowed is not None:
            taken = item.allowed
            peers = {k: replace(p, allowed=p.allowed - taken) for k, p in peers.items()}
            peer = replace(peer, allowed=taken)
        peers[item.public] = replace(
            peer,
            psk=peer.psk if item.psk is None else item.psk or None,
            endpoint=item.endpoint or peer.endpoint,
            keepalive=peer.keepalive if item.keepalive is None else item.keepalive,
        )
    for public in change.removed:
        del peers[public]
    return replace(
        live,
        private=change.private or live.private,
        port=change.port or live.port,
        peers=peers,
    )


def settings(interface: Interface, *, of: Interface) -> Interface:
    """``interface``, with the endpoint of ``of`` where it states none: none can be unset."""
    peers = {
        public: replace(peer, endpoint=peer.endpoint or of.peers[public].endpoint)
        for public, peer in interface.peers.items()
    }
    return replace(interface, peers=peers)


@given(interfaces(), interfaces())
def test_the_difference_leads_to_the_wanted_state(live: Interface, wanted: Interface) -> None:
    """Applying the difference gives the wanted interface, and leaves no further difference."""
    result = applied(live, changes.difference(live, wanted))
    assert result == settings(wanted, of=result)
    assert not changes.difference(result, wanted)


@given(interfaces())
def test_an_equal_interface_is_not_touched(live: Interface) -> None:
    """Without a difference there is nothing to set (an identical syncconf lost pings)."""
    assert not changes.difference(live, live)
    assert not changes.additions(live, live, frozenset(KEYS))
    assert not changes.departures(live, live)


@given(interfaces(), interfaces())
def test_exactly_the_peers_that_differ_are_touched(live: Interface, wanted: Interface) -> None:
    """A peer that is the same on both sides is in no part of the change; every other one is."""
    change = changes.difference(live, wanted)
    touched = {peer.public for peer in change.peers} | set(change.removed)
    # A peer without a declared endpoint keeps the one it called from.
    same = {
        public
        for public, peer in wanted.peers.items()
        if public in live.peers
        and replace(peer, endpoint=peer.endpoint or live.peers[public].endpoint)
        == live.peers[public]
    }
    assert touched == (set(live.peers) | set(wanted.peers)) - same


@given(interfaces(), interfaces(), st.frozensets(st.sampled_from(KEYS)))
def test_preparing_carries_nothing(
    live: Interface, wanted: Interface, calls: frozenset[str]
) -> None:
    """What is added beforehand is new, has no prefix and no keepalive, and nothing else changes.

    Only a peer that this end calls has an endpoint yet.
    """
    change = changes.additions(live, wanted, calls)
    assert {peer.public for peer in change.peers} == set(wanted.peers) - set(live.peers)
    result = applied(live, change)
    for public, peer in result.peers.items():
        if public in live.peers:
            assert peer == live.peers[public]
        else:
            assert (peer.allowed, peer.keepalive) == (frozenset(), 0)
            assert peer.psk == wanted.peers[public].psk
            assert peer.endpoint == (wanted.peers[public].endpoint if public in calls else None)


@given(interfaces(), interfaces())
def test_only_peers_that_leave_for_good_go_early(live: Interface, wanted: Interface) -> None:
    """No peer whose key or any prefix is still wanted is removed ahead of the firewall."""
    wanted_prefixes = {prefix for peer in wanted.peers.values() for prefix in peer.allowed}
    for public in changes.departures(live, wanted).removed:
        assert public not in wanted.peers
        assert not live.peers[public].allowed & wanted_prefixes


def test_a_roamed_endpoint_is_left_alone() -> None:
    """An endpoint is set when it is declared anew, and not because the peer has roamed."""
    public = KEYS[0]
    declared = Interface(
        private=key("own"), port=1, peers={public: Peer(public=public, endpoint=ENDPOINTS[1])}
    )
    roamed = replace(declared, peers={public: Peer(public=public, endpoint="192.0.2.9:7")})
    moved = replace(declared, peers={public: Peer(public=public, endpoint=ENDPOINTS[2])})
    assert not changes.difference(roamed, declared, declared)
    assert changes.difference(roamed, moved, declared).peers[0].endpoint == ENDPOINTS[2]
    # Without knowing what was declared before, the declared one is the safe one.
    assert changes.difference(roamed, declared).peers[0].endpoint == ENDPOINTS[1]


@given(interfaces())
def test_dumps_are_read_back(live: Interface) -> None:
    """What `wg show dump` prints of an interface is read as that interface."""
    device = wireguard.parse_dump(dump(live))
    assert device.interface == live
    assert set(device.seen) == set(live.peers)


def test_a_dump_of_another_shape_is_refused() -> None:
    """Fields more or fewer than known are refused, not guessed at."""
    live = Interface(private=key("own"), port=1, peers={KEYS[0]: Peer(public=KEYS[0])})
    with pytest.raises(Refused):
        wireguard.parse_dump(dump(live).replace("\t0\t0\t0\t", "\t0\t0\t"))
    with pytest.raises(Refused):
        wireguard.parse_dump("")


def test_private_keys_have_one_form() -> None:
    """A key is read as WireGuard shows it, clamped: an unclamped one is no lasting difference."""
    raw = b"\xff" * 32
    text = f"[Interface]\nListenPort = 1\nPrivateKey = {base64.b64encode(raw).decode()}\n"
    private = base64.b64decode(wireguard.parse(text, name="x").private)
    assert (private[0], private[31]) == (0xF8, 0x7F)
    assert wireguard.clamp(base64.b64encode(private).decode()) == base64.b64encode(private).decode()


def test_addresses_have_one_form() -> None:
    """Prefixes and endpoints compare equal however they were written; nonsense is an error."""
    assert wireguard.prefix("10.1.2.3/24") == "10.1.2.0/24"
    assert wireguard.prefix("10.1.2.3/24", network=False) == "10.1.2.3/24"
    assert wireguard.prefix("FD00:0:0::0001") == "fd00::1/128"
    assert wireguard.endpoint("[2001:DB8:0::1]:51820") == "[2001:db8::1]:51820"
    for wrong in ("10.1.2", "10.0.0.1/33", "fd00::/129", "host", "10.0.0.1/-1"):
        with pytest.raises(ValueError, match="no"):
            wireguard.prefix(wrong)
