"""Who was removed while a machine was away is kept out when it boots, and nobody else is."""

from dataclasses import replace

import asyncssh
import pytest

from node import identity, leavings, logins, membership, passwd, questions, verbs, watch
from node.machine import Machine
from runner import members
from tests.node.model import Box
from tests.node.recipe import Recipe
from tests.node.steps import flipped, refusal

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
PUSH = KEY.export_public_key().decode().strip()
MESH = Recipe(peers={"wg0": ("runner",), "wg1": ("runner", "alice", "b", "c")}, push=PUSH)
ALONE = replace(MESH, peers={"wg0": ("runner",), "wg1": ("runner", "alice")})
ALICE = {MESH.v4("wg1", "alice"), MESH.v6("wg1", "alice")}
B, C = (MESH.v4("wg1", name) for name in "bc")


def _ids(machine: Machine, without: str = "") -> list[str]:
    here = membership.peers(identity.confirmed(machine))
    return [peer.id for peer in here if peer.name != without]


def _confirm(box: Box, recipe: Recipe, serial: int = 1, key: asyncssh.SSHKey = KEY) -> None:
    about, _ = flipped(box, recipe)
    ids = questions.status(box.machine, {"generation": recipe.generation})["members"]
    verbs.confirm(box.machine, {**about, "members": members.line(ids, serial, key)})
    verbs.release(box.machine, {"id": "x"})


@pytest.fixture
def at_home(enrolled: Box) -> Box:
    """A machine that has just confirmed a mesh with alice, b and c."""
    _confirm(enrolled, MESH)
    return enrolled


def _names(box: Box) -> object:
    return questions.status(box.machine, {})["held"]


def test_a_rollout_lets_operators_in(at_home: Box) -> None:
    """With its confirmation a node knows that it missed nothing: nobody is held."""
    assert at_home.kernel.held == []
    assert _names(at_home) == []
    assert at_home.layout.shown_members.read_text().split()[0] == "1"


def test_a_list_that_the_runner_did_not_sign_is_refused(enrolled: Box) -> None:
    """Another key, an altered list, an altered serial: none is taken, by confirm or from a node."""
    _confirm(enrolled, MESH)
    about, _ = flipped(enrolled, replace(MESH, extra="more"))
    forged = members.line(_ids(enrolled.machine), 5, OTHER)
    said = refusal(verbs.confirm, enrolled.machine, {**about, "members": forged})
    assert "not signed by this mesh's runner" in said
    here = identity.confirmed(enrolled.machine)
    good = members.line(_ids(enrolled.machine), 5, KEY)
    assert membership.read(enrolled.machine, here, good)
    serial, ids, signature = good.split()
    for bad in (f"6 {ids} {signature}", f"{serial} {ids},abc {signature}", f"{serial} {ids}", ""):
        assert membership.read(enrolled.machine, here, bad) is None


def test_boot_holds_operators_until_another_node_answers(at_home: Box) -> None:
    """From the first packet on; with the same list as its own, all are let in."""
    at_home.kernel.boot()
    assert at_home.kernel.held == ["operators"]
    assert not watch.look(at_home.machine, alone=False)
    assert at_home.kernel.held == ["operators"]
    line = members.line(_ids(at_home.machine), 1, KEY)
    at_home.kernel.shown = {B: f"{line}\n"}
    assert watch.look(at_home.machine, alone=False)
    assert at_home.kernel.held == []


def test_who_was_removed_meanwhile_is_never_let_in(at_home: Box) -> None:
    """One node with a newer list is enough, whatever the others show; only alice is kept out."""
    at_home.kernel.boot()
    old = members.line(_ids(at_home.machine), 1, KEY)
    new = members.line(_ids(at_home.machine, without="alice"), 2, KEY)
    at_home.kernel.shown = {B: f"{old}\n", C: f"{new}\n"}
    assert watch.look(at_home.machine, alone=False)
    assert set(at_home.kernel.held) == ALICE
    assert _names(at_home) == ["alice"]
    # It has learnt that for good, and tells others.
    at_home.kernel.boot()
    at_home.kernel.shown = {B: f"{old}\n"}
    assert watch.look(at_home.machine, alone=False)
    assert set(at_home.kernel.held) == ALICE
    assert at_home.layout.shown_members.read_text().split()[0] == "2"


def test_a_removed_node_is_kept_out_too(at_home: Box) -> None:
    """A node in bad hands is a peer like any other."""
    at_home.kernel.boot()
    new = members.line(_ids(at_home.machine, without="b"), 2, KEY)
    at_home.kernel.shown = {C: f"{new}\n"}
    assert watch.look(at_home.machine, alone=False)
    assert _names(at_home) == ["b"]


def test_a_node_in_bad_hands_cannot_keep_anybody_out(at_home: Box) -> None:
    """What it makes up has no signature that counts; an old list of the runner's does no harm."""
    at_home.kernel.boot()
    forged = members.line(["0"], 9_999, OTHER)
    stale = members.line(["0"], 0, KEY)
    at_home.kernel.shown = {B: f"{forged}\n", C: f"{stale}\n"}
    assert watch.look(at_home.machine, alone=False)
    assert at_home.kernel.held == []


def test_alone_in_the_world_a_node_lets_operators_in_after_a_while(at_home: Box) -> None:
    """No other node answers: not at once, but in the end."""
    at_home.kernel.boot()
    assert not watch.look(at_home.machine, alone=False)
    assert watch.look(at_home.machine, alone=True)
    assert at_home.kernel.held == []


def test_a_mesh_of_one_waits_for_nobody(enrolled: Box) -> None:
    """There is no other node to ask."""
    _confirm(enrolled, ALONE)
    enrolled.kernel.boot()
    assert watch.look(enrolled.machine, alone=False)
    assert enrolled.kernel.held == []


