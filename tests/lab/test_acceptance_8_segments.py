"""Guests of two leaves at two sites are on one Ethernet, and nobody else is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.guests import BRIDGE, MTU, TUNNEL, Guest, guest
from tests.lab.mesh import STACK, Declaration
from tests.lab.routed import Routed
from tests.lab.sites import NODES, SEGMENT, address

HERE, THERE = SEGMENT
MOVED = "10.9.0.99"
ICMP = 28
"""Octets of IPv4 and ICMP around what a ping carries."""

_FORGED = (
    "import socket,sys; s=socket.socket(2,2); s.bind((sys.argv[1],0));"
    "f=bytes.fromhex('0800000000000100'+'ff'*6+'026600000001'+'88b5')+bytes(46);"
    "[s.sendto(f,(sys.argv[2],4789)) for _ in range(10)]"
)
"""Ten frames for everybody on segment 1 from 02:66:00:00:00:01 (RFC 7348, section 5)."""


@contextmanager
def _guests(routed: Routed) -> Iterator[tuple[Guest, Guest]]:
    with guest(routed, HERE, 1) as one, guest(routed, THERE, 2) as two:
        one.reaches(two.address)
        yield one, two


def _strays(routed: Routed, name: str) -> int:
    """How many packets for a segment a node has dropped, since no member had sent them."""
    words = "nft -j list counter inet backplane stray_vxlan"
    told = json.loads(routed.on(name).succeed(words))["nftables"]
    return next(int(one["counter"]["packets"]) for one in told if "counter" in one)


def _seen(routed: Routed, name: str) -> str:
    return routed.on(name).succeed(f"bridge fdb show br {BRIDGE}")


def test_guests_of_two_sites_find_each_other(routed: Routed) -> None:
    """By ARP and echo, over two gateways; each machine learns of the other one's guest."""
    routed.settled()
    with _guests(routed) as (one, two):
        assert two.hardware in one.succeed(f"ip neighbour show {two.address}")
        assert one.hardware in two.succeed(f"ip neighbour show {one.address}")
        assert one.hardware in _seen(routed, THERE)
        assert two.hardware in _seen(routed, HERE)
    verdict = routed.mesh.verify()
    assert verdict["ok"] is True, verdict


def test_1370_octets_pass_whole_and_one_more_does_not_leave(routed: Routed) -> None:
    """The largest packet that must not be cut is the segment's MTU, as the outputs have it."""
    routed.settled()
    assert routed.mesh.outputs()["plan"]["segments"]["lan"]["mtu"] == MTU
    with _guests(routed) as (one, two):
        assert one.pings(two.address, size=MTU - ICMP, whole=True)
        words = f"ip netns exec {one.space} ping -n -c 1 -W 1 -M do -s {MTU - ICMP + 1}"
        assert "essage too long" in routed.on(HERE).fail(f"{words} {two.address}")


def test_an_address_that_moves_to_the_other_site_answers_at_once(routed: Routed) -> None:
    """From the guest on one site to the one on the other, which tells by ARP: 2 s at most."""
    routed.settled()
    with _guests(routed) as (one, two), guest(routed, HERE, 3) as watcher:
        two.takes(MOVED)
        watcher.reaches(MOVED)
        for giver, taker in ((two, one), (one, two)):
            giver.gives(MOVED)
            taker.takes(MOVED)
            begun = time.monotonic()
            while not watcher.pings(MOVED, wait=0.3):
                assert time.monotonic() - begun < 2
            assert taker.hardware in watcher.succeed(f"ip neighbour show {MOVED}")


def test_a_node_that_is_no_member_sends_nothing_into_it(routed: Routed) -> None:
    """VXLAN from other nodes, of the same site and of another: dropped, counted, never learnt."""
    routed.settled()
    strangers = ("nbg-c", "hel-a")
    with _guests(routed) as (one, _):
        for stranger in strangers:
            assert stranger not in SEGMENT
            before = _strays(routed, THERE)
            ends = f"{address(stranger, 'wg3')} {address(THERE, 'wg3')}"
            routed.on(stranger).succeed(f'python3 -c "{_FORGED}" {ends}')
            end = time.monotonic() + 10
            while _strays(routed, THERE) != before + 10:
                assert time.monotonic() < end, _strays(routed, THERE) - before
                time.sleep(0.1)
        assert "02:66:00:00:00:01" not in _seen(routed, THERE)
        # The same from a member arrives, so the look is not blind.
        ends = f"{address(HERE, 'wg3')} {address(THERE, 'wg3')}"
        routed.on(HERE).succeed(f'python3 -c "{_FORGED}" {ends}')
        look = f"bridge fdb show br {BRIDGE} | grep 02:66:00:00:00:01"
        routed.on(THERE).wait_until_succeeds(look, 10)
        routed.on(THERE).succeed(f"bridge fdb del 02:66:00:00:00:01 dev {TUNNEL} master || :")
        assert one.pings("10.9.0.2")


