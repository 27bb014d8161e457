"""Links behind stateful firewalls: they come up again by themselves, and hurt nobody when dead."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lab.faults import conntrack, path
from tests.lab.flow import Flow
from tests.lab.routed import Routed
from tests.lab.sites import FOUR_PORTS, NODES, SITES, link_address, links, ports

UP_AGAIN = 30.0
"""Seconds from the end of the silence until BFD is up: WireGuard tries each 5 s, BGP each 10 s."""

BOOT = 180.0

GENTLE = 10
"""Packets a second of each of 72 ways: 50 keep two processors so busy that BFD flaps by itself."""

SILENCE = 600.0
"""Seconds; what answers may come after is forgotten after 120 to 350 by the clouds' firewalls."""


def _until_link(routed: Routed, one: str, other: str, *, up: bool, seconds: float) -> float:
    """Wait until both ends' BFD sessions of a link are up, or neither is; how long it took."""
    began = time.monotonic()
    while True:
        states = {
            here: routed.bfd(here).get(link_address(there, here))
            for here, there in ((one, other), (other, one))
        }
        if all((state == "up") == up for state in states.values()):
            return time.monotonic() - began
        assert time.monotonic() - began < seconds, f"not {'up' if up else 'down'}: {states}"
        time.sleep(0.2)


@contextmanager
def _dead(routed: Routed, near: str, far: str) -> Iterator[None]:
    """Every link between two sites carries nothing."""
    with ExitStack() as blocks:
        for one, other in links():
            if {NODES[one].site, NODES[other].site} == {near, far}:
                machines = (routed.machine(one), routed.machine(other))
                fault = path.blocked(routed.mesh.lab.lab, *machines, ports=ports(one, other))
                blocks.enter_context(fault)
        yield


@pytest.mark.timeout(400)
def test_a_link_comes_up_again_when_the_firewalls_have_forgotten_it(routed: Routed) -> None:
    """Silence until both clouds' firewalls know nothing of the link: up again in 30 s, no port.

    Instead of ten minutes' waiting, both firewalls' tables of connections are emptied at the end
    of the silence, which is all that the ten minutes would do to them.
    """
    routed.settled()
    one, other = routed.owner("fsn", "hel"), routed.owner("hel", "fsn")
    here, there = routed.machine(one), routed.machine(other)
    with path.blocked(routed.mesh.lab.lab, here, there, ports=ports(one, other)):
        _until_link(routed, one, other, up=False, seconds=10)
        conntrack.forget(here)
        conntrack.forget(there)
    _until_link(routed, one, other, up=True, seconds=UP_AGAIN)
    assert routed.cloud_rules() == dict.fromkeys(NODES, FOUR_PORTS)
    routed.settled()


@pytest.mark.long
@pytest.mark.timeout(SILENCE + 300)
def test_a_link_comes_up_again_after_ten_minutes_of_silence(
    routed: Routed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing passes between two gateways for that long: up again in 30 s, and no port opened.

    Firewalls forget by themselves here; sites reach each other meanwhile by the other links.
    """
    routed.settled()
    one, other = routed.owner("fsn", "hel"), routed.owner("hel", "fsn")
    machines = (routed.machine(one), routed.machine(other))
    with path.blocked(routed.mesh.lab.lab, *machines, ports=ports(one, other)):
        _until_link(routed, one, other, up=False, seconds=10)
        time.sleep(SILENCE)
        _until_link(routed, one, other, up=False, seconds=1)
        assert routed.flawless(routed.leaf("fsn"), routed.leaf("hel"))
    took = _until_link(routed, one, other, up=True, seconds=UP_AGAIN)
    assert routed.cloud_rules() == dict.fromkeys(NODES, FOUR_PORTS)
    routed.settled()
    with capsys.disabled():
        sys.stdout.write(f"\nafter {SILENCE:.0f} s of silence the link was up in {took:.1f} s\n")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("which", [0, 1])
def test_links_come_up_again_after_either_end_reboots(routed: Routed, which: int) -> None:
    """One end restarts, or the other: all sessions of all gateways are up again, no port opened."""
    routed.settled()
    ends = (routed.owner("fsn", "hel"), routed.owner("hel", "fsn"))
    boot = routed.on(ends[which]).succeed("cat /proc/sys/kernel/random/boot_id")
    routed.machine(ends[which]).reboot()
    routed.settled(BOOT)
    assert routed.on(ends[which]).succeed("cat /proc/sys/kernel/random/boot_id") != boot
    assert routed.cloud_rules() == dict.fromkeys(NODES, FOUR_PORTS)
    assert routed.flawless(routed.leaf("fsn"), routed.leaf("hel"))


@pytest.mark.long
@pytest.mark.timeout(400)
def test_dead_links_cost_no_site_a_packet(routed: Routed) -> None:
    """All four links between two sites die and come back: 0 lost inside each of the three sites.

    Between the two nothing passes meanwhile, as transit is off; that shows that they were dead.
    """
    routed.settled()
    flows = [
        Flow(routed.mesh.lab, names, ("wg1", "wg3"), rate=GENTLE)
        for names in ([name for name in NODES if NODES[name].site == site] for site in SITES)
    ]
    ends = [pair for pair in links() if {NODES[end].site for end in pair} == {"fsn", "hel"}]
    with ExitStack() as running:
        for flow in flows:
            running.enter_context(flow.running())
        with _dead(routed, "fsn", "hel"):
            for one, other in ends:
                _until_link(routed, one, other, up=False, seconds=10)
            assert not routed.flawless(routed.leaf("fsn"), routed.leaf("hel"), ("wg1",))
            assert routed.flawless(routed.leaf("fsn"), routed.leaf("nbg"), ("wg1",))
        routed.settled(120)
    for flow in flows:
        assert sum(flow.sent(plane) for plane in flow.planes) > 0
        assert flow.lost() == {}, flow.told()