def test_a_rollout_ends_what_was_held(at_home: Box) -> None:
    """The next generation has no alice, and nobody is held any more."""
    at_home.kernel.boot()
    new = members.line(_ids(at_home.machine, without="alice"), 2, KEY)
    at_home.kernel.shown = {B: f"{new}\n", C: f"{new}\n"}
    watch.look(at_home.machine, alone=False)
    without = replace(MESH, peers={"wg0": ("runner",), "wg1": ("runner", "b", "c")})
    _confirm(at_home, without, serial=3)
    assert at_home.kernel.held == []
    assert _names(at_home) == []


# Who expires


def _expiring(box: Box, seconds: int) -> Recipe:
    return replace(MESH, until={"alice": int(box.machine.clock.wall()) + seconds})


def test_who_expires_is_refused_without_any_rollout(enrolled: Box) -> None:
    """In the second in which the last day ends, by the node's own watch, and others stay in."""
    _confirm(enrolled, _expiring(enrolled, 100), serial=1)
    assert _names(enrolled) == []
    assert watch.pause(enrolled.machine) == 100
    enrolled.machine.clock.sleep(99)
    assert watch.look(enrolled.machine, alone=False)
    assert enrolled.kernel.held == []
    enrolled.machine.clock.sleep(watch.pause(enrolled.machine))
    assert watch.look(enrolled.machine, alone=False)
    assert set(enrolled.kernel.held) == ALICE
    assert _names(enrolled) == ["alice"]
    assert watch.pause(enrolled.machine) == watch.EVERY, "nobody else expires"


def test_no_list_lets_in_who_has_expired(enrolled: Box) -> None:
    """Not a newer one, no boot, no rollout that has the same day; one with a later day does."""
    recipe = _expiring(enrolled, 10)
    _confirm(enrolled, recipe)
    enrolled.machine.clock.sleep(11)
    _confirm(enrolled, replace(recipe, extra="more"), serial=2)
    assert set(enrolled.kernel.held) == ALICE
    enrolled.kernel.boot()
    line = members.line(_ids(enrolled.machine), 3, KEY)
    enrolled.kernel.shown = {B: f"{line}\n", C: f"{line}\n"}
    assert watch.look(enrolled.machine, alone=False)
    assert set(enrolled.kernel.held) == ALICE
    _confirm(enrolled, _expiring(enrolled, 1000), serial=4)
    assert enrolled.kernel.held == []


def test_alone_in_the_world_a_node_knows_the_day(enrolled: Box) -> None:
    """That nobody answers lets in who may come, and not who has expired."""
    _confirm(enrolled, _expiring(enrolled, 10))
    enrolled.machine.clock.sleep(11)
    enrolled.kernel.boot()
    assert watch.look(enrolled.machine, alone=True)
    assert set(enrolled.kernel.held) == ALICE


# What a run holds out before any rollout


def _hold(box: Box, line: str) -> object:
    return membership.hold(box.machine, {"members": line})["held"]


def test_a_run_holds_out_who_left_before_any_rollout(at_home: Box) -> None:
    """At once, for good, shown to others; and lets in again whom a newer list names again."""
    ids = _ids(at_home.machine, without="alice")
    known = membership.known(at_home.machine, {})
    assert set(known["peers"]) == {"runner", "alice", "b", "c"}
    assert known["members"].split()[0] == "1"
    marked = [*ids, membership.GONE + known["peers"]["alice"]]
    assert _hold(at_home, members.line(marked, 2, KEY)) == ["alice"]
    assert set(at_home.kernel.held) == ALICE
    assert at_home.layout.shown_members.read_text().split()[0] == "2"
    assert _hold(at_home, members.line(_ids(at_home.machine), 3, KEY)) == []
    assert at_home.kernel.held == []


def test_an_older_list_or_a_forged_one_holds_nobody_out(at_home: Box) -> None:
    """It needs no lease, so it must take nothing that is not newer and signed."""
    assert _hold(at_home, members.line(["0"], 0, KEY)) == []
    said = refusal(membership.hold, at_home.machine, {"members": members.line(["0"], 9, OTHER)})
    assert "not signed by this mesh's runner" in said
    assert at_home.kernel.held == []


def test_a_machine_that_is_not_enrolled_knows_nobody(newborn: Box) -> None:
    """A run that reaches it so early learns nothing wrong."""
    assert membership.known(newborn.machine, {}) == {"peers": {}, "members": ""}


def test_who_is_held_out_has_their_sessions_ended(
    at_home: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their addresses, and by their keys, of an account of their own too; nobody else's."""
    told: list[tuple[set[str], set[str]]] = []

    def end(_: Machine, addresses: set[str], keys: set[str]) -> int:
        told.append((set(addresses), set(keys)))
        return 2

    killed: list[int] = []
    monkeypatch.setattr(logins, "end", end)
    monkeypatch.setattr(leavings, "kill_all", lambda _, uid: killed.append(uid))
    here = identity.confirmed(at_home.machine)
    folder = here.file(membership.LOGIN_KEYS)
    folder.mkdir(parents=True)
    (folder / "al").write_text('from="10.201.255.1" ssh-ed25519 BBBB alice\n', encoding="ascii")
    (folder / "bo").write_text('from="10.201.255.2" ssh-ed25519 CCCC bob\n', encoding="ascii")
    _hold(at_home, members.line(_ids(at_home.machine, without="alice"), 2, KEY))
    assert told == [(ALICE, {"ssh-ed25519 BBBB"})]
    assert killed == [passwd.uid_of("al")], "an account that nobody may come in to any more"
    told.clear()
    _hold(at_home, members.line(_ids(at_home.machine, without="alice"), 3, KEY))
    assert told == [], "once is enough"
