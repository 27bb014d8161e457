"""Names: whom a machine asks, what it registers, and that a dead DNS node keeps nothing back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from node import names
from node.commands import Result
from node.errors import Refused
from tests.node.model import Box

HERE, THERE = "10.201.1.1", "10.201.2.1"
CONFIG = {
    "servers": [HERE, THERE],
    "updates": 5300,
    "zones": ["mgmt", "mon"],
    "reverse": ["201.10.in-addr.arpa"],
    "everything": False,
    "name": "a.mgmt",
    "addresses": {"A": "10.201.1.9", "AAAA": "fd00::9"},
    "ttl": 300,
}


@dataclass(slots=True, kw_only=True)
class World:
    """What the tool's programs do here.

    Attributes:
        resolved: whether systemd-resolved runs.
        refuses: the word that resolvectl refuses, and the one on which it hangs.
        answers: how often each DNS node must be asked until it answers; None: it never does.
        asked: what resolvectl was told.
        updates: what each DNS node took.
        key: where knsupdate found its key.
    """

    resolved: bool = True
    refuses: tuple[str, str] = ("", "")
    answers: dict[str, int | None] = field(default_factory=lambda: {HERE: 1, THERE: 1})
    asked: list[list[str]] = field(default_factory=list)
    updates: dict[str, list[str]] = field(default_factory=dict)
    key: str = ""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Be `systemctl`, `resolvectl` or `knsupdate`."""
        code = 0
        if argv[0] == "systemctl":
            assert timeout <= 1
            code = 0 if self.resolved else 3
        elif argv[0] == "resolvectl":
            assert timeout <= 1
            self.asked.append(list(argv[1:]))
            code = int(argv[1] == self.refuses[0])
            if argv[1] == self.refuses[1]:
                raise Refused("resolvectl did not end in time", "")
        else:
            assert argv[0] == "knsupdate"
            assert timeout <= 3
            self.key = argv[argv.index("-k") + 1]
            server, *lines = stdin.splitlines()
            address = server.split()[1]
            left = self.answers[address]
            if left is None:
                raise Refused("knsupdate did not end in time", "")
            self.answers[address] = left - 1
            code = 1 if left > 1 else 0
            if code == 0:
                self.updates[address] = lines
        return Result(code=code, out="", err="")


@pytest.fixture
def world(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine of a mesh with two DNS nodes."""
    made = World()
    monkeypatch.setattr(enrolled.machine.commands, "run", made.run)
    _write(enrolled)
    return made


def _write(box: Box, **changed: object) -> None:
    path = box.layout.active / names.CONFIG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**CONFIG, **changed}), encoding="utf-8")


def test_planes_are_asked_of_the_dns_nodes_and_nothing_else(enrolled: Box, world: World) -> None:
    """Their zones and reverse zones; the interface is no way to other names."""
    done = names.names(enrolled.machine, {})
    assert done == {"asks": True, "registered": [HERE, THERE], "silent": []}
    assert ["dns", "wg1", HERE, THERE] in world.asked
    assert ["domain", "wg1", "mgmt", "mon", "~201.10.in-addr.arpa"] in world.asked
    assert ["default-route", "wg1", "no"] in world.asked


def test_everything_is_asked_of_them_where_it_is_declared(enrolled: Box, world: World) -> None:
    """The guide's way: all names go to the interface."""
    _write(enrolled, everything=True)
    names.names(enrolled.machine, {})
    domains = next(words for words in world.asked if words[0] == "domain")
    assert domains[-1] == "~."
    assert ["default-route", "wg1", "yes"] in world.asked


def test_without_resolved_only_the_name_is_registered(enrolled: Box, world: World) -> None:
    """`resolvectl` would start it; the hosts file has the names."""
    world.resolved = False
    assert names.names(enrolled.machine, {})["asks"] is False
    assert names.nameless(enrolled.machine, {}) == {"withdrawn": [HERE, THERE]}
    assert world.asked == []


def test_a_name_is_registered_with_both_addresses_by_the_key_file(
    enrolled: Box, world: World
) -> None:
    """One update to each DNS node; the key is in no argument and on no stdin."""
    names.register(enrolled.machine, {})
    assert (
        world.updates[HERE]
        == world.updates[THERE]
        == [
            "zone a.mgmt.",
            "del a.mgmt. A",
            "del a.mgmt. AAAA",
            "add a.mgmt. 300 A 10.201.1.9",
            "add a.mgmt. 300 AAAA fd00::9",
            "send",
        ]
    )
    assert world.key == str(enrolled.layout.active / names.KEY)


def test_when_the_interface_goes_the_name_goes_first(enrolled: Box, world: World) -> None:
    """It is taken back, and resolved forgets the interface."""
    assert names.nameless(enrolled.machine, {}) == {"withdrawn": [HERE, THERE]}
    assert world.updates[HERE] == ["zone a.mgmt.", "del a.mgmt. A", "del a.mgmt. AAAA", "send"]
    assert world.asked == [["revert", "wg1"]]


def test_a_dead_dns_node_keeps_nothing_back(enrolled: Box, world: World) -> None:
    """The living one is told; who is silent is named, once, and fails nothing."""
    world.answers[HERE] = None
    done = names.names(enrolled.machine, {})
    assert done == {"asks": True, "registered": [THERE], "silent": [HERE]}
    assert names.nameless(enrolled.machine, {}) == {"withdrawn": [THERE]}
    (line,) = [text for text in enrolled.journal.lines if "not registered" in text]
    assert line == f"a.mgmt is not registered with {HERE} yet"


@pytest.mark.parametrize("word", ["dns", "default-route", "dnsovertls"])
@pytest.mark.parametrize("hangs", [False, True])
def test_trouble_with_resolved_keeps_nothing_back(
    enrolled: Box, world: World, word: str, *, hangs: bool
) -> None:
    """The name is registered, the journal says it, and the timer tries again."""
    world.refuses = ("", word) if hangs else (word, "")
    done = names.names(enrolled.machine, {})
    assert done == {"asks": False, "registered": [HERE, THERE], "silent": []}
    assert enrolled.journal.lines[-1].endswith(f"{word} refused")
    world.refuses = ("", "")
    assert names.register(enrolled.machine, {})["asks"] is True


def test_a_resolved_that_hangs_does_not_keep_the_interface(enrolled: Box, world: World) -> None:
    """What it keeps of an interface that is gone is nothing."""
    world.refuses = ("", "revert")
    assert names.nameless(enrolled.machine, {}) == {"withdrawn": [HERE, THERE]}


@pytest.mark.parametrize(("times", "silent"), [(3, []), (4, [HERE])])
def test_a_dns_node_that_just_starts_is_asked_again(
    enrolled: Box, world: World, times: int, silent: list[str]
) -> None:
    """Three times, some seconds apart; who has answered is left alone."""
    world.answers[HERE] = times
    began = enrolled.machine.clock.seconds()
    assert names.register(enrolled.machine, {})["silent"] == silent
    assert 10 <= enrolled.machine.clock.seconds() - began < 11
    assert world.answers[THERE] == 0


@pytest.mark.usefixtures("world")
def test_a_role_that_is_gone_leaves_nothing_to_ask(enrolled: Box, world: World) -> None:
    """Its unit ends behind its files: resolved forgets the interface all the same."""
    (enrolled.layout.active / names.CONFIG).unlink()
    for verb in (names.names, names.register):
        assert verb(enrolled.machine, {}) == {"asks": False, "registered": [], "silent": []}
    assert names.nameless(enrolled.machine, {}) == {"withdrawn": []}
    assert world.asked == [["revert", "wg1"]]
