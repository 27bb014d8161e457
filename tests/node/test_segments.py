"""Segments on a machine that is made up: whatever stands there, it ends as declared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import identity, segments
from node.commands import Commands, Result
from node.errors import Refused
from node.generations import Generation
from node.layout import Layout
from node.machine import Machine
from tests.node.model import Box, FakeJournal

Json = dict[str, Any]
LAN = {"name": "lan", "id": 1, "local": "10.203.1.1", "mtu": 1370, "peers": ["10.203.2.1"]}
ALL = "00:00:00:00:00:00"


@dataclass(slots=True)
class World(Commands):
    """What `ip` and `bridge` tell and do here.

    Attributes:
        links: interfaces by name, as `ip -json -details` has them.
        fdb: by VXLAN interface, hardware address and peer.
        made: names of all that were made, in order.
        refuses: what a line must hold for the kernel to refuse it.
    """

    links: dict[str, Json] = field(default_factory=dict)
    fdb: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    refuses: str = "nothing"

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Be one of the two."""
        assert timeout
        out, code = "", 0
        if "-batch" in argv:
            for line in stdin.splitlines():
                if self.refuses in line or not self._do(argv[0], line.split()):
                    code = 1
                    if "-force" not in argv:
                        break
        elif argv[0] == "ip":
            assert argv == ["ip", "-json", "-details", "link"]
            out = json.dumps([{"ifname": name, **told} for name, told in self.links.items()])
        else:
            assert argv[:5] == ["bridge", "-json", "fdb", "show", "dev"]
            rows: list[Json] = [{"mac": mac, "dst": to} for mac, to in self.fdb.get(argv[5], ())]
            out = json.dumps([*rows, {"mac": "33:33:00:00:00:01", "flags": ["self"]}])
        return Result(code=code, out=out, err="refused\n" if code else "")

    def _do(self, program: str, words: list[str]) -> bool:
        if program == "bridge":
            return self._entry(words)
        assert words[0] == "link"
        name = words[3]
        if words[1] == "del":
            self.fdb.pop(name, None)
            return self.links.pop(name, None) is not None
        if words[1] == "add":
            return self._add(name, words)
        self._set(self.links[name], words[4:])
        return True

    def _entry(self, words: list[str]) -> bool:
        _, verb, mac, _, name, _, peer = words
        rows = self.fdb[name]
        if (verb == "append") == ((mac, peer) in rows):
            return False
        if verb == "append":
            rows.append((mac, peer))
        else:
            rows.remove((mac, peer))
        return True

    def _set(self, one: Json, words: list[str]) -> None:
        flags = {"up": "UP", "arp": "NOARP"}
        keys = {"alias": "ifalias", "addrgenmode": "inet6_addr_gen_mode", "master": "master"}
        if words in (["up"], ["arp", "off"]):
            one["flags"] = [*one["flags"], flags[words[0]]]
        elif words[0] == "mtu":
            one["mtu"] = int(words[1])
        else:
            (key, value) = words
            assert key != "master" or value in self.links
            one[keys[key]] = value

    def _add(self, name: str, words: list[str]) -> bool:
        told = dict(zip(words[4::2], words[5::2], strict=False))
        if name in self.links:
            return False
        self.made.append(name)
        kind = words[words.index("type") + 1]
        inner: Json = {"stp_state": 0, "mcast_snooping": 0}
        if kind == "vxlan":
            given = dict(zip(words[8::2], words[9::2], strict=False))
            inner = {
                "id": int(given["id"]),
                "local": given["local"],
                "port": int(given["dstport"]),
                "ttl": int(given["ttl"]),
                "learning": words[-1] == "learning",
            }
            self.fdb[name] = []
        self.links[name] = {
            "mtu": int(told.get("mtu", 1500)),
            "flags": [],
            "inet6_addr_gen_mode": "eui64",
            "linkinfo": {"info_kind": kind, "info_data": inner},
        }
        return True


