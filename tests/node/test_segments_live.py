"""Segments with the kernel's own VXLAN and bridges, behind the rulesets that machines load."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from node import segments
from node.errors import Refused
from tests.node import segmented
from tests.node.segmented import GARP, LAN, MEMBERS, STRANGER, Spot, call, declared, guest, run

pytestmark = pytest.mark.lab
FIRST = declared(lan=LAN)
WIDER = declared(lan={**LAN, "nodes": [*MEMBERS, STRANGER]})
HERE, THERE = MEMBERS


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Spot]]:
    """Three machines for all tests of this file."""
    with segmented.made(tmp_path_factory.mktemp("spots")) as spots:
        yield spots


@pytest.fixture
def spots(lasting: dict[str, Spot]) -> dict[str, Spot]:
    """The machines, two of them in the segment."""
    for spot in lasting.values():
        spot.tell(FIRST)
    return lasting


@contextlib.contextmanager
def _guests(spots: dict[str, Spot]) -> Iterator[tuple[str, str]]:
    with (
        guest(spots[HERE], "vb1", "10.9.0.1") as one,
        guest(spots[THERE], "vb1", "10.9.0.2") as two,
    ):
        yield one, two


def _pings(space: str, target: str, *more: str) -> bool:
    """Whether one ping comes back."""
    return call(space, "ping", "-n", "-c", "1", "-W", "1", *more, target).returncode == 0


def _reaches(space: str, target: str, *more: str) -> bool:
    """The same, with patience: a port that has just been attached may lose a second's frames."""
    return any(_pings(space, target, *more) for _ in range(10))