def test_a_guest_reaches_no_host_and_no_plane(routed: Routed) -> None:
    """Its own host, the other one, a node of a plane: not by ARP, nor past it."""
    routed.settled()
    with _guests(routed) as (one, two):
        mac = routed.on(HERE).succeed(f"cat /sys/class/net/{BRIDGE}/address").strip()
        targets = [address(name, "wg3") for name in (HERE, THERE, "nbg-c")] + ["169.254.169.254"]
        for target in targets:
            one.succeed(f"ip route add {target}/32 dev eth0")
            assert not one.pings(target)
            assert "lladdr" not in one.succeed(f"ip neighbour show {target}")
            one.succeed(f"ip neighbour replace {target} lladdr {mac} dev eth0")
            assert not one.pings(target)
        assert one.pings(two.address)


def test_what_is_taken_away_is_found_and_put_right(routed: Routed) -> None:
    """The VXLAN interface, and a member of its list: drift names both, its repair mends them."""
    routed.settled()
    peer = address(THERE, "wg3")
    faults = (
        f"ip link del {TUNNEL}",
        f"bridge fdb del 00:00:00:00:00:00 dev {TUNNEL} dst {peer}",
    )
    with _guests(routed) as (one, two):
        for fault in faults:
            routed.on(HERE).succeed(fault)
            found = routed.mesh.backplane("drift", "--stack", STACK, "--json")
            told = json.loads(found.out)["findings"]
            assert [(item["node"], item["area"]) for item in told] == [(HERE, "segments")], told
            mended = routed.mesh.backplane("drift", "--repair", "--stack", STACK)
            assert mended.code == 0, mended.out + mended.err
            one.reaches(two.address, 10)


@pytest.mark.long
def test_a_segment_comes_back_with_its_machine(routed: Routed) -> None:
    """After a reboot the bridge is there as it was; guests attach again."""
    routed.settled()
    with guest(routed, THERE, 2) as two:
        routed.machine(HERE).reboot()
        routed.on(HERE).wait_until_succeeds(f"ip link show {TUNNEL} | grep {BRIDGE}", 120)
        with guest(routed, HERE, 1) as one:
            one.reaches(two.address, 60)
    routed.settled()


@pytest.mark.long
def test_a_drained_gateway_costs_guests_nothing(routed: Routed) -> None:
    """The outer packets follow the plane's: the sibling takes over, and no ping is lost."""
    routed.settled()
    owner = routed.owner(NODES[HERE].site, NODES[THERE].site)
    with _guests(routed) as (one, two):
        one.succeed(f"sh -c 'ping -n -q -i 0.05 -c 400 {two.address} >/run/pings 2>&1 &'")
        try:
            done = routed.mesh.backplane("drain", owner, "--stack", STACK)
            assert done.code == 0, done.out + done.err
            told = routed.on(HERE).wait_until_succeeds("grep -s 'packet loss' /run/pings", 60)
            assert " 0% packet loss" in told
        finally:
            undone = routed.mesh.backplane("undrain", owner, "--stack", STACK)
        assert undone.code == 0, undone.out + undone.err
    routed.settled()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_member_more_leaves_guests_where_they_are(routed: Routed) -> None:
    """A third leaf comes and goes again: bridges and ports stay the same, and no ping is lost."""
    routed.settled()

    def members(*names: str) -> None:
        def change(mesh: Declaration) -> None:
            mesh["segments"]["lan"]["nodes"] = [*names]

        routed.mesh.declare(change)
        routed.mesh.must("up", "--yes", "--skip-preview")

    def numbers() -> str:
        return routed.on(HERE).succeed(f"cat /sys/class/net/{BRIDGE}/brif/*/../ifindex")

    with _guests(routed) as (one, two):
        before = numbers()
        one.succeed(f"sh -c 'ping -n -q -i 0.2 {two.address} >/run/pings 2>&1 & echo $! >/run/pid'")
        try:
            members(HERE, THERE, "nbg-c")
            with guest(routed, "nbg-c", 4) as three:
                one.reaches(three.address)
                three.reaches(two.address)
        finally:
            members(HERE, THERE)
        routed.on(HERE).succeed("kill -INT $(cat /run/pid)")
        told = routed.on(HERE).wait_until_succeeds("grep -s 'packet loss' /run/pings", 10)
        assert " 0% packet loss" in told
        assert numbers() == before
        routed.on("nbg-c").fail(f"ip link show {TUNNEL}")
        routed.on("nbg-c").fail(f"ip link show {BRIDGE}")