def _machine(root: Path, world: World, *wanted: Json) -> Machine:
    layout = Layout(root=root)
    file = layout.active / segments.FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"segments": wanted}), encoding="ascii")
    return Machine(layout=layout, commands=world, journal=FakeJournal())


def _found(machine: Machine) -> list[tuple[str, str, str]]:
    here = Generation(
        name="x", path=machine.layout.active, node=None, incarnation=1, interfaces={}, mesh={}
    )
    return [(one.what, one.declared, one.live) for one in segments.differences(machine, here)]


def test_a_segment_is_made_once_and_told_in_words(tmp_path: Path) -> None:
    """Both interfaces, marked, up, without addresses of their own; a second time nothing is."""
    world = World()
    machine = _machine(tmp_path, world, LAN)
    assert _found(machine) == [
        ("vb1: segment", "bridge, MTU 1370", ""),
        ("vx1: segment", "VXLAN 1 from 10.203.1.1, MTU 1370, in vb1", ""),
    ]
    assert segments.segments(machine, {}) == {"touched": ["vb1", "vx1"]}
    assert world.made == ["vb1", "vx1"]
    assert world.fdb == {"vx1": [(ALL, "10.203.2.1")]}
    assert {one["ifalias"] for one in world.links.values()} == {"backplane-segment:lan"}
    assert "NOARP" in world.links["vb1"]["flags"]
    assert _found(machine) == []
    assert segments.segments(machine, {}) == {"touched": []}
    assert world.made == ["vb1", "vx1"]


def test_who_leaves_is_forgotten_with_all_that_was_seen_behind_it(tmp_path: Path) -> None:
    """What ages away meanwhile is no failure; what was seen behind others stays."""
    world = World()
    three = {**LAN, "peers": ["10.203.2.1", "10.203.5.9"]}
    segments.segments(_machine(tmp_path, world, three), {})
    seen = [("02:00:00:00:00:01", "10.203.5.9"), ("02:00:00:00:00:02", "10.203.2.1")]
    world.fdb["vx1"] += seen
    machine = _machine(tmp_path, world, LAN)
    assert _found(machine) == [
        ("vx1: segment", "floods to 10.203.2.1", "floods to 10.203.2.1, 10.203.5.9")
    ]
    assert segments.segments(machine, {}) == {"touched": ["vx1"]}
    assert world.fdb["vx1"] == [(ALL, "10.203.2.1"), seen[1]]
    assert world.made == ["vb1", "vx1"]
    world.fdb["vx1"].append(seen[0])
    world.refuses = "02:00:00:00:00:01"
    assert segments.segments(machine, {}) == {"touched": []}


def test_an_end_takes_nothing_that_is_still_declared(tmp_path: Path) -> None:
    """A unit that is started anew takes no guest's network; one that is gone takes all of ours."""
    world = World(links={"eth0": {"mtu": 1500, "flags": ["UP"]}, "vb9": {"flags": []}})
    machine = _machine(tmp_path, world, LAN)
    segments.segments(machine, {})
    assert segments.end(machine, {}) == {"touched": []}
    (machine.layout.active / segments.FILE).unlink()
    assert segments.end(machine, {}) == {"touched": ["vb1", "vx1"]}
    assert {*world.links} == {"eth0", "vb9"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"segments": [{"id": 1, "peers": []}]}'])
def test_a_damaged_file_is_told_of_and_nothing_is_touched(tmp_path: Path, text: str) -> None:
    """What it says is not known, so that all stays as it is."""
    world = World()
    machine = _machine(tmp_path, world, LAN)
    segments.segments(machine, {})
    (machine.layout.active / segments.FILE).write_text(text, encoding="ascii")
    with pytest.raises(Refused, match="is damaged"):
        segments.segments(machine, {})
    with pytest.raises(Refused, match="is damaged"):
        _found(machine)
    assert {*world.links} == {"vb1", "vx1"}