def test_guests_of_two_machines_share_a_wire(spots: dict[str, Spot]) -> None:
    """They find each other by ARP; 1370 octets fit and one more does not leave the guest."""
    with _guests(spots) as (one, _):
        assert _reaches(one, "10.9.0.2")
        # 20 octets of IPv4 and 8 of ICMP stand around what is counted here.
        assert _reaches(one, "10.9.0.2", "-M", "do", "-s", "1342")
        said = call(one, "ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "1343", "10.9.0.2")
        assert said.returncode != 0
        assert "essage too long" in said.stdout + said.stderr
        assert "10.9.0.2" in run(one, "ip", "neighbour", "show", "dev", "eth0")


def test_another_membership_is_made_in_place(spots: dict[str, Spot]) -> None:
    """A third machine comes and goes: guests stay attached, and nothing is made anew."""
    before = {name: one["ifindex"] for name, one in spots[HERE].links().items()}
    with _guests(spots) as (one, _):
        assert _reaches(one, "10.9.0.2")
        for mesh, reached in ((WIDER, True), (FIRST, False)):
            for spot in spots.values():
                spot.tell(mesh)
            if reached:
                with guest(spots[STRANGER], "vb1", "10.9.0.3") as three:
                    assert _reaches(one, "10.9.0.3")
                    assert _reaches(three, "10.9.0.2")
            else:
                run(one, "ip", "neighbour", "flush", "dev", "eth0")
                assert not _pings(one, "10.9.0.3")
            assert _reaches(one, "10.9.0.2")
        after = {name: told["ifindex"] for name, told in spots[HERE].links().items()}
        assert {name: after[name] for name in before} == before
    assert {"vx1", "vb1"}.isdisjoint(spots[STRANGER].links())
    shown = run(spots[HERE].space, "bridge", "fdb", "show", "dev", "vx1")
    assert "10.203.2.2" not in shown


def test_an_address_that_moves_answers_at_once(spots: dict[str, Spot]) -> None:
    """It goes from a guest on one machine to one on the other, which says so: 2 s at most."""
    with _guests(spots) as (one, two):
        run(two, "ip", "address", "add", "10.9.0.9/24", "dev", "eth0")
        with _second(spots[HERE], "10.9.0.4") as watcher:
            assert _reaches(watcher, "10.9.0.9")
            run(two, "ip", "address", "del", "10.9.0.9/24", "dev", "eth0")
            run(one, "ip", "address", "add", "10.9.0.9/24", "dev", "eth0")
            mac = run(one, "cat", "/sys/class/net/eth0/address").strip()
            begun = time.monotonic()
            run(one, "python3", "-c", GARP, mac, "10.9.0.9")
            while not _pings(watcher, "10.9.0.9"):
                assert time.monotonic() - begun < 2
            assert mac in run(watcher, "ip", "neighbour", "show", "10.9.0.9")


@contextlib.contextmanager
def _second(spot: Spot, address: str) -> Iterator[str]:
    """A second guest on a machine: behind a bridge port of another name."""
    run(spot.space, "ip", "link", "set", "gvb1", "name", "gfirst")
    try:
        with guest(spot, "vb1", address) as space:
            yield space
    finally:
        run(spot.space, "ip", "link", "set", "gfirst", "name", "gvb1")


def test_a_stranger_sends_nothing_into_a_segment(spots: dict[str, Spot]) -> None:
    """A peer of the plane that is no member: its VXLAN is dropped and counted."""
    space = spots[STRANGER].space
    with _guests(spots) as (one, _):
        try:
            ends = ("local", "10.203.2.2", "remote", "10.203.1.1")
            forged = ("type", "vxlan", "id", "1", "dstport", "4789", *ends)
            run(space, "ip", "link", "add", "evil", "mtu", "1370", *forged)
            run(space, "ip", "address", "add", "10.9.0.66/24", "dev", "evil")
            run(space, "ip", "link", "set", "evil", "up")
            before = spots[HERE].dropped()
            assert not _pings(space, "10.9.0.1")
            assert spots[HERE].dropped() > before
            assert _reaches(one, "10.9.0.2")
        finally:
            call(space, "ip", "link", "del", "evil")


def test_a_member_of_one_segment_sends_nothing_into_another(spots: dict[str, Spot]) -> None:
    """What it sends with its own identifier passes, with another's it is dropped and counted."""
    mesh = declared(lan=LAN, other={"id": 2, "nodes": [HERE, STRANGER]})
    for spot in spots.values():
        spot.tell(mesh)
    space = spots[STRANGER].space
    send = (
        "import socket,sys; s=socket.socket(2,2); s.bind(('10.203.2.2',0));"
        "f=bytes.fromhex('08000000%06x00'%int(sys.argv[1])+'ff'*6+'026600000001'+'88b5');"
        "s.sendto(f+bytes(46),('10.203.1.1',4789))"
    )
    for number, seen in ((2, True), (1, False)):
        before = spots[HERE].dropped()
        run(space, "python3", "-c", send, str(number))
        # It has been through when what is sent after it is back.
        assert _reaches(space, "10.203.1.1")
        assert spots[HERE].dropped() == before + (not seen)
        learned = run(spots[HERE].space, "bridge", "fdb", "show", "br", f"vb{number}")
        assert ("02:66:00:00:00:01" in learned) == seen


def test_a_guest_reaches_neither_host_nor_anything_else(spots: dict[str, Spot]) -> None:
    """Not the host's addresses, by ARP or by a forged one; not another segment on the same host."""
    two = declared(lan=LAN, other={"id": 2, "nodes": [*MEMBERS]})
    for spot in spots.values():
        spot.tell(two)
    host = spots[HERE]
    with _guests(spots) as (one, _), guest(host, "vb2", "10.9.0.7") as other:
        assert not _pings(one, "10.9.0.7")
        run(one, "ip", "route", "add", "10.203.0.0/16", "dev", "eth0")
        assert not _pings(one, "10.203.1.1")
        assert "lladdr" not in run(one, "ip", "neighbour", "show", "10.203.1.1")
        mac = run(host.space, "cat", "/sys/class/net/vb1/address").strip()
        run(host.space, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for target in ("10.203.1.1", "10.203.2.2", "10.9.0.7"):
            run(one, "ip", "neighbour", "replace", target, "lladdr", mac, "dev", "eth0")
            assert not _pings(one, target)
        assert _reaches(one, "10.9.0.2")
        assert not _pings(other, "10.9.0.1")
        run(host.space, "sysctl", "-qw", "net.ipv4.ip_forward=0")


def test_frames_never_leave_in_clear(spots: dict[str, Spot]) -> None:
    """While a plane is down the default route leads outside: frames take it but for one rule."""
    host = spots[HERE]
    ears = "table inet ears { counter out { }; chain c { type filter hook postrouting priority 0; "
    ears += 'oifname "eth0" udp dport 4789 counter name out; }; }'

    def heard() -> bool:
        run(one, "ip", "neighbour", "flush", "dev", "eth0")
        assert not _pings(one, "10.9.0.2")
        return "packets 0 " not in run(host.space, "nft", "list", "counter", "inet", "ears", "out")

    with _guests(spots) as (one, two):
        run(host.space, "nft", ears)
        run(host.space, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "out")
        try:
            for name in ("eth0", "out"):
                run(host.space, "ip", "link", "set", name, "up")
            run(host.space, "ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
            hop = ("192.0.2.2", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
            run(host.space, "ip", "neighbour", "add", *hop)
            run(host.space, "ip", "link", "set", "wg3", "down")
            run(host.space, "ip", "route", "add", "default", "via", "192.0.2.2")
            assert not heard()
            run(host.space, "nft", "flush", "chain", "inet", "backplane", "output")
            assert heard()
        finally:
            call(host.space, "ip", "link", "del", "eth0")
            run(host.space, "nft", "delete", "table", "inet", "ears")
            run(host.space, "ip", "link", "set", "wg3", "up")
        host.tell(FIRST)
        assert _reaches(two, "10.9.0.1")


FAULTS = {
    "the VXLAN interface is gone": ("ip link del vx1", "vx1", ""),
    "the bridge is gone": ("ip link del vb1", "vb1", ""),
    "the VXLAN interface is in no bridge": ("ip link set vx1 nomaster", "vx1", "MTU 1370"),
    "the VXLAN interface is down": ("ip link set vx1 down", "vx1", "down"),
    "another MTU": ("ip link set vb1 mtu 1300", "vb1", "MTU 1300"),
    "the host answers ARP": ("ip link set vb1 arp on", "vb1", "bridge"),
    "nobody is flooded to": (
        "bridge fdb del 00:00:00:00:00:00 dev vx1 dst 10.203.2.1",
        "vx1",
        "nobody",
    ),
    "a stranger is flooded to": (
        "bridge fdb append 00:00:00:00:00:00 dev vx1 dst 10.203.2.2",
        "vx1",
        "10.203.2.2",
    ),
    "another source": (
        "ip link set vx1 type vxlan local 10.203.1.9",
        "vx1",
        "10.203.1.9",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_changed_is_found_and_mended(spots: dict[str, Spot], fault: str) -> None:
    """Each is found under its interface, and after mending no more."""
    host, (done, what, live) = spots[HERE], FAULTS[fault]
    assert list(segments.differences(host.machine, host.here)) == []
    run(host.space, "sh", "-ec", done)
    found = list(segments.differences(host.machine, host.here))
    told = [one for one in found if one.what == f"{what}: segment"]
    assert told
    assert any(live in one.live for one in told)
    assert told[0].mend is not None
    told[0].mend()
    assert list(segments.differences(host.machine, host.here)) == []
    with _guests(spots) as (one, _):
        assert _reaches(one, "10.9.0.2")


def test_what_is_declared_no_more_goes_and_the_rest_stays(spots: dict[str, Spot]) -> None:
    """Another segment, another name of one, another plane's address: guests of those that stay."""
    host = spots[HERE]
    bridge = host.links()["vb1"]["ifindex"]
    host.tell(declared(renamed=LAN, other={"id": 16777215, "nodes": [*MEMBERS]}))
    assert {"vx1", "vb1", "vx16777215", "vb16777215"} <= {*host.links()}
    host.tell(declared(lan={**LAN, "plane": "monitoring"}))
    links = host.links()
    assert {name for name in links if name.startswith("v")} == {"vx1", "vb1"}
    assert links["vx1"]["linkinfo"]["info_data"]["local"] == "10.202.1.1"
    assert links["vb1"]["ifindex"] == bridge
    host.tell(declared())
    assert {"vx1", "vb1"}.isdisjoint(host.links())


def test_a_strangers_interface_is_never_touched(spots: dict[str, Spot]) -> None:
    """One that has the name of ours: refused, and told to be looked at by hand."""
    host = spots[HERE]
    host.tell(declared())
    run(host.space, "ip", "link", "add", "vb1", "type", "bridge")
    try:
        with pytest.raises(Refused, match="vb1 is an interface of somebody else"):
            host.tell(FIRST)
        assert "vx1" not in host.links()
        found = list(segments.differences(host.machine, host.here))
        theirs = [one for one in found if one.repair == "by hand"]
        assert [(one.what, one.mend) for one in theirs] == [
            ("vb1: interface of somebody else", None)
        ]
        host.tell(declared())
        assert "vb1" in host.links()
    finally:
        run(host.space, "ip", "link", "del", "vb1")


def test_applying_again_touches_nothing(spots: dict[str, Spot]) -> None:
    """What is as declared is only looked at."""
    host = spots[HERE]
    host.commands.log.clear()
    assert segments.segments(host.machine, {}) == {"touched": []}
    assert [argv for argv, stdin in host.commands.log if stdin] == []
    assert segments.end(host.machine, {}) == {"touched": []}
    assert "vx1" in host.links()
