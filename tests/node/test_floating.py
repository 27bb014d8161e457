"""Networks beyond gateways are at whichever gateway carries them, and BGP brings all or is told."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import changes, floating, learned, routed
from node.generations import Generation
from node.wireguard import Interface, Peer, inside
from tests.node.recipe import key
from tests.node.routed_box import FAR, MESH, OWN, daemon

A, B, C = (key(name) for name in "ABC")
OLD_B = key("B before")
NAMES = ["b", "z"]


def _generation() -> Generation:
    names = {"A": A, "B": B, "C": C, "Z": key("Z")}
    rows: list[Mapping[str, str]] = [{**row, "public": names[row["public"]]} for row in MESH["wg1"]]
    return Generation(
        name="0", path=Path(), node="c", incarnation=1, interfaces={}, mesh={"wg1": rows}
    )


def _interface(carrier: str, second: str = B) -> Interface:
    """A leaf's management plane, with the remote site behind one of its gateways."""
    own = {A: OWN["A"], second: OWN["B"]}
    peers = {
        public: Peer(public=public, allowed=hosts | (FAR if public == carrier else frozenset()))
        for public, hosts in own.items()
    }
    return Interface(private=key("own"), port=51821, peers=peers)


def test_a_network_stays_with_the_gateway_that_carries_it() -> None:
    """Declared behind A and live behind B is as declared: nothing is to be set."""
    wanted, live = _interface(A), _interface(B)
    settled = floating.settled(_generation(), "wg1", wanted, live, {})
    assert settled.peers == live.peers
    assert not changes.difference(live, settled)
    assert changes.difference(live, wanted), "else this shows nothing"


def test_it_stays_there_though_that_gateway_draws_a_new_key() -> None:
    """What the gateway had by its old key it has by its new one."""
    live = _interface(OLD_B, OLD_B)
    settled = floating.settled(_generation(), "wg1", _interface(A), live, {OLD_B: "b"})
    assert settled.peers[B].allowed >= FAR
    assert not FAR & settled.peers[A].allowed


@pytest.mark.parametrize("carrier", [C, key("a stranger")])
def test_nobody_but_a_gateway_keeps_a_network(carrier: str) -> None:
    """A remote site behind a leaf, or behind somebody unknown, goes where it is declared."""
    live = _interface(A)
    taken = Peer(public=carrier, allowed=FAR)
    peers = {public: replace(p, allowed=p.allowed - FAR) for public, p in live.peers.items()}
    live = replace(live, peers={**peers, carrier: taken})
    wanted = _interface(A)
    assert floating.settled(_generation(), "wg1", wanted, live, {}) == wanted


def test_hosts_never_float() -> None:
    """A gateway's own address at the other one is a mistake, and is put right."""
    wanted = _interface(A)
    peers = {
        A: replace(wanted.peers[A], allowed=wanted.peers[A].allowed - OWN["A"]),
        B: replace(wanted.peers[B], allowed=wanted.peers[B].allowed | OWN["A"]),
    }
    live = replace(wanted, peers=peers)
    assert floating.settled(_generation(), "wg1", wanted, live, {}) == wanted


def test_who_is_reached_through_a_gateway_from_now_on_does_not_leave_first() -> None:
    """A peer whose addresses a gateway takes over goes in the same step, not before it."""
    remote = Peer(public=C, allowed=frozenset({"10.201.2.7/32", "fd00:0:0:102::7/128"}))
    gone = Peer(public=key("gone"), allowed=frozenset({"10.201.3.7/32"}))
    wanted = _interface(A)
    live = replace(wanted, peers={**wanted.peers, C: remote, gone.public: gone})
    assert changes.departures(live, wanted).removed == (gone.public,)
    assert set(changes.difference(live, wanted).removed) == {C, gone.public}


@given(st.integers(0, 2**32 - 1), st.integers(8, 32), st.integers(8, 32))
def test_inside_is_as_the_prefix_says(number: int, length: int, other: int) -> None:
    """A network lies in shorter ones that share their bits, and in its own family alone."""

    def network(bits: int) -> str:
        cut = number >> 32 - bits << 32 - bits
        return ".".join(str(cut >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{bits}"

    assert inside(network(length), [network(other)]) == (length >= other)
    assert not inside(network(length), ["::/0"])


def test_bgp_must_bring_every_plane_by_both_families(tmp_path: Path) -> None:
    """With IPv4 alone the site is not reached; what was not reached before is not asked for."""
    made, kernel = daemon(tmp_path, 0)
    kernel.bgp["-6"] = []
    assert learned.ways(made.machine) == {"known": [2], "reached": []}
    before = {"known": [2], "reached": [2]}
    told = learned.missing(made.machine, before, NAMES, 2.0)
    assert told == ["BGP brings no way to site 2 on every plane"]
    assert learned.missing(made.machine, {"known": [], "reached": []}, NAMES, 2.0) == told, (
        "it is new"
    )
    assert learned.missing(made.machine, {"known": [2], "reached": []}, NAMES, 2.0) == []
    assert learned.missing(made.machine, before, ["b", "c"], 2.0) == [], "its gateway is away"
    kernel.bgp["-6"] = ["fd00:0:0:102::/64"]
    assert learned.ways(made.machine) == before
    assert learned.missing(made.machine, before, NAMES, 0.0) == []


@pytest.mark.parametrize("slot", [None, 0])
def test_a_leaf_and_a_mesh_have_no_ways_of_bgp(tmp_path: Path, slot: int | None) -> None:
    """Where no gateway is, BGP brings nothing and nothing is asked of it."""
    made, _ = daemon(tmp_path, slot)
    if slot == 0:
        (made.machine.layout.active / routed.FILE).unlink()
    assert learned.ways(made.machine) == {"known": [], "reached": []}
    assert (
        json.dumps(learned.missing(made.machine, {"known": [2], "reached": [2]}, NAMES, 0.0))
        == "[]"
    )