def test_what_nobody_declares_is_seen_where_no_segment_is(tmp_path: Path) -> None:
    """A machine without segments asks no program unless some interface has such a name."""
    world = World()
    machine = _machine(tmp_path, world, LAN)
    segments.segments(machine, {})
    (machine.layout.active / segments.FILE).unlink()
    assert _found(machine) == []
    (machine.layout.at("/sys/class/net") / "vb1").mkdir(parents=True)
    assert [what for what, _, _ in _found(machine)] == ["vb1: segment", "vx1: segment"]
    assert {declared for _, declared, _ in _found(machine)} == {""}


def test_a_kernel_without_vxlan_says_so_and_what_is_half_made_goes(tmp_path: Path) -> None:
    """The bridge that came first is marked, so that the undo removes it."""
    world = World(refuses="type vxlan")
    machine = _machine(tmp_path, world, LAN)
    with pytest.raises(Refused, match="the kernel refuses a segment"):
        segments.segments(machine, {})
    assert isinstance(machine.journal, FakeJournal)
    assert machine.journal.lines == ["segments: the kernel refuses a segment: refused"]
    (machine.layout.active / segments.FILE).unlink()
    assert segments.end(machine, {}) == {"touched": ["vb1"]}
    assert world.links == {}


def test_somebody_elses_interface_is_named_and_left(tmp_path: Path) -> None:
    """Whatever it is; nothing else is begun either."""
    theirs = {"mtu": 1500, "flags": ["UP"], "ifalias": "mine", "linkinfo": {"info_kind": "veth"}}
    world = World(links={"vx1": dict(theirs)})
    machine = _machine(tmp_path, world, LAN)
    with pytest.raises(Refused, match="vx1 is an interface of somebody else"):
        segments.segments(machine, {})
    assert world.links == {"vx1": theirs}
    assert ("vx1: interface of somebody else", "veth, MTU 1500") in [
        (what, live) for what, _, live in _found(machine)
    ]


ONE = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["lan", "web"]),
        "local": st.sampled_from(["10.203.1.1", "10.202.1.1"]),
        "mtu": st.sampled_from([1370, 1230]),
        "peers": st.lists(st.sampled_from(["10.203.2.1", "10.203.2.2"]), min_size=1, unique=True),
    }
)
SOME = st.dictionaries(st.integers(1, 3), ONE, max_size=3)


@given(st.lists(SOME, min_size=2, max_size=4), st.sets(st.sampled_from(["vx1", "vb2"])))
def test_every_change_ends_as_declared_and_keeps_bridges(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[int, Json]], gone: set[str]
) -> None:
    """From any segments to any others, even with some taken away meanwhile."""
    world, root = World(), tmp_path_factory.mktemp("x")
    before: set[int] = set()
    for step in steps:
        for name in gone & {*world.links}:
            world.links.pop(name)
            world.fdb.pop(name, None)
        world.made.clear()
        wanted = [{"id": number, **one} for number, one in step.items()]
        there = {*world.links}
        machine = _machine(root, world, *wanted)
        segments.segments(machine, {})
        assert _found(machine) == []
        assert {*world.links} == {f"{kind}{number}" for kind in ("vx", "vb") for number in step}
        kept = {f"vb{number}" for number in before & {*step}} & there
        assert not kept & {*world.made}
        for one in wanted:
            flooded = {peer for mac, peer in world.fdb[f"vx{one['id']}"] if mac == ALL}
            assert flooded == {*one["peers"]}
        before = {*step}


def test_drift_tells_of_it_and_a_flip_mends_it(enrolled: Box) -> None:
    """Among all else that a machine is asked; what is declared by none has nothing to tell."""
    here = identity.confirmed(enrolled.machine)
    assert list(segments.differences(enrolled.machine, here)) == []
    assert ["ip", "-json", "-details", "link"] not in enrolled.kernel.log
